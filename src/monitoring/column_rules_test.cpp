#include "monitoring/column_rules.hpp"

#include <sys/stat.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/sha256.hpp"
#include "monitoring/scratch_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

using Rule = project::PredictionLog::Column::Rule;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Secret& key() {
  static const Secret made("test", std::string(64, 'a'));
  return made;
}

std::optional<std::string_view> text_at(const void* texts, size_t i) {
  const auto& text = static_cast<const std::optional<std::string>*>(texts)[i];
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

/// "name: value value" of each stored column, after the rules.
std::vector<std::string> stored(
    const project::PredictionLog& log,
    const std::vector<std::pair<std::string, std::vector<double>>>& numbers,
    const std::vector<std::pair<std::string, std::vector<std::optional<std::string>>>>& texts) {
  std::vector<CapturedColumn> features;
  std::vector<ColumnView> columns;
  size_t rows = 0;
  for (const auto& [name, values] : numbers) {
    columns.push_back({.column = static_cast<uint32_t>(features.size()), .numbers = values.data()});
    features.push_back({name});
    rows = values.size();
  }
  for (const auto& [name, values] : texts) {
    columns.push_back(
        {.column = static_cast<uint32_t>(features.size()), .text_at = text_at, .texts = values.data()});
    features.push_back({name, true, {"JFK", "LGA"}});
    rows = values.size();
  }
  const PredictionView view{.prediction_id = "p", .role = "champion", .rows = rows, .columns = columns};
  std::string captured(encoded_size(view, {0, rows}), '\0'), record;
  encode(view, {0, rows}, 0, captured.data());
  const ColumnRules rules(log, features, {}, key());
  rules.append(decode_prediction(captured).value(), record);
  const auto read = decode_prediction(record);
  if (!read) return {to_text(read.error())};
  EXPECT_EQ(read->prediction_id, "p");
  std::vector<std::string> out;
  for (const StoredColumn& column : read->columns) {
    std::string line = rules.stored().at(column.column).name + ":";
    TextReader reader(column.values);
    for (size_t r = 0; r < rows; ++r) {
      const auto text = column.kind == ValueKind::Text ? reader.next() : std::nullopt;
      line += " " + (column.kind == ValueKind::Text ? text ? std::string(*text) : "missing"
                                                    : fmt::format("{}", column.number(r)));
    }
    out.push_back(line);
  }
  return out;
}

}  // namespace

TEST(ColumnRules, texts_that_the_model_does_not_know_are_hashed_unless_somebody_decided) {
  const std::string hash = hashed(key(), "ann@example.org");
  EXPECT_EQ(stored({}, {{"x", {1.5, kNaN}}}, {{"dest", {"JFK", "ann@example.org"}}}),
            (std::vector<std::string>{"x: 1.5 nan", "dest: JFK " + hash}));
  project::PredictionLog keeps;
  keeps.columns["dest"].rule = Rule::Keep;
  EXPECT_EQ(stored(keeps, {}, {{"dest", {"ann@example.org", std::nullopt}}}),
            std::vector<std::string>{"dest: ann@example.org missing"});
}

TEST(ColumnRules, drop_hash_and_bucket_do_what_they_say) {
  project::PredictionLog log;
  log.columns["gone"].rule = Rule::Drop;
  log.columns["id"].rule = Rule::Hash;
  log.columns["dest"].rule = Rule::Hash;
  log.columns["age"] = {Rule::Bucket, 10};
  log.columns["place"] = {Rule::Bucket, 10};  // a text has no buckets: denied
  EXPECT_EQ(stored(log, {{"gone", {1, 2}}, {"id", {42, kNaN}}, {"age", {37, -1}}},
                   {{"dest", {"42", std::nullopt}}, {"place", {"JFK", "LGA"}}}),
            (std::vector<std::string>{"id: " + hashed(key(), "42") + " missing", "age: 30 -10",
                                      "dest: " + hashed(key(), "42") + " missing"}));
}

TEST(ColumnRules, a_rule_for_all_others_is_a_list_of_what_is_allowed) {
  project::PredictionLog log;
  log.others.rule = Rule::Drop;
  log.columns["age"].rule = Rule::Keep;
  EXPECT_EQ(stored(log, {{"age", {1}}, {"new", {2}}}, {{"dest", {"JFK"}}}),
            std::vector<std::string>{"age: 1"});
}

TEST(HashKey, is_made_once_and_readable_to_the_owner_alone) {
  const Scratch a, b;
  const auto first = hash_key(a.path());
  ASSERT_TRUE(first) << to_text(first.error());
  EXPECT_EQ(hash_key(a.path()).value().reveal(), first->reveal());
  EXPECT_NE(hash_key(b.path()).value().reveal(), first->reveal());
  struct stat facts{};
  ASSERT_EQ(::stat((a.path() / "predictions/hash.key").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
  EXPECT_EQ(hashed(*first, "x"), hmac_sha256(first->reveal(), "x").substr(0, 32));
}

TEST(HashKey, a_damaged_one_is_no_reason_to_hash_without) {
  const Scratch scratch;
  ASSERT_TRUE(hash_key(scratch.path()));
  const Path path = scratch.path() / "predictions/hash.key";
  ASSERT_TRUE(write_file(path, "short"));
  const auto key = hash_key(scratch.path());
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, "log.bad_key");
}

}  // namespace tidemill::monitoring
