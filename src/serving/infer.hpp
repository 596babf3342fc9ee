// A prediction request and its answer as values, whatever the transport: tensors in, tensors out, the Open
// Inference Protocol's words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "serving/deployments.hpp"

namespace tidemill::serving {

inline constexpr size_t kMaxRowsPerRequest = 100'000;

/// Of all inputs together, and of rows × features.
inline constexpr size_t kMaxValuesPerRequest = 10'000'000;

/// Texts one behind the other in one buffer: a value costs its bytes and its end, not a string.
class TextColumn {
 public:
  void add(std::string_view text) { close(bytes_.append(text).size(), false); }
  void add_missing() { close(bytes_.size(), true); }
  size_t size() const { return ends_.size(); }
  size_t bytes() const { return bytes_.size() + ends_.size() * sizeof(size_t); }
  /// Nothing where the value is missing.
  std::optional<std::string_view> at(size_t i) const;
  /// As new, but for its memory.
  void clear();
  bool operator==(const TextColumn&) const = default;

 private:
  void close(size_t end, bool missing) {
    ends_.push_back(end);
    missing_.push_back(missing);
  }
  std::string bytes_;
  std::vector<size_t> ends_;
  std::vector<bool> missing_;
};

/// datatype is the protocol's: BOOL, UINT8 … INT64, FP16, FP32, FP64, BYTES. Values are row-major.
struct Tensor {
  std::string name;
  std::string datatype;
  std::vector<int64_t> shape;
  std::vector<double> numbers = {};  // unless BYTES; NaN is missing
  TextColumn texts = {};             // of BYTES
  size_t values() const { return datatype == "BYTES" ? texts.size() : numbers.size(); }
  /// As new, but for its memory.
  void clear();
};

/// How many values the tensor's shape says it has: asked before they are read. Errors: infer.shape,
/// infer.too_many_rows, infer.too_large.
Result<size_t> values_of_shape(const Tensor& tensor);
/// The same, taken from so many that a request's inputs together may still have. Error infer.too_large, too.
Result<size_t> take_values(const Tensor& tensor, size_t& allowed);
/// Error infer.shape unless the tensor has so many values.
Result<void> check_count(const Tensor& tensor, size_t expected);

struct InferRequest {
  std::string id;
  std::vector<Tensor> inputs;
  std::vector<std::string> outputs;  // names asked for; empty: all
  /// Of each row, as RequestRows has them; empty: the rows have none.
  std::vector<std::string> keys = {};
};

struct InferResponse {
  std::string deployment;
  int version = 0;
  std::string id;
  std::vector<Tensor> outputs;
  size_t rows = 0;
  forest::InputCounts counts;
};

struct TensorInfo {
  std::string name;
  std::string datatype;
  std::vector<int64_t> shape;  // -1: any number of rows
};
std::vector<TensorInfo> input_tensors(const forest::Package& package);
std::vector<TensorInfo> output_tensors(const forest::Package& package);

/// infer.unknown_input, with the name that comes nearest.
std::unexpected<Error> unknown_input(const std::vector<forest::Feature>& features, std::string_view name);

/// Tree walks that the request takes: what decides whether a thread that must not block may do it.
size_t tree_walks(const LiveModel& live, const InferRequest& request);

/// What a copy of it takes, about.
size_t bytes_of(const InferRequest& request);

/// Inputs: one tensor [rows, features] in signature order, or one tensor [rows] or [rows, 1] a feature by
/// name; an absent feature is missing, an unknown name is an error. Errors: infer.* (User).
Result<InferResponse> infer(const LiveModel& live, const InferRequest& request);
/// The same into the memory of another response, whatever that says.
Result<void> infer(const LiveModel& live, const InferRequest& request, InferResponse& response);

}  // namespace tidemill::serving
