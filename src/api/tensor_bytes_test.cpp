#include "api/tensor_bytes.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::api {
namespace {

using serving::Tensor;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

Result<Tensor> read(std::string datatype, size_t values, std::string_view bytes) {
  Tensor tensor{"x", std::move(datatype), {static_cast<int64_t>(values)}};
  TM_TRY(const DataType* type, find_datatype(tensor));
  TM_CHECK(read_tensor_bytes(bytes, *type, values, tensor));
  return tensor;
}

std::string code_of(const Result<Tensor>& result) { return result ? "" : result.error().code; }

template <class T>
void reads_numbers(const char* datatype, const std::vector<T>& values) {
  const auto tensor = read(datatype, values.size(), bytes_of(values));
  RC_ASSERT(tensor.has_value());
  RC_ASSERT(tensor->numbers == std::vector<double>(values.begin(), values.end()));
}

RC_GTEST_PROP(TensorBytes, reads_every_whole_number_as_the_double_nearest_to_it, ()) {
  reads_numbers("INT8", *rc::gen::arbitrary<std::vector<int8_t>>());
  reads_numbers("INT16", *rc::gen::arbitrary<std::vector<int16_t>>());
  reads_numbers("INT32", *rc::gen::arbitrary<std::vector<int32_t>>());
  reads_numbers("INT64", *rc::gen::arbitrary<std::vector<int64_t>>());
  reads_numbers("UINT8", *rc::gen::arbitrary<std::vector<uint8_t>>());
  reads_numbers("UINT16", *rc::gen::arbitrary<std::vector<uint16_t>>());
  reads_numbers("UINT32", *rc::gen::arbitrary<std::vector<uint32_t>>());
  reads_numbers("UINT64", *rc::gen::arbitrary<std::vector<uint64_t>>());
  reads_numbers("FP32", *rc::gen::arbitrary<std::vector<float>>());
}

RC_GTEST_PROP(TensorBytes, gives_back_what_it_read, ()) {
  Tensor reals{"x", "FP64", {}}, truths{"x", "BOOL", {}}, texts{"x", "BYTES", {}};
  reals.numbers = *rc::gen::arbitrary<std::vector<double>>();
  for (const bool truth : *rc::gen::arbitrary<std::vector<bool>>()) truths.numbers.push_back(truth);
  for (const auto& text : *rc::gen::container<std::vector<std::string>>(
           rc::gen::container<std::string>(rc::gen::inRange('\0', '\x7f'))))
    texts.texts.add(text);
  for (const Tensor& tensor : {reals, truths, texts}) {
    std::string bytes;
    append_tensor_bytes(bytes, tensor);
    const auto again = read(tensor.datatype, tensor.values(), bytes);
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->numbers == tensor.numbers);
    RC_ASSERT(again->texts == tensor.texts);
  }
}

TEST(TensorBytes, reads_the_ends_of_whole_numbers) {
  const auto least = read("INT64", 1, bytes_of<int64_t>({std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(least->numbers, std::vector<double>{-9223372036854775808.0});
  const auto most = read("UINT64", 1, bytes_of<uint64_t>({std::numeric_limits<uint64_t>::max()}));
  EXPECT_EQ(most->numbers, std::vector<double>{18446744073709551616.0});
}

TEST(TensorBytes, reads_halves_as_ieee_754_has_them) {
  const auto tensor =
      read("FP16", 9,
           bytes_of<uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555, 0x7c00, 0xfc00, 0x8000}));
  ASSERT_TRUE(tensor) << tensor.error().message;
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(tensor->numbers, (std::vector<double>{1, -2, 65504, std::ldexp(1, -24), std::ldexp(1, -14),
                                                  0.333251953125, infinity, -infinity, -0.0}));
  EXPECT_TRUE(std::signbit(tensor->numbers[8]));
  EXPECT_TRUE(std::isnan(read("FP16", 1, bytes_of<uint16_t>({0x7e00}))->numbers[0]));
}

TEST(TensorBytes, reads_the_upper_half_of_a_float) {
  const auto tensor = read("BF16", 3, bytes_of<uint16_t>({0x3f80, 0xc040, 0x7f80}));
  EXPECT_EQ(tensor->numbers, (std::vector<double>{1, -3, std::numeric_limits<double>::infinity()}));
  EXPECT_TRUE(std::isnan(read("BF16", 1, bytes_of<uint16_t>({0x7fc0}))->numbers[0]));
}

TEST(TensorBytes, refuses_more_or_fewer_bytes_than_the_shape_says) {
  EXPECT_EQ(code_of(read("FP64", 2, std::string(15, '\0'))), "infer.shape");
  EXPECT_EQ(code_of(read("FP64", 2, std::string(17, '\0'))), "infer.shape");
  EXPECT_EQ(code_of(read("FP64", 2, std::string(24, '\0'))), "infer.shape");
  EXPECT_EQ(code_of(read("FP64", 0, "")), "");
  EXPECT_EQ(code_of(read("BYTES", 0, "")), "");
  EXPECT_EQ(code_of(read("BYTES", 0, "x")), "infer.shape");
  EXPECT_EQ(code_of(read("BYTES", 1, std::string_view("\1\0\0\0", 4))), "infer.shape");
  EXPECT_EQ(code_of(read("BYTES", 1, std::string_view("\1\0\0", 3))), "infer.shape");
  EXPECT_EQ(code_of(read("BYTES", 1, std::string_view("\1\0\0\0ab", 6))), "infer.shape");
  EXPECT_EQ(code_of(read("BYTES", 1, std::string_view("\xff\xff\xff\xff", 4))), "infer.shape");
  EXPECT_EQ(code_of(read("BYTES", 10'000'000, "")), "infer.shape");
}

TEST(TensorBytes, refuses_what_the_datatype_cannot_hold) {
  EXPECT_EQ(code_of(read("BOOL", 2, std::string_view("\1\2", 2))), "v2.datatype");
  EXPECT_EQ(code_of(read("BYTES", 1, std::string_view("\2\0\0\0\xff\xfe", 6))), "v2.datatype");
  EXPECT_EQ(code_of(read("COMPLEX", 1, "")), "v2.datatype");
}

TEST(TensorBytes, writes_a_missing_text_as_an_empty_one) {
  Tensor tensor{"x", "BYTES", {2}};
  tensor.texts.add_missing();
  tensor.texts.add("a");
  std::string bytes = "before";
  append_tensor_bytes(bytes, tensor);
  EXPECT_EQ(bytes, std::string("before\0\0\0\0\1\0\0\0a", 15));
}

}  // namespace
}  // namespace tidemill::api
