#include "serving/request_keys.hpp"

#include <cmath>

#include <fmt/ranges.h>

#include "serving/serving_for_tests.hpp"

namespace tidemill::serving {
namespace {

Tensor numbers(std::string name, std::vector<double> values, std::string datatype = "INT64") {
  Tensor tensor{std::move(name), std::move(datatype), {static_cast<int64_t>(values.size())}};
  tensor.numbers = std::move(values);
  return tensor;
}
Tensor texts(std::string name, const std::vector<std::string>& values) {
  Tensor tensor{std::move(name), "BYTES", {static_cast<int64_t>(values.size())}};
  for (const std::string& value : values) tensor.texts.add(value);
  return tensor;
}

class RequestKeys : public ::testing::Test, public TestServing {
 protected:
  RequestKeys() : TestServing(1) { promote(1); }

  /// The keys and the names of the inputs that are left; or the error's code.
  std::string taken(std::vector<Tensor> inputs, std::vector<std::string> key = {"id"}) {
    LiveModel live = *open()->find("late");
    live.key = std::move(key);
    InferRequest request{.id = {}, .inputs = std::move(inputs), .outputs = {}};
    if (const auto done = take_keys(request, live); !done) return done.error().code;
    std::vector<std::string> left;
    for (const Tensor& tensor : request.inputs) left.push_back(tensor.name);
    return fmt::format("{} | {}", fmt::join(request.keys, " "), fmt::join(left, " "));
  }
};

TEST_F(RequestKeys, are_inputs_that_are_no_features) {
  EXPECT_EQ(taken({numbers("id", {7, 8}), numbers("a", {1, 2})}), R"("id":7 "id":8 | a)");
  EXPECT_EQ(taken({numbers("a", {1}), texts("id", {"N\"1"})}), R"("id":"N\"1" | a)");
  EXPECT_EQ(taken({numbers("a", {1}), numbers("id", {0.5}, "FP64")}), R"("id":0.5 | a)");
  EXPECT_EQ(taken({numbers("a", {1}), numbers("id", {1}, "BOOL")}), R"("id":true | a)");
}

TEST_F(RequestKeys, have_a_column_of_their_own_or_one_that_is_a_feature) {
  EXPECT_EQ(taken({numbers("a", {1, 2}), texts("leg", {"x", "y"}), numbers("id", {7, 8})}, {"id", "leg"}),
            R"("id":7,"leg":"x" "id":8,"leg":"y" | a)");
  EXPECT_EQ(taken({numbers("a", {1, 2}), numbers("id", {7, 8})}, {"a", "id"}),
            R"("a":1,"id":7 "a":2,"id":8 | a)");
  EXPECT_EQ(taken({numbers("a", {1})}, {"a"}), " | a");
}

TEST_F(RequestKeys, are_none_of_a_request_without_them) {
  EXPECT_EQ(taken({numbers("a", {1})}), " | a");
  EXPECT_EQ(taken({numbers("id", {1}), numbers("a", {1})}, {}), " | id a");
  Tensor matrix = numbers("id", {1, 2});
  matrix.shape = {2, 1};
  EXPECT_EQ(taken({matrix}), " | id");
}

TEST_F(RequestKeys, name_every_row_exactly) {
  EXPECT_EQ(taken({numbers("a", {1, 2}), numbers("id", {7})}), "infer.shape");
  EXPECT_EQ(taken({numbers("a", {1}), numbers("id", {std::nan("")}, "FP64")}), "infer.key");
  EXPECT_EQ(taken({numbers("a", {1}), numbers("id", {9007199254740992})}), "infer.key");
  EXPECT_EQ(taken({numbers("a", {1}), numbers("id", {9007199254740991})}), R"("id":9007199254740991 | a)");
  EXPECT_EQ(taken({numbers("a", {1}), numbers("id", {7})}, {"id", "leg"}), "infer.key");
  EXPECT_EQ(taken({numbers("a", {1}), numbers("id", {7}), numbers("id", {7})}), "infer.duplicate_input");
  EXPECT_EQ(taken({numbers("id", {7})}), "infer.no_inputs");
  Tensor missing = texts("id", {});
  missing.texts.add_missing();
  missing.shape = {1};
  EXPECT_EQ(taken({numbers("a", {1}), missing}), "infer.key");
}

}  // namespace
}  // namespace tidemill::serving
