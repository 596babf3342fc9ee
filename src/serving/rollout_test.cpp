#include "serving/rollout.hpp"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidemill::serving {
namespace {

constexpr int kKeys = 20'000;

std::string key(int i) { return fmt::format("N{:05}", i); }

forest::Package package(std::vector<forest::Feature> features) {
  forest::Package made;
  made.features = std::move(features);
  return made;
}
const forest::Feature kA{.name = "a", .sql_type = "DOUBLE"}, kB{.name = "b", .sql_type = "DOUBLE"};
const forest::Feature kCarrier{.name = "carrier", .sql_type = "VARCHAR", .category = true};

Tensor numbers(std::string name, std::vector<double> values, std::vector<int64_t> shape) {
  Tensor tensor{std::move(name), "FP64", std::move(shape)};
  tensor.numbers = std::move(values);
  return tensor;
}
Tensor texts(std::string name, const std::vector<std::string>& values) {
  Tensor tensor{std::move(name), "BYTES", {static_cast<int64_t>(values.size())}};
  for (const std::string& value : values) tensor.texts.add(value);
  return tensor;
}

// printf 'late\n4\nN00001' | sha256sum: a place must never change, or callers change versions with a restart.
TEST(Rollout, a_key_has_the_place_that_sha256_gives_it) {
  EXPECT_NEAR(place_of_key("late", 4, "N00001"), 0.9865123597230198, 1e-15);
  EXPECT_NEAR(place_of_key("late", 4, ""), 0.2985236993852277, 1e-15);
}

TEST(Rollout, a_canary_gets_the_share_that_was_said) {
  for (const double percent : {0.5, 1.0, 10.0, 50.0, 90.0, 100.0}) {
    int taken = 0;
    for (int i = 0; i < kKeys; ++i)
      taken += is_taken_by_canary(place_of_key("late", 4, key(i)), percent) ? 1 : 0;
    const double share = percent / 100;
    // Five standard deviations of a binomial.
    EXPECT_NEAR(taken, kKeys * share, 5 * std::sqrt(kKeys * share * (1 - share))) << percent;
  }
}

// Pearson's statistic over 64 equal parts has 63 degrees of freedom: 130 is beyond its 1 - 1e-6.
TEST(Rollout, keys_lie_evenly) {
  constexpr size_t kParts = 64;
  for (const int version : {1, 2, 3}) {
    std::vector<double> counts(kParts);
    for (int i = 0; i < kKeys; ++i)
      ++counts[static_cast<size_t>(place_of_key("late", version, key(i)) * kParts)];
    const double expected = static_cast<double>(kKeys) / kParts;
    double statistic = 0;
    for (const double count : counts) statistic += (count - expected) * (count - expected) / expected;
    EXPECT_LT(statistic, 130);
  }
}

TEST(Rollout, a_growing_share_takes_keys_and_gives_none_back) {
  for (int i = 0; i < 1000; ++i) {
    const double place = place_of_key("late", 4, key(i));
    bool taken = false;
    for (const double percent : {1.0, 10.0, 33.3, 50.0, 99.9, 100.0}) {
      const bool now = is_taken_by_canary(place, percent);
      EXPECT_TRUE(now || !taken) << key(i) << " at " << percent;
      taken = now;
    }
    EXPECT_TRUE(taken) << key(i);
  }
}

TEST(Rollout, another_version_and_another_deployment_draw_anew) {
  int both = 0, both_deployments = 0;
  for (int i = 0; i < kKeys; ++i) {
    const bool here = is_taken_by_canary(place_of_key("late", 4, key(i)), 50);
    both += here && is_taken_by_canary(place_of_key("late", 5, key(i)), 50) ? 1 : 0;
    both_deployments += here && is_taken_by_canary(place_of_key("early", 4, key(i)), 50) ? 1 : 0;
  }
  const double spread = 5 * std::sqrt(kKeys * 0.25 * 0.75);
  EXPECT_NEAR(both, kKeys * 0.25, spread);
  EXPECT_NEAR(both_deployments, kKeys * 0.25, spread);
}

TEST(Rollout, a_key_is_the_same_whichever_way_it_comes) {
  const forest::Package takes = package({kA, kB, kCarrier});
  EXPECT_EQ(key_of({numbers("b", {12, 13}, {2})}, takes, "b"), "12");
  EXPECT_EQ(key_of({texts("carrier", {"12", "x"})}, takes, "carrier"), "12");
  EXPECT_EQ(key_of({numbers("all", {1, 12, 3, 4, 5, 6}, {2, 3})}, takes, "b"), "12");
  EXPECT_EQ(key_of({numbers("b", {0.1}, {1})}, takes, "b"), "0.1");
  EXPECT_EQ(key_of({numbers("b", {-0.0}, {1})}, takes, "b"), "0");
  EXPECT_EQ(key_of({numbers("b", {std::nan("")}, {1})}, takes, "b"), std::nullopt);
  EXPECT_EQ(key_of({numbers("b", {}, {0})}, takes, "b"), std::nullopt);
  EXPECT_EQ(key_of({numbers("a", {1}, {1})}, takes, "b"), std::nullopt);
}

TEST(Rollout, a_key_beside_the_features_goes_before_them) {
  const forest::Package takes = package({kA, kB});
  InferRequest request{.id = {}, .inputs = {numbers("b", {5}, {1})}, .outputs = {}};
  EXPECT_EQ(key_of(request, takes, "b"), "5");
  EXPECT_EQ(key_of(request, takes, "id"), std::nullopt);
  request.keys = {R"("id":12,"leg":"x")"};
  EXPECT_EQ(key_of(request, takes, "id"), "12");
  EXPECT_EQ(key_of(request, takes, "leg"), "x");
  EXPECT_EQ(key_of(request, takes, "b"), "5");
  EXPECT_EQ(adapted(request, takes, package({kB})).keys, request.keys);
}

TEST(Rollout, a_key_is_a_column_of_the_rows_that_are_sent) {
  const RequestSchema schema =
      RequestSchema::make(
          {"flights", {{"id", "BIGINT"}, {"tailnum", "VARCHAR"}, {"on", "BOOLEAN"}}, {"id"}, ""})
          .value();
  const auto rows = [&](std::string_view body) { return rows_from_json(schema, body).value(); };
  EXPECT_EQ(key_of(rows(R"([{"id": 7, "tailnum": "N1"}, {"id": 8, "tailnum": "N2"}])"), schema, "tailnum"),
            "N1");
  EXPECT_EQ(key_of(rows(R"({"id": 7})"), schema, "id"), "7");
  EXPECT_EQ(key_of(rows(R"({"id": 7, "on": true})"), schema, "on"), "true");
  EXPECT_EQ(key_of(rows(R"({"id": 7})"), schema, "tailnum"), std::nullopt);
  EXPECT_EQ(key_of(rows(R"({"id": 7})"), schema, "nothing"), std::nullopt);
}

TEST(Rollout, a_challenger_gets_what_it_knows_of_a_request_by_name) {
  const forest::Package champion = package({kA, kB}), challenger = package({kB});
  const auto matrix = adapted({"", {numbers("all", {1, 2, 3, 4}, {2, 2})}, {}}, champion, challenger);
  ASSERT_EQ(matrix.inputs.size(), 1U);
  EXPECT_EQ(matrix.inputs[0].name, "b");
  EXPECT_EQ(matrix.inputs[0].numbers, (std::vector<double>{2, 4}));
  EXPECT_EQ(matrix.inputs[0].shape, (std::vector<int64_t>{2}));
  const auto named =
      adapted({"", {numbers("a", {1}, {1}), numbers("b", {2}, {1}), numbers("c", {3}, {1})}, {}}, champion,
              challenger);
  ASSERT_EQ(named.inputs.size(), 2U);
  EXPECT_EQ(named.inputs[0].name, "b");
  EXPECT_EQ(named.inputs[1].name, "c");  // nobody's: still a mistake
  EXPECT_TRUE(same_inputs(champion, champion));
  EXPECT_FALSE(same_inputs(champion, package({kB, kA})));
}

TEST(Rollout, a_challenger_that_takes_a_feature_as_another_kind_is_refused) {
  forest::Feature text = kA;
  text.category = true;
  EXPECT_TRUE(check_takes_inputs_of(package({kA, kB}), package({kB, kCarrier})).has_value());
  const auto refused = check_takes_inputs_of(package({kA, kB}), package({text}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "serving.inputs");
  EXPECT_EQ(check_takes_inputs_of(package({kA, kB}), package({kCarrier})).error().code, "serving.inputs");
}

TEST(Rollout, a_challenger_of_another_task_is_refused) {
  forest::Package regression = package({kA});
  regression.task = forest::Task::Regression;
  EXPECT_TRUE(check_answers_as(package({kA}), package({kB})).has_value());
  const auto refused = check_answers_as(package({kA}), regression);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "serving.task");
}

}  // namespace
}  // namespace tidemill::serving
