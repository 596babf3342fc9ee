// The Open Inference Protocol V2 as JSON: bodies to values and back. The HTTP around it is routes.cpp's.
#pragma once

#include <chrono>
#include <optional>

#include "api/metrics.hpp"
#include "base/json.hpp"
#include "serving/infer.hpp"

namespace tidemill::api {

/// How an output is to be written.
struct OutputForm {
  bool binary = false;
  size_t classes = 0;  // as text "score:index:label", so many of the highest; 0: as it is
};

struct V2Request {
  serving::InferRequest infer;
  OutputForm all;                 // of every output when none is named
  std::vector<OutputForm> named;  // of infer.outputs
  /// Its parameter `timeout`: past it, from its last byte on, it is not computed any more.
  std::optional<std::chrono::microseconds> timeout = {};
  /// How many bytes each input has behind the JSON; nothing of those whose values are in it.
  std::vector<std::optional<size_t>> binary_bytes = {};
  /// What all but the values was read from, where all values are behind it; else empty.
  std::string json = {};
  /// The same where the values are in the JSON: what stood before the data of its only input.
  std::string before_data = {};
};

/// Of the parameter's value; as Triton has it, 0 is none.
std::optional<std::chrono::microseconds> timeout_of(uint64_t micros);

/// Values go straight into typed columns, and data is held against shape and datatype: flat or nested exactly
/// as the shape says, each value one that its datatype and a float can hold. It stops at the first that is
/// not, and a shape beyond the limits is refused before its data is read. json_bytes: where the JSON ends and
/// binary tensors begin (Inference-Header-Content-Length). Errors: v2.*, infer.* and json.* (User), with the
/// input's name; v2.unsupported for parameters that would change the answer.
Result<V2Request> parse_infer_request(std::string_view body, std::optional<size_t> json_bytes = {});
/// The same into the memory of another request, whatever that says; quicker where only the values behind the
/// JSON differ from its own.
Result<void> parse_infer_request(std::string_view body, std::optional<size_t> json_bytes, V2Request& request);
/// The same by the general reader alone, which takes every form: what the quick one (plain_request.hpp) is
/// held against.
Result<V2Request> parse_any_infer_request(std::string_view body, std::optional<size_t> json_bytes = {});

/// Of a parameter that nothing heeds: v2.unsupported for those of Triton's, else v2.malformed.
std::unexpected<Error> unheeded_parameter(std::string_view key, std::string_view what);

struct V2Reply {
  std::string body;
  std::optional<size_t> json_bytes;  // when binary tensors follow
};
V2Reply infer_reply(const V2Request& request, const serving::InferResponse& response,
                    const std::vector<std::string>& classes);
/// Triton's classification extension: of each row the n highest values, "score:index" or "score:index:label".
serving::Tensor classified(const serving::Tensor& tensor, size_t n, const std::vector<std::string>& classes);
/// GET /v2/models/M.
Json model_metadata(const serving::LiveModel& live);
/// The same in the words of Triton's model configuration.
Json model_config(const serving::LiveModel& live);
/// In the words of Triton's statistics extension; times in nanoseconds.
Json model_statistics(const serving::LiveModel& live, const InferenceSeries::Totals& totals);
Json server_metadata();

}  // namespace tidemill::api
