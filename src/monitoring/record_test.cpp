#include "monitoring/record.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::monitoring {

namespace {

using Texts = std::vector<std::optional<std::string>>;

std::optional<std::string_view> text_at(const void* texts, size_t i) {
  const auto& text = (*static_cast<const Texts*>(texts))[i];
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::string encoded(const PredictionView& view, RowRange range, uint32_t schema = 7) {
  std::string out(encoded_size(view, range), '\0');
  EXPECT_EQ(encode(view, range, schema, out.data()), out.data() + out.size());
  return out;
}

Texts texts_of(const StoredColumn& column, size_t rows) {
  Texts out;
  TextReader reader(column.values);
  for (size_t r = 0; r < rows; ++r) {
    const auto text = reader.next();
    out.push_back(text ? std::optional<std::string>(*text) : std::nullopt);
  }
  return out;
}

}  // namespace

TEST(Record, a_prediction_comes_back_as_it_was) {
  const std::vector<double> a{1, std::numeric_limits<double>::quiet_NaN(), -0.0, 4};
  const Texts b{"x", std::nullopt, "", "Zürich"};
  const std::vector<ColumnView> columns{{.column = 1, .text_at = text_at, .texts = &b},
                                        {.column = 0, .numbers = a.data()}};
  const PredictionView view{"p-1", "order 7", "champion", "", {-5}, {1'234}, 200, 4, columns};
  const std::string bytes = encoded(view, {1, 3});
  ASSERT_EQ(kind_of(bytes).value(), RecordKind::Prediction);
  const auto read = decode_prediction(bytes);
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_EQ(read->prediction_id, "p-1");
  EXPECT_EQ(read->request_id, "order 7");
  EXPECT_EQ(read->role, "champion");
  EXPECT_EQ(read->error, "");
  EXPECT_EQ(read->at.micros, -5);
  EXPECT_EQ(read->latency.micros, 1'234);
  EXPECT_EQ(read->status, 200);
  EXPECT_EQ(read->schema, 7u);
  EXPECT_EQ(read->first_row, 1u);
  EXPECT_EQ(read->rows, 3u);
  ASSERT_EQ(read->columns.size(), 2u);
  EXPECT_EQ(read->columns[0].column, 1u);
  EXPECT_EQ(texts_of(read->columns[0], 3), (Texts{std::nullopt, "", "Zürich"}));
  EXPECT_TRUE(std::isnan(read->columns[1].number(0)));
  EXPECT_TRUE(std::signbit(read->columns[1].number(1)));
  EXPECT_EQ(read->columns[1].number(2), 4);
}

TEST(Record, a_matrix_is_read_where_it_lies) {
  const std::vector<double> matrix{1, 2, 3, 4, 5, 6};
  const std::vector<ColumnView> columns{{.column = 0, .numbers = matrix.data(), .stride = 3},
                                        {.column = 2, .numbers = matrix.data() + 2, .stride = 3}};
  const std::string bytes = encoded({.rows = 2, .columns = columns}, {0, 2});
  const auto read = decode_prediction(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->columns[0].number(1), 4);
  EXPECT_EQ(read->columns[1].number(0), 3);
  EXPECT_EQ(read->columns[1].number(1), 6);
}

TEST(Record, what_is_too_long_is_cut_between_characters) {
  std::string umlauts;
  for (size_t i = 0; i < kMaxTextBytes; ++i) umlauts += "ü";
  const Texts texts{"a" + umlauts};
  const std::vector<ColumnView> columns{{.column = 0, .text_at = text_at, .texts = &texts}};
  const std::string id(1000, 'x');
  const std::string bytes = encoded({.prediction_id = id, .rows = 1, .columns = columns}, {0, 1});
  const auto read = decode_prediction(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->prediction_id, std::string(kMaxIdBytes, 'x'));
  EXPECT_EQ(texts_of(read->columns[0], 1)[0], texts[0]->substr(0, kMaxTextBytes - 1));
}

TEST(Record, a_schema_comes_back_as_it_was) {
  const LogSchema schema{3,
                         "late",
                         7,
                         {{"dest", ValueKind::Text, LogColumn::Of::Feature},
                          {"a \"b\"", ValueKind::Number, LogColumn::Of::Feature},
                          {"decision", ValueKind::Truth, LogColumn::Of::Answer}}};
  const std::string bytes = encode(schema);
  ASSERT_EQ(kind_of(bytes).value(), RecordKind::Schema);
  EXPECT_EQ(decode_schema(bytes).value(), schema);
}

TEST(Record, what_is_no_record_is_refused) {
  for (const std::string_view bytes :
       {"", "\x05", "\x02", "\x01{", "\x01[]", "\x01{\"id\":1,\"version\":1}"}) {
    const auto kind = kind_of(bytes);
    const bool refused = !kind || (*kind == RecordKind::Schema ? !decode_schema(bytes).has_value()
                                                               : !decode_prediction(bytes).has_value());
    EXPECT_TRUE(refused) << bytes;
  }
}

RC_GTEST_PROP(Record, any_cut_and_any_byte_more_is_refused, (uint8_t rows_drawn, uint16_t at)) {
  const size_t rows = rows_drawn % 9 + 1;
  const std::vector<double> numbers(rows, 1.5);
  Texts texts(rows, "text");
  texts[0].reset();
  const std::vector<ColumnView> columns{{.column = 0, .numbers = numbers.data()},
                                        {.column = 1, .text_at = text_at, .texts = &texts}};
  const std::string bytes = encoded({.prediction_id = "id", .rows = rows, .columns = columns}, {0, rows});
  RC_ASSERT(decode_prediction(bytes).has_value());
  RC_ASSERT(head_of_prediction(bytes)->rows == rows);
  RC_ASSERT(!decode_prediction(bytes.substr(0, at % bytes.size())));
  RC_ASSERT(!decode_prediction(bytes + '\0'));
}

}  // namespace tidemill::monitoring
