#include "api/v2.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
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
  EXPECT_EQ(flat->infer.id, "q");
  ASSERT_EQ(flat->infer.inputs[0].numbers.size(), 4U);
  EXPECT_TRUE(std::isnan(flat->infer.inputs[0].numbers[2]));
  ASSERT_EQ(nested->infer.inputs[0].numbers.size(), 4U);
  for (const size_t i : {0, 1, 3})
    EXPECT_EQ(flat->infer.inputs[0].numbers[i], nested->infer.inputs[0].numbers[i]);
}

// Such as "%.20f" writes.
TEST(V2, reads_numbers_of_more_than_nineteen_digits) {
  for (const auto& [text, value] : {std::pair("0.30000000000000001110", 0.3),
                                    {"0.999999999999999999991", 1.0},
                                    {"-0.00099999999999999999999", -0.001},
                                    {"0.99999999999999999999e5", 1e5},
                                    {"30000000000000000000.5", 3e19},
                                    {"1e-400", 0.0}}) {
    const auto request = parse_any_infer_request(fmt::format(
        R"({{"inputs":[{{"name":"x","shape":[2],"datatype":"FP64","data":[{0} ,{0}]}}],"outputs":[{{"name":"score"}}]}})",
        text));
    ASSERT_TRUE(request) << text;
    EXPECT_EQ(request->infer.inputs[0].numbers, (std::vector<double>{value, value})) << text;
  }
}

TEST(V2, reads_members_in_any_order_and_texts_with_their_escapes) {
  const auto request = parse_infer_request(
      R"({"outputs":[{"name":"score"}],"more":[{"x":[1]}],"inputs":[{"data":["a\u00e9\"",null,""],"extra":{},)"
      R"("datatype":"BYTES","shape":[3],"name":"t"},{"shape":[1],"data":[7],"name":"n","datatype":"INT8"}],"id":"q"})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->infer.id, "q");
  EXPECT_EQ(request->infer.outputs, std::vector<std::string>{"score"});
  ASSERT_EQ(request->infer.inputs.size(), 2U);
  const serving::Tensor& texts = request->infer.inputs[0];
  ASSERT_EQ(texts.values(), 3U);
  EXPECT_EQ(texts.texts.at(0), "a\u00e9\"");
  EXPECT_EQ(texts.texts.at(1), std::nullopt);
  EXPECT_EQ(texts.texts.at(2), "");
  EXPECT_EQ(request->infer.inputs[1].numbers, std::vector<double>{7});
}

TEST(V2, a_bare_nan_is_missing_as_null_is) {
  const auto request = parse_infer_request(
      R"({"id":"NaN, NaN]","inputs":[{"name":"x","shape":[2,2],"datatype":"FP64","data":[[NaN, 1],[2,NaN]]},)"
      R"({"name":"t","shape":[2],"datatype":"BYTES","data":["\"NaN,",NaN]}]})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->infer.id, "NaN, NaN]");
  const std::vector<double>& numbers = request->infer.inputs[0].numbers;
  ASSERT_EQ(numbers.size(), 4U);
  EXPECT_TRUE(std::isnan(numbers[0]) && std::isnan(numbers[3]));
  EXPECT_EQ(numbers[1], 1);
  EXPECT_EQ(request->infer.inputs[1].texts.at(0), "\"NaN,");
  EXPECT_EQ(request->infer.inputs[1].texts.at(1), std::nullopt);
  for (const char* data : {"[Nan,1]", "[-NaN,1]", "[NaNs,1]", "[Infinity,1]", "[NaN"})
    EXPECT_NE(code_of(fmt::format(R"({{"inputs":[{{"name":"x","shape":[2],"datatype":"FP64","data":{}}}]}})",
                                  data)),
              "")
        << data;
}

// One input 'x' with this datatype, shape and data.
std::string code_for(std::string_view datatype, std::string_view shape, std::string_view data) {
  return code_of(fmt::format(R"({{"inputs":[{{"name":"x","shape":{},"datatype":"{}","data":{}}}]}})", shape,
                             datatype, data));
}

TEST(V2, holds_data_against_its_shape) {
  for (const char* data : {"[1,2,3,4,5,6]", "[[1,2,3],[4,5,6]]"})
    EXPECT_EQ(code_for("FP64", "[2,3]", data), "");
  for (const char* data :
       {"[[1,2],[3,4,5,6]]", "[[1,2,3,4,5,6]]", "[[1,2,3],4,5,6]", "[1,2,3,[4,5,6]]", "[[1,2],[3,4],[5,6]]",
        "[[[1,2,3]],[4,5,6]]", "[[1,2,3]]", "[]", "[1,2,3,4,5]", "[1,2,3,4,5,6,7]", "[[1,2,3],[4,5,6],[]]"})
    EXPECT_EQ(code_for("FP64", "[2,3]", data), "infer.shape") << data;
  EXPECT_EQ(code_for("FP64", "[2]", "[[1],[2]]"), "infer.shape");
  EXPECT_EQ(code_for("FP64", "[2,1]", "[[1],[2]]"), "");
  EXPECT_EQ(code_for("FP64", "[0]", "[]"), "");
}

TEST(V2, holds_each_value_against_its_datatype) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> held{
      {"BOOL", {"true", "false", "0", "1", "null"}},
      {"UINT8", {"0", "255", "null"}},
      {"INT8", {"-128", "127"}},
      {"UINT64", {"18446744073709551615"}},
      {"INT64", {"-9223372036854775808", "9223372036854775807"}},
      {"FP32", {"1", "-1.5", "3.4028235e38", "1e-400", "123456789012345678901234567890"}},
      {"FP64", {"1e38", "null", "-0"}}};
  const std::vector<std::pair<std::string, std::vector<std::string>>> refused{
      {"BOOL", {"7", "-1", "0.5", "\"true\"", "{}"}},
      {"UINT8", {"-1.5", "-1", "256", "1e300", "1.5", "true", "\"1\""}},
      {"INT8", {"-129", "128"}},
      {"UINT64", {"-1", "18446744073709551616"}},
      {"INT64", {"9223372036854775808", "1.5"}},
      {"FP32", {"true", "1e39", "\"1\"", "{}"}},
      {"FP32", {"1e300", "-1e300"}},
      {"FP64", {"1e999", "false"}},
      {"BYTES", {"1", "true", "{}"}}};
  for (const auto& [datatype, values] : held)
    for (const std::string& value : values)
      EXPECT_EQ(code_for(datatype, "[1]", "[" + value + "]"), "") << datatype << " " << value;
  for (const auto& [datatype, values] : refused)
    for (const std::string& value : values)
      EXPECT_EQ(code_for(datatype, "[1]", "[" + value + "]"), "v2.datatype") << datatype << " " << value;
}

TEST(V2, refuses_a_shape_beyond_the_limits_before_its_data_is_read) {
  // What is behind the shape is no JSON: only a reader that goes on could say so.
  EXPECT_EQ(code_for("FP64", "[100001]", "[x"), "infer.too_many_rows");
  EXPECT_EQ(code_for("FP64", "[1,10000001]", "[x"), "infer.too_large");
  EXPECT_EQ(code_for("FP64", "[-1]", "[x"), "infer.shape");
  EXPECT_EQ(code_for("FP64", "[4294967296,4294967296]", "[x"), "infer.shape");
  EXPECT_EQ(code_for("FP64", "[1]", "[0,0,x"), "infer.shape");  // and stops at the first value too many
}

TEST(V2, refuses_parameters_that_would_change_the_answer) {
  const auto with = [](std::string_view request, std::string_view input, std::string_view output) {
    return code_of(fmt::format(
        R"({{"parameters":{{{}}},"inputs":[{{"name":"x","parameters":{{{}}},"shape":[1],"datatype":"FP64","data":[1]}}],)"
        R"("outputs":[{{"name":"score","parameters":{{{}}}}}]}})",
        request, input, output));
  };
  EXPECT_EQ(with("", "", ""), "");
  EXPECT_EQ(with(R"("binary_data_output":true)", "", R"("binary_data":true)"), "");
  EXPECT_EQ(with("", "", R"("classification":3)"), "");
  EXPECT_EQ(with("", "", R"("classification":-3)"), "v2.malformed");
  EXPECT_EQ(with("", "", R"("binary_data":1)"), "v2.malformed");
  EXPECT_EQ(with("", R"("binary_data_size":8)", ""), "v2.malformed");  // and data, too
  EXPECT_EQ(with("", R"("shared_memory_region":"r")", ""), "v2.unsupported");
  EXPECT_EQ(with(R"("sequence_id":1)", "", ""), "v2.unsupported");
  EXPECT_EQ(with(R"("sequense_id":1)", "", ""), "v2.malformed");
}

TEST(V2, reads_how_many_microseconds_a_request_has) {
  const auto with = [](std::string_view timeout) {
    return parse_infer_request(fmt::format(
        R"({{"parameters":{{"timeout":{}}},"inputs":[{{"name":"x","shape":[1],"datatype":"FP64","data":[1]}}]}})",
        timeout));
  };
  EXPECT_EQ(with("1500").value().timeout, std::chrono::microseconds(1500));
  EXPECT_EQ(with("0").value().timeout, std::nullopt);
  EXPECT_EQ(with("18446744073709551615").value().timeout, std::chrono::hours(365 * 24));
  for (const char* wrong : {"-1", "1.5", "\"1\"", "null"}) EXPECT_FALSE(with(wrong)) << wrong;
}

TEST(V2, refuses_what_is_said_twice_and_what_follows_the_end) {
  EXPECT_EQ(
      code_of(R"({"id":"a","id":"b","inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}]})"),
      "v2.malformed");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1],"data":[2]}]})"),
            "v2.malformed");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}]} {})"),
            "json.invalid");
  EXPECT_EQ(code_of(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}])"), "json.invalid");
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
  const auto back = parse_json(infer_reply({}, response, {}).body);
  RC_ASSERT(back.has_value());
  RC_ASSERT((*back)["outputs"][0]["data"][0].get<double>() == value);
}

// A request of two inputs, of which the first lies behind the JSON.
std::string two_inputs(size_t binary_bytes, std::string_view shape, std::string_view bytes,
                       size_t& json_bytes) {
  std::string body = fmt::format(
      R"({{"inputs":[{{"name":"a","shape":{},"datatype":"BYTES","parameters":{{"binary_data_size":{}}}}},)"
      R"({{"name":"b","shape":[2],"datatype":"FP64","data":[1,2]}}]}})",
      shape, binary_bytes);
  json_bytes = body.size();
  return body + std::string(bytes);
}

TEST(V2, reads_binary_tensors_behind_the_json) {
  const std::string texts("\2\0\0\0hi\0\0\0\0", 10);
  size_t json_bytes = 0;
  const std::string body = two_inputs(texts.size(), "[2]", texts, json_bytes);
  const auto request = parse_infer_request(body, json_bytes);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->infer.inputs[0].texts.at(0), "hi");
  EXPECT_EQ(request->infer.inputs[0].texts.at(1), "");
  EXPECT_EQ(request->infer.inputs[1].numbers, (std::vector<double>{1, 2}));
}

TEST(V2, a_header_that_comes_again_has_the_values_that_come_with_it) {
  V2Request request;
  const std::string json =
      R"({"inputs":[{"name":"x","shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2}}]})";
  for (const std::string bytes : {"ab", "cd", "cd", "ab"}) {
    ASSERT_TRUE(parse_infer_request(json + bytes, json.size(), request));
    EXPECT_EQ(request.infer.inputs[0].numbers,
              (std::vector<double>{static_cast<double>(bytes[0]), static_cast<double>(bytes[1])}));
  }
  EXPECT_EQ(parse_infer_request(json + "a", json.size(), request).error().code, "v2.malformed");
}

// Bodies of every form, right ones and wrong ones, one behind the other.
TEST(V2, a_header_that_comes_again_is_read_anew_where_an_input_was_taken) {
  const std::string json =
      R"({"inputs":[{"name":"key","shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":1}},)"
      R"({"name":"x","shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":1}}]})";
  V2Request request;
  for (const char value : {'\x01', '\x02'}) {
    ASSERT_TRUE(parse_infer_request(json + '\x07' + value, json.size(), request));
    ASSERT_EQ(request.infer.inputs.size(), 2U);
    EXPECT_EQ(request.infer.inputs[0].numbers, std::vector<double>{7});
    EXPECT_EQ(request.infer.inputs[1].numbers, std::vector<double>{static_cast<double>(value)});
    request.infer.inputs.erase(request.infer.inputs.begin());  // as the row's key is
  }
}

RC_GTEST_PROP(V2, what_is_read_into_another_requests_memory_is_as_if_into_new, ()) {
  struct Body {
    std::string json, behind;
    bool binary = true;
  };
  const std::string texts("\1\0\0\0t\0\0\0\0", 9);
  const auto numbers = [](std::string_view name, int bytes) {
    return fmt::format(
        R"({{"name":"{}","shape":[2],"datatype":"UINT8","parameters":{{"binary_data_size":{}}}}})", name,
        bytes);
  };
  const std::string plain = R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":)";
  const std::string text =
      R"({"name":"t","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}})";
  const std::vector<Body> bodies{
      {plain + "[1,null]}]}", "", false},
      {plain + "[[-0.5, 2.25]]}]}", "", false},
      {plain + "[1,2,3]}]}", "", false},
      {plain + "[1,2]}]} ]", "", false},
      {plain + "[1,2]}],\"id\":\"r\"}", "", false},
      {plain + R"([1,2]},{"name":"y","shape":[1],"datatype":"FP64","data":[3]}]})", "", false},
      {R"({"id":"s",)" + plain.substr(1) + "[1.5,2]}]}", "", false},
      {R"({"inputs":[{"name":"t","shape":[2],"datatype":"BYTES","data":["a","b"]},)"
       R"({"name":"x","shape":[2,1],"datatype":"INT8","data":[[1],[2]]}]})",
       "", false},
      {R"({"parameters":{"timeout":5,"binary_data_output":true},"inputs":[{"name":"x","shape":[1],)"
       R"("datatype":"FP64","data":[3]}],"outputs":[{"name":"o","parameters":{"classification":2}}]})",
       "", false},
      {R"({"id":"r","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1)", "", false},
      {R"({"inputs":[)" + numbers("n", 2) + "]}", "ab"},
      {R"({"inputs":[)" + numbers("n", 2) + "]}", "cd"},
      {R"({"inputs":[)" + numbers("n", 2) + "]}", "abc"},
      {R"({"inputs":[)" + numbers("n", 1) + "]}", "a"},
      {R"({"inputs":[)" + text + "," + numbers("n", 2) + R"(],"parameters":{"binary_data_output":true}})",
       texts + "ab"},
      {R"({"inputs":[)" + text + R"(,{"name":"x","shape":[1],"datatype":"FP64","data":[3]}]})", texts},
      {"{", "ab"},
      {"", "ab"}};
  V2Request kept;
  for (const size_t at :
       *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, bodies.size()))) {
    const auto& [json, behind, binary] = bodies[at];
    const auto json_bytes = binary ? std::optional(json.size()) : std::nullopt;
    const auto anew = parse_infer_request(json + behind, json_bytes);
    const auto again = parse_infer_request(json + behind, json_bytes, kept);
    RC_ASSERT(anew.has_value() == again.has_value());
    if (!anew) {
      RC_ASSERT(anew.error().message == again.error().message);
      continue;
    }
    RC_ASSERT(anew->infer.id == kept.infer.id && anew->infer.outputs == kept.infer.outputs);
    RC_ASSERT(anew->timeout == kept.timeout && anew->all.binary == kept.all.binary);
    RC_ASSERT(std::ranges::equal(anew->named, kept.named, {}, &OutputForm::classes, &OutputForm::classes));
    RC_ASSERT(std::ranges::equal(anew->infer.inputs, kept.infer.inputs, [](const auto& a, const auto& b) {
      const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
      return a.name == b.name && a.datatype == b.datatype && a.shape == b.shape && a.texts == b.texts &&
             std::ranges::equal(a.numbers, b.numbers, same);
    }));
  }
}

TEST(V2, takes_binary_tensors_to_the_last_byte_and_no_further) {
  const std::string texts("\2\0\0\0hi", 6);
  const auto code = [](size_t size, std::string_view shape, std::string_view bytes, int shift = 0) {
    size_t json_bytes = 0;
    const std::string body = two_inputs(size, shape, bytes, json_bytes);
    const auto request = parse_infer_request(body, json_bytes + static_cast<size_t>(shift));
    return request ? "" : request.error().code;
  };
  EXPECT_EQ(code(6, "[1]", texts), "");
  EXPECT_EQ(code(6, "[1]", texts + "x"), "v2.malformed");
  EXPECT_EQ(code(7, "[1]", texts), "v2.malformed");
  EXPECT_EQ(code(size_t{1} << 60, "[1]", texts), "v2.malformed");
  EXPECT_EQ(code(6, "[2]", texts), "infer.shape");
  EXPECT_EQ(code(6, "[4000000000,4000000000]", texts), "infer.shape");
  EXPECT_EQ(code(6, "[1]", texts, 1), "json.invalid");
  EXPECT_EQ(code(6, "[1]", texts, 100), "v2.malformed");
}

TEST(V2, writes_each_output_as_it_was_asked_for) {
  serving::InferResponse response;
  response.deployment = "late";
  response.version = 3;
  response.outputs.push_back({"scores", "FP64", {1, 3}, {0.25, 0.5, 0.25}});
  response.outputs.push_back({"decision", "BOOL", {1}, {1}});
  V2Request request;
  request.infer.outputs = {"scores", "decision"};
  request.named = {{.classes = 2}, {.binary = true}};
  const V2Reply reply = infer_reply(request, response, {"a", "b", "c"});
  EXPECT_EQ(
      reply.body,
      R"({"model_name":"late","model_version":"3","outputs":[{"name":"scores","datatype":"BYTES","shape":[1,2],)"
      R"("data":["0.5:1:b","0.25:0:a"]},{"name":"decision","datatype":"BOOL","shape":[1],)"
      R"("parameters":{"binary_data_size":1}}]})"
      "\x01");
  EXPECT_EQ(reply.json_bytes, reply.body.size() - 1);
}

}  // namespace
}  // namespace tidemill::api
