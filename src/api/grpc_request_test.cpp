#include "api/grpc_request.hpp"

#include <cmath>

#include <fmt/format.h>
#include <rapidcheck/gtest.h>

#include "api/protocol_for_tests.hpp"
#include "api/tensor_bytes.hpp"
#include "api/wire.hpp"

namespace tidemill::api {
namespace {

using google::protobuf::Message;

Protocol& protocol() {
  static Protocol protocol;
  return protocol;
}

Result<V2Request> read(const std::string& text) {
  return read_infer_request(protocol().bytes("inference.ModelInferRequest", text));
}
std::string code_of(const std::string& text) {
  const auto request = read(text);
  return request ? "" : request.error().code;
}
std::vector<double> numbers_of(const std::string& datatype, const std::string& contents) {
  const auto request = read(
      fmt::format(R"(inputs {{ name: "x" datatype: "{}" shape: 2 contents {{ {} }} }})", datatype, contents));
  EXPECT_TRUE(request) << request.error().message;
  return request ? request->infer.inputs[0].numbers : std::vector<double>{};
}

TEST(GrpcRequest, reads_each_datatype_from_the_contents_that_it_has) {
  EXPECT_EQ(numbers_of("BOOL", "bool_contents: [true, false]"), (std::vector<double>{1, 0}));
  for (const char* datatype : {"INT8", "INT16", "INT32"})
    EXPECT_EQ(numbers_of(datatype, "int_contents: [-7, 8]"), (std::vector<double>{-7, 8}));
  for (const char* datatype : {"UINT8", "UINT16", "UINT32"})
    EXPECT_EQ(numbers_of(datatype, "uint_contents: [0, 255]"), (std::vector<double>{0, 255}));
  EXPECT_EQ(numbers_of("INT64", "int64_contents: [-9223372036854775808, 9223372036854775807]"),
            (std::vector<double>{-9223372036854775808.0, 9223372036854775808.0}));
  EXPECT_EQ(numbers_of("UINT64", "uint64_contents: [0, 18446744073709551615]"),
            (std::vector<double>{0, 18446744073709551616.0}));
  EXPECT_EQ(numbers_of("FP32", "fp32_contents: [1.5, -inf]"), (std::vector<double>{1.5, -INFINITY}));
  EXPECT_EQ(numbers_of("FP64", "fp64_contents: [0.1, inf]"), (std::vector<double>{0.1, INFINITY}));
  EXPECT_TRUE(std::isnan(numbers_of("FP64", "fp64_contents: [1, nan]")[1]));
}

TEST(GrpcRequest, reads_texts_id_and_outputs) {
  const auto request = read(R"(
      model_name: "late" id: "q" outputs { name: "score" } outputs { name: "decision" }
      inputs { name: "c" datatype: "BYTES" shape: 3 contents { bytes_contents: ["grün", "", "a"] } })");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->infer.id, "q");
  EXPECT_EQ(request->infer.outputs, (std::vector<std::string>{"score", "decision"}));
  ASSERT_EQ(request->infer.inputs[0].values(), 3U);
  EXPECT_EQ(request->infer.inputs[0].texts.at(0), "grün");
  EXPECT_EQ(request->infer.inputs[0].texts.at(1), "");
}

TEST(GrpcRequest, reads_raw_contents_each_for_its_input) {
  const auto request = read(R"(
      inputs { name: "h" datatype: "FP16" shape: 1 } inputs { name: "t" datatype: "BYTES" shape: [2, 1] }
      raw_input_contents: "\x00\x3c" raw_input_contents: "\x01\x00\x00\x00a\x00\x00\x00\x00")");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->infer.inputs[0].numbers, std::vector<double>{1});
  EXPECT_EQ(request->infer.inputs[1].texts.at(0), "a");
  EXPECT_EQ(request->infer.inputs[1].texts.at(1), "");
}

TEST(GrpcRequest, takes_either_typed_or_raw_contents) {
  const std::string head = R"(inputs { name: "x" datatype: "FP64" shape: 1 )";
  EXPECT_EQ(code_of(head + "contents { fp64_contents: 1 } }"), "");
  EXPECT_EQ(code_of(head + R"(} raw_input_contents: "\0\0\0\0\0\0\0\0")"), "");
  EXPECT_EQ(code_of(head + R"(contents {} } raw_input_contents: "\0\0\0\0\0\0\0\0")"), "");
  EXPECT_EQ(code_of(head + R"(contents { fp64_contents: 1 } } raw_input_contents: "\0\0\0\0\0\0\0\0")"),
            "grpc.malformed");
  EXPECT_EQ(code_of(head + R"(} raw_input_contents: "\0\0\0\0\0\0\0\0" raw_input_contents: "")"),
            "grpc.malformed");
  EXPECT_EQ(code_of(""), "grpc.malformed");
}

TEST(GrpcRequest, holds_contents_against_datatype_and_shape) {
  const auto code = [](const char* datatype, const char* shape, const char* contents) {
    return code_of(fmt::format(R"(inputs {{ name: "x" datatype: "{}" {} contents {{ {} }} }})", datatype,
                               shape, contents));
  };
  EXPECT_EQ(code("INT8", "shape: 1", "int_contents: 128"), "v2.datatype");
  EXPECT_EQ(code("UINT16", "shape: 1", "uint_contents: 65536"), "v2.datatype");
  EXPECT_EQ(code("FP64", "shape: 1", "fp32_contents: 1"), "v2.datatype");
  EXPECT_EQ(code("FP16", "shape: 1", "fp32_contents: 1"), "v2.datatype");
  EXPECT_EQ(code("COMPLEX", "shape: 1", "fp32_contents: 1"), "v2.datatype");
  EXPECT_EQ(code("BYTES", "shape: 1", R"(bytes_contents: "\xff\xfe")"), "v2.datatype");
  EXPECT_EQ(code("FP64", "shape: 2", "fp64_contents: 1"), "infer.shape");
  EXPECT_EQ(code("FP64", "shape: 1", "fp64_contents: [1, 2]"), "infer.shape");
  EXPECT_EQ(code("FP64", "shape: -1", "fp64_contents: 1"), "infer.shape");
  EXPECT_EQ(code("FP64", "", "fp64_contents: 1"), "infer.shape");
  EXPECT_EQ(code("FP64", "shape: [9223372036854775807, 3]", "fp64_contents: 1"), "infer.shape");
  EXPECT_EQ(code("FP64", "shape: 100001", "fp64_contents: 1"), "infer.too_many_rows");
  EXPECT_EQ(code("FP64", "shape: 0", ""), "");
}

TEST(GrpcRequest, refuses_parameters_that_would_go_unheeded) {
  const std::string input = R"(inputs { name: "x" datatype: "FP64" shape: 0 )";
  EXPECT_EQ(code_of(input + R"(} parameters { key: "sequence_id" value { int64_param: 1 } })"),
            "v2.unsupported");
  EXPECT_EQ(code_of(input + R"(parameters { key: "shared_memory_region" value { string_param: "a" } } })"),
            "v2.unsupported");
  EXPECT_EQ(code_of(input + R"(} outputs { name: "y" parameters { key: "shared_memory_region" } })"),
            "v2.unsupported");
}

TEST(GrpcRequest, reads_how_many_microseconds_it_has) {
  const auto request = [](const std::string& value) {
    return read(R"(inputs { name: "x" datatype: "FP64" shape: 0 } parameters { key: "timeout" value { )" +
                value + " } }");
  };
  EXPECT_EQ(request("int64_param: 1500")->timeout, std::chrono::microseconds(1500));
  EXPECT_EQ(request("uint64_param: 1500")->timeout, std::chrono::microseconds(1500));
  EXPECT_EQ(request("int64_param: 0")->timeout, std::nullopt);
  EXPECT_FALSE(request("int64_param: -1"));
  EXPECT_FALSE(request("string_param: \"3\""));
  EXPECT_FALSE(request("double_param: 3"));
}

TEST(GrpcRequest, reads_how_many_classes_an_output_is_to_have) {
  const auto request = [](const std::string& value) {
    return read(R"(inputs { name: "x" datatype: "FP64" shape: 0 } outputs { name: "a" } outputs { name: "b"
      parameters { key: "classification" value { )" +
                value + " } } }");
  };
  ASSERT_TRUE(request("int64_param: 3"));
  EXPECT_EQ(request("int64_param: 3")->named[0].classes, 0U);
  EXPECT_EQ(request("int64_param: 3")->named[1].classes, 3U);
  EXPECT_FALSE(request("int64_param: -1"));
  EXPECT_FALSE(request("string_param: \"3\""));
  EXPECT_FALSE(request(""));
}

TEST(GrpcRequest, takes_fields_in_any_order_unpacked_and_unknown) {
  const std::string one(8, '\0');
  wire::Writer input, contents;
  contents.element(7, one);  // packed
  std::string unpacked = "\x39" + one;
  input.element(5, contents.take() + unpacked).text(2, "FP64").whole(99, 7).whole(3, 2).text(1, "x");
  wire::Writer message;
  message.element(5, input.take()).text(200, "unknown").text(3, "id");
  const auto request = read_infer_request(message.take());
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->infer.inputs[0].numbers, (std::vector<double>{0, 0}));
  EXPECT_EQ(request->infer.id, "id");
}

RC_GTEST_PROP(GrpcRequest, ends_in_an_error_wherever_a_message_is_cut_or_a_byte_is_another, ()) {
  std::string bytes = protocol().bytes("inference.ModelInferRequest", R"(
      id: "q" outputs { name: "score" }
      inputs { name: "a" datatype: "INT32" shape: 3 contents { int_contents: [1, -2, 3] } }
      inputs { name: "b" datatype: "BYTES" shape: 3 contents { bytes_contents: ["x", "yy", ""] } })");
  bytes.resize(*rc::gen::inRange<size_t>(0, bytes.size() + 1));
  if (!bytes.empty()) bytes[*rc::gen::inRange<size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  const auto request = read_infer_request(bytes);
  if (request)
    for (const auto& tensor : request->infer.inputs)
      RC_ASSERT(tensor.values() == *serving::values_of_shape(tensor));
}

}  // namespace
}  // namespace tidemill::api
