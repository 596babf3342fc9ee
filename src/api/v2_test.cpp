#include "api/v2.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::api {
namespace {

std::string code_of(std::string_view body) {
  const auto request = parse_infer_request(body);
  return request ? "" : request.error().code;
}

TEST(V2, reads_flat_and_nested_data_alike_and_null_as_missing) {
  const auto flat = parse_infer_request(
      R"({"id":"q","inputs":[{"name":"x","shape":[2,2],"datatype":"FP64","data":[1,2.5,null,4]}]})");
  const auto nested = parse_infer_request(
      R"({"inputs":[{"name":"x","shape":[2,2],"datatype":"FP64","data":[[1,2.5],[null,4]]}]})");
  ASSERT_TRUE(flat && nested);
  EXPECT_EQ(flat->id, "q");
  EXPECT_EQ(flat->inputs[0].values, nested->inputs[0].values);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(flat->inputs[0].values[2]));
}

TEST(V2, refuses_what_the_protocol_does_not_allow) {
  EXPECT_EQ(code_of("[]"), "v2.malformed");
  EXPECT_EQ(code_of("{}"), "v2.malformed");
  EXPECT_EQ(code_of("{"), "json.invalid");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP65","data":[1]}]})"), "v2.datatype");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP16","data":[1]}]})"), "v2.datatype");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":["1"]}]})"),
            "v2.datatype");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":[1]}]})"), "v2.datatype");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1.5],"datatype":"FP64","data":[1]}]})"),
            "v2.malformed");
  EXPECT_EQ(
      code_of(R"({"inputs":[{"name":"x","shape":[18446744073709551615],"datatype":"FP64","data":[1]}]})"),
      "v2.malformed");
  EXPECT_EQ(code_of(R"({"inputs":[{"shape":[1],"datatype":"FP64","data":[1]}]})"), "v2.malformed");
}

RC_GTEST_PROP(V2, a_double_comes_back_bit_for_bit, (double value)) {
  RC_PRE(std::isfinite(value));
  serving::InferResponse response;
  response.outputs.push_back({"score", "FP64", {1}, {value}});
  const auto back = parse_json(infer_response_json(response));
  RC_ASSERT(back.has_value());
  RC_ASSERT((*back)["outputs"][0]["data"][0].get<double>() == value);
}

}  // namespace
}  // namespace tidemill::api
