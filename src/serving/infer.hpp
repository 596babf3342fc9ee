// A prediction request and its answer as values, whatever the transport: tensors in, tensors out, the Open
// Inference Protocol's words.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "serving/deployments.hpp"

namespace tidemill::serving {

inline constexpr size_t kMaxRowsPerRequest = 100'000;

/// datatype is the protocol's: BOOL, UINT8 … INT64, FP16, FP32, FP64, BYTES. Values are row-major; a missing
/// value is a null.
struct Tensor {
  using Value = std::variant<std::monostate, double, std::string>;
  std::string name;
  std::string datatype;
  std::vector<int64_t> shape;
  std::vector<Value> values;
};

struct InferRequest {
  std::string id;
  std::vector<Tensor> inputs;
  std::vector<std::string> outputs;  // names asked for; empty: all
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

/// Inputs: one tensor [rows, features] in signature order, or one tensor [rows] or [rows, 1] a feature by
/// name; an absent feature is missing, an unknown name is an error. Errors: infer.* (User).
Result<InferResponse> infer(const LiveModel& live, const InferRequest& request);

/// Where predictions flow to when somebody wants them (the prediction log). Must not block.
class PredictionSink {
 public:
  virtual ~PredictionSink() = default;
  virtual void predicted(const LiveModel& live, const InferRequest& request, const InferResponse& response,
                         Instant at) = 0;
};

}  // namespace tidemill::serving
