#include "serving/request_rows.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "serving/infer.hpp"
#include "serving/request_time.hpp"

namespace tidemill::serving {
namespace {

using engine::GivenKind;

const RequestSchema& schema() {
  static const RequestSchema made = *RequestSchema::make({"things",
                                                          {{"id", "VARCHAR"},
                                                           {"small", "UTINYINT"},
                                                           {"whole", "BIGINT"},
                                                           {"real", "DOUBLE"},
                                                           {"single", "FLOAT"},
                                                           {"flag", "BOOLEAN"},
                                                           {"day", "DATE"},
                                                           {"clock", "TIMESTAMP"},
                                                           {"instant", "TIMESTAMP WITH TIME ZONE"},
                                                           {"money", "DECIMAL(38,2)"},
                                                           {"list", "INTEGER[]"}},
                                                          {"id"},
                                                          "instant"});
  return made;
}

std::string told(const Result<RequestRows>& rows) {
  if (!rows) return rows.error().code + ": " + rows.error().message;
  std::string out;
  for (size_t r = 0; r < rows->rows; ++r) {
    out += rows->keys[r] + " ";
    for (size_t c = 1; c < rows->columns.size(); ++c) {
      const engine::GivenValues& values = rows->columns[c];
      if (values.missing[r] != 0) continue;
      const RequestColumn& column = schema().columns()[c];
      out += column.name + "=";
      out += column.kind == GivenKind::Real   ? fmt::format("{}", values.reals[r])
             : column.kind == GivenKind::Text ? values.texts[r]
                                              : std::to_string(values.wholes[r]);
      out += " ";
    }
  }
  return out;
}
std::string json(std::string_view body) { return told(rows_from_json(schema(), body)); }
std::string csv(std::string_view body) { return told(rows_from_csv(schema(), body)); }

TEST(RequestRows, each_row_has_the_time_that_as_of_is_made_from) {
  const auto made = [](bool needs_time) {
    return *RequestSchema::make(
        {"things", {{"id", "BIGINT"}, {"At", "TIMESTAMP"}}, {"id"}, "at", needs_time});
  };
  constexpr std::string_view kOneWithout = R"([{"id": 1, "at": "2024-01-01"}, {"id": 2, "at": null}])";
  EXPECT_TRUE(rows_from_json(made(false), kOneWithout));
  const auto refused = rows_from_json(made(true), kOneWithout);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "predict.time_missing");
  EXPECT_TRUE(refused.error().message.starts_with("row 2 has no At")) << refused.error().message;
  EXPECT_EQ(rows_from_csv(made(true), "id\n7\n").error().code, "predict.time_missing");
  EXPECT_TRUE(rows_from_csv(made(true), "id,at\n7,2024-01-01 10:00\n"));
}

TEST(RequestRows, json_values_become_their_columns_types) {
  EXPECT_EQ(
      json(
          R"({"id": "ü\n", "small": 255, "whole": -9223372036854775808, "real": 1, "single": 0.5, "flag": true,
                     "day": "1969-12-31", "clock": "1970-01-01 00:00", "instant": "1970-01-01T01:00:00.5+01:00",
                     "money": 123456789012345678901.25, "list": [1, 2]})"),
      "\"id\":\"ü\\n\" small=255 whole=-9223372036854775808 real=1 single=0.5 flag=1 day=-1 clock=0 "
      "instant=500000 money=123456789012345678901.25 list=[1,2] ");
  EXPECT_EQ(json(R"([{"whole": 5.0, "ID": "a", "real": null}, {"id": "b", "money": "7"}])"),
            "\"id\":\"a\" whole=5 \"id\":\"b\" money=7 ");
}

TEST(RequestRows, numbers_of_more_than_nineteen_digits_are_read_whole) {
  EXPECT_EQ(json(R"({"id": "a", "real": 0.30000000000000001110})"), R"("id":"a" real=0.3 )");
}

TEST(RequestRows, what_is_no_value_of_its_column_is_told_with_row_and_column) {
  const std::pair<const char*, const char*> golden[] = {
      {R"("small": 256)", "'small': 256 is no UTINYINT"},
      {R"("small": -1)", "'small': -1 is no UTINYINT"},
      {R"("small": 1.5)", "'small': 1.5 is no UTINYINT"},
      {R"("small": "1")", "'small': \"1\" is no UTINYINT"},
      {R"("whole": 9223372036854775808)", "'whole': 9223372036854775808 is no BIGINT"},
      {R"("single": 1e39)", "'single': 1e39 is no FLOAT"},
      {R"("real": "1")", "'real': \"1\" is no DOUBLE"},
      {R"("flag": 1)", "'flag': 1 is no BOOLEAN"},
      {R"("day": "2013-02-29")", "'day': \"2013-02-29\" is no DATE"},
      {R"("day": 7)", "'day': 7 is no DATE"},
      {R"("instant": "2013-02-28T10:00:00")",
       "'instant': \"2013-02-28T10:00:00\" is no TIMESTAMP WITH TIME ZONE"},
      {R"("list": 1)", "'list': 1 is no INTEGER[]"},
      {R"("list": "[1]")", "'list': \"[1]\" is no INTEGER[]"},
      {R"("real": {"a": 1})", "'real': {\"a\":1} is no DOUBLE"},
  };
  for (const auto& [member, message] : golden)
    EXPECT_EQ(json(fmt::format(R"([{{"id": "a"}}, {{"id": "b", {}}}])", member)),
              fmt::format("predict.type: row 2, column {}", message));
}

TEST(RequestRows, a_truth_may_be_a_word_that_the_engine_casts_to_it) {
  for (const char* yes : {"true", "t", "yes", "y", "1", "TRUE", "T", "Yes", "yEs", "Y"}) {
    EXPECT_EQ(json(fmt::format(R"({{"id": "a", "flag": "{}"}})", yes)), R"("id":"a" flag=1 )") << yes;
    EXPECT_EQ(csv(fmt::format("id,flag\na,{}\n", yes)), R"("id":"a" flag=1 )") << yes;
  }
  for (const char* no : {"false", "f", "no", "n", "0", "FALSE", "F", "No", "N"}) {
    EXPECT_EQ(json(fmt::format(R"({{"id": "a", "flag": "{}"}})", no)), R"("id":"a" flag=0 )") << no;
    EXPECT_EQ(csv(fmt::format("id,flag\na,{}\n", no)), R"("id":"a" flag=0 )") << no;
  }
  for (const char* neither : {"on", "off", " yes", "tr", "2", "01", "-1", "1.0", "trueish", "null"}) {
    EXPECT_EQ(json(fmt::format(R"({{"id": "a", "flag": "{}"}})", neither)),
              fmt::format("predict.type: row 1, column 'flag': \"{}\" is no BOOLEAN", neither));
    EXPECT_TRUE(csv(fmt::format("id,flag\na,{}\n", neither)).starts_with("predict.type")) << neither;
  }
}

TEST(RequestRows, what_is_no_value_of_its_column_is_told_with_a_remedy) {
  const auto hint = [](const std::string& member) {
    const auto rows = rows_from_json(schema(), "{\"id\": \"a\", " + member + "}");
    return rows ? "no error" : rows.error().hint;
  };
  EXPECT_EQ(hint(R"("flag": 1)"), "write true or false");
  EXPECT_EQ(hint(R"("flag": "on")"), "write true or false");
  EXPECT_EQ(hint(R"("real": "1.5")"), "a number has no quotes");
  EXPECT_EQ(hint(R"("small": 256)"), "");
  EXPECT_EQ(hint(R"("day": "30.12.2013")"), "write it as 2013-12-30");
  const auto key = rows_from_json(schema(), R"({"id": 12345678901234500000})");
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().hint, "put it into quotes");
}

TEST(RequestRows, csv_fields_become_the_values_that_json_gives) {
  EXPECT_EQ(
      csv("id,small,whole,real,flag,instant,list,money\r\n\"a,\"\"b\"\"\",255,-7,.5,true,1970-01-01T00:00Z,"
          "\"[1,2]\",1.25\r\n\nc,,,,,,,\n\"\",,,nan,false,,,"),
      "\"id\":\"a,\\\"b\\\"\" small=255 whole=-7 real=0.5 flag=1 instant=0 money=1.25 list=[1,2] "
      "\"id\":\"c\" \"id\":\"\" real=nan flag=0 ");
  EXPECT_EQ(csv("\xEF\xBB\xBFid\nx"), "\"id\":\"x\" ");
  EXPECT_EQ(csv(""), "predict.no_rows: the request has no rows");
  EXPECT_EQ(csv("id,small\na,x\n"), "predict.type: row 1, column 'small': x is no UTINYINT");
  EXPECT_EQ(csv("id,id\na,b\n"), "predict.given_twice: row 1: column 'id' is given twice");
  EXPECT_EQ(csv("id,flag\n\"a\"b,\n"), "csv.quote: line 2 goes on behind a closing quotation mark");
  EXPECT_EQ(csv("id\n\xff\n"), "csv.encoding: the body is not UTF-8");
}

TEST(RequestRows, a_request_has_limits) {
  std::string many = "[";
  for (size_t i = 0; i <= kMaxRowsPerRequest; ++i)
    many += fmt::format("{}{{\"id\":\"{}\"}}", i > 0 ? "," : "", i);
  EXPECT_EQ(json(many + "]"), "infer.too_many_rows: more than 100000 rows in one request");
  const std::string deep(2000, '[');
  EXPECT_TRUE(json("{\"id\": \"a\", \"list\": " + deep).starts_with("json.")) << json("{\"list\": " + deep);
  std::string wide = "id";
  for (int i = 0; i < 20'000; ++i) wide += ",id";
  EXPECT_TRUE(csv(wide).starts_with("csv.too_many_fields"));
}

TEST(RequestRows, times_read_back_as_they_were_written) {
  EXPECT_EQ(parse_time(GivenKind::Timestamp, "2000-02-29"), 951782400000000);
  EXPECT_EQ(parse_time(GivenKind::TimestampTz, "1970-01-01 00:00-05"), 18000000000);
  EXPECT_EQ(parse_time(GivenKind::TimestampTz, "1970-01-01T00:00:00.1234567+0530"), -19799876544);
  for (const char* wrong :
       {"", "2013", "2013-1-01", "2013-01-01T", "2013-01-01T24:00Z", "2013-01-01T10:61Z",
        "2013-01-01T10:00:00.Z", "2013-01-01T10:00+", "2013-01-01T10:00Zx", "2013-01-01X10:00Z"})
    EXPECT_EQ(parse_time(GivenKind::TimestampTz, wrong), std::nullopt) << wrong;
  EXPECT_EQ(parse_time(GivenKind::Date, "2013-01-01T00:00"), std::nullopt);
}

RC_GTEST_PROP(RequestRows, any_instant_survives_its_text, ()) {
  // From the year 1 to 9999.
  const auto micros = *rc::gen::inRange<int64_t>(-62'135'596'800'000'000, 253'402'300'799'999'999);
  RC_ASSERT(parse_time(GivenKind::TimestampTz, text_of_time(GivenKind::TimestampTz, micros)) == micros);
  RC_ASSERT(parse_time(GivenKind::Timestamp, text_of_time(GivenKind::Timestamp, micros)) == micros);
  const int64_t day = micros / 86'400'000'000;
  RC_ASSERT(parse_time(GivenKind::Date, text_of_time(GivenKind::Date, day)) == day);
}

}  // namespace
}  // namespace tidemill::serving
