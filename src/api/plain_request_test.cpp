#include "api/plain_request.hpp"

#include <bit>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::api {
namespace {

// A request with one input, of one row unless the shape says otherwise.
std::string with_data(std::string_view datatype, std::string_view data, std::string_view shape = "[1,3]") {
  return fmt::format(R"({{"inputs":[{{"name":"x","shape":{},"datatype":"{}","data":{}}}]}})", shape, datatype,
                     data);
}

bool is_plain(std::string_view body) {
  V2Request request;
  return read_plain_request(body, request);
}

std::vector<uint64_t> bits_of(const serving::Tensor& tensor) {
  std::vector<uint64_t> out;
  for (const double number : tensor.numbers) out.push_back(std::bit_cast<uint64_t>(number));
  return out;
}

void expect_as_the_general_reader(const std::string& body) {
  V2Request quick;
  if (!read_plain_request(body, quick)) return;
  const auto general = parse_any_infer_request(body);
  ASSERT_TRUE(general) << body << general.error().message;
  EXPECT_EQ(general->infer.id, quick.infer.id) << body;
  EXPECT_TRUE(general->infer.outputs.empty()) << body;
  ASSERT_EQ(general->infer.inputs.size(), quick.infer.inputs.size()) << body;
  for (size_t i = 0; i < quick.infer.inputs.size(); ++i) {
    const serving::Tensor &a = general->infer.inputs[i], &b = quick.infer.inputs[i];
    EXPECT_TRUE(a.name == b.name && a.datatype == b.datatype && a.shape == b.shape && a.texts == b.texts)
        << body;
    EXPECT_EQ(bits_of(a), bits_of(b)) << body;
  }
}

TEST(PlainRequest, takes_what_clients_send) {
  for (const std::string& body :
       {with_data("FP32", "[1,-2.5e3,null]"), with_data("FP64", "[[1, -0.0, 1e22]]"),
        with_data("INT64", "[[1],[-2],[3]]", "[3,1]"), with_data("BYTES", R"(["AA", null, ""])", "[3]"),
        with_data("UINT8", "[0,255,7]", "[ 3 ]"), with_data("FP64", "[]", "[0,3]"),
        with_data("FP64", "[[],[]]", "[2,0]"),
        std::string(R"( { "id" : "q" , "inputs" : [ {"datatype":"FP64","name":"a","shape":[1],"data":[1]},)"
                    R"({"name":"b","datatype":"BYTES","shape":[1],"data":["t"]} ] } )")}) {
    EXPECT_TRUE(is_plain(body)) << body;
    expect_as_the_general_reader(body);
  }
}

// Serving takes those that are a row's key.
TEST(PlainRequest, a_request_whose_inputs_were_taken_is_read_anew) {
  V2Request request;
  for (const std::string& body : {with_data("FP32", "[1,2,3]"), with_data("FP32", "[4,5,6]")}) {
    ASSERT_TRUE(read_plain_request(body, request));
    ASSERT_EQ(request.infer.inputs.size(), 1U);
    EXPECT_EQ(request.infer.inputs[0].numbers.size(), 3U);
    request.infer.inputs.clear();
  }
}

TEST(PlainRequest, leaves_every_other_form_to_the_general_reader) {
  for (const std::string& body :
       {std::string(),
        std::string("{}"),
        std::string("[]"),
        with_data("FP32", "[1,2,3]") + "x",
        with_data("FP32", "[1,2]"),
        with_data("FP32", "[1,2,3,4]"),
        with_data("FP32", "[01,2,3]"),
        with_data("FP32", "[1.,2,3]"),
        with_data("FP32", "[.5,2,3]"),
        with_data("FP32", "[+1,2,3]"),
        with_data("FP32", "[1e,2,3]"),
        with_data("FP32", "[1e400,2,3]"),
        with_data("FP32", "[1e400null,2,3]"),
        with_data("FP32", "[1,1e400 null,3]"),
        with_data("FP32", "[1e39,2,3]"),
        with_data("FP32", "[NaN,2,3]"),
        with_data("FP32", "[inf,2,3]"),
        with_data("FP32", "[-,2,3]"),
        with_data("FP32", "[nul,2,3]"),
        with_data("FP32", "[1 2,3,4]"),
        with_data("FP32", "[1,2,3,]"),
        with_data("FP32", "[[1,2],[3]]"),
        with_data("FP32", "[[1,2,3]"),
        with_data("INT8", "[128,2,3]"),
        with_data("INT8", "[1.0,2,3]"),
        with_data("UINT8", "[-0,2,3]"),
        with_data("UINT8", "[-1,2,3]"),
        with_data("INT64", "[1234567890123456789,2,3]"),
        with_data("BOOL", "[true,2,3]"),
        with_data("FP16", "[1,2,3]"),
        with_data("FP99", "[1,2,3]"),
        with_data("BYTES", R"(["a\u0041","b","c"])"),
        with_data("BYTES", "[\"\xc3\xa9\",\"b\",\"c\"]"),
        with_data("BYTES", "[\"\x01\",\"b\",\"c\"]"),
        with_data("FP32", "[1,2,3]", "[-1,3]"),
        with_data("FP32", "[1,2,3]", "[1,1,3]"),
        with_data("FP32", "[1,2,3]", "[99999999999,3]"),
        with_data("FP32", "[1,2,3]", "[]"),
        std::string(R"({"inputs":[{"data":[1],"name":"x","shape":[1],"datatype":"FP32"}]})"),
        std::string(R"({"inputs":[{"name":"x","name":"x","shape":[1],"datatype":"FP32","data":[1]}]})"),
        std::string(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"more":1}]})"),
        std::string(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}],"outputs":[]})"),
        std::string(
            R"({"id":"a","id":"b","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]})"),
        std::string(R"({"inputs":[]})"),
        std::string(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}])")})
    EXPECT_FALSE(is_plain(body)) << body;
}

// As the last number of the body, and with so much behind it that it is read without looking for the end.
void expect_number_as_the_general_reader(const std::string& text) {
  expect_as_the_general_reader(with_data("FP64", "[" + text + "]", "[1]"));
  expect_as_the_general_reader(with_data("FP64", "[" + text + ", -1.234567890123456789012e-3]", "[2]"));
}

// Any double in any of the ways to write one.
RC_GTEST_PROP(PlainRequest, reads_numbers_as_the_general_reader_to_the_last_bit, ()) {
  const double number = std::bit_cast<double>(*rc::gen::arbitrary<uint64_t>());
  if (!std::isfinite(number)) return;
  const int digits = *rc::gen::inRange(1, 25);
  const std::string text = *rc::gen::element(
      fmt::format("{}", number), fmt::format("{:.{}e}", number, digits),
      fmt::format("{:.{}g}", number, digits), fmt::format("{:.{}f}", std::fmod(number, 1e6), digits));
  expect_number_as_the_general_reader(text);
}

// As clients write floats; the places of those below one begin with zeros.
RC_GTEST_PROP(PlainRequest, reads_floats_as_the_general_reader, (int32_t numerator)) {
  const double scale = std::pow(10.0, *rc::gen::inRange(0, 14));
  expect_number_as_the_general_reader(fmt::format("{}", static_cast<float>(numerator / scale)));
  expect_number_as_the_general_reader(fmt::format("{:.{}f}", numerator / scale, *rc::gen::inRange(0, 18)));
}

TEST(PlainRequest, reads_as_many_digits_as_fit) {
  for (const std::string text :
       {"999.9999999999999999", "9999.9999999999999999", "1234567890.12345678", "1234567890.1234567890123456",
        "18446744073.70955161600000000", "-0.0000000000000001", "-0.0", "9007199254.740993"})
    expect_number_as_the_general_reader(text);
}

TEST(PlainRequest, refuses_broken_numbers_wherever_they_stand) {
  for (const std::string number : {"01.5", "-01.5", "00.5", "1.", "-.5", ".5", "-", "1.5.5", "1.5x",
                                   "1.12345678x", "1.1234567890123456x", "--1.5", "1.5-", "1.-5", "1 .5"}) {
    EXPECT_FALSE(is_plain(with_data("FP64", "[" + number + "]", "[1]"))) << number;
    EXPECT_FALSE(is_plain(with_data("FP64", "[" + number + ",1.234567890123456789012]", "[2]"))) << number;
  }
}

// Decimals of few digits, most of which are read without the general conversion.
RC_GTEST_PROP(PlainRequest, reads_short_decimals_as_the_general_reader, (uint64_t digits, int8_t exponent)) {
  const int shift = *rc::gen::inRange(0, 64);
  expect_number_as_the_general_reader(fmt::format("{}e{}", digits >> shift, exponent / 4));
}

RC_GTEST_PROP(PlainRequest, reads_nothing_otherwise_than_the_general_reader, (uint32_t where, char byte)) {
  std::string body =
      R"({"id":"i-1","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2.5e-3],[null,-0]]},)"
      R"({"name":"t","shape":[2],"datatype":"BYTES","data":["a",""]},{"name":"n","shape":[2],"datatype":"INT8","data":[1,-128]}]})";
  const std::string_view likely = "[]{},:\"0123456789.eE+- \\nul\t";
  body[where % body.size()] =
      *rc::gen::arbitrary<bool>() ? byte : likely[static_cast<unsigned char>(byte) % likely.size()];
  expect_as_the_general_reader(body);
}

}  // namespace
}  // namespace tidemill::api
