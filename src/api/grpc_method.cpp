#include "api/grpc_method.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include "api/replies.hpp"
#include "api/wire.hpp"

namespace tidemill::api {

namespace {

// A status' text travels in a header, which clients limit to some kilobytes.
constexpr size_t kMaxTextBytes = 2000;

std::string shortened(std::string text) {
  if (text.size() <= kMaxTextBytes) return text;
  size_t end = kMaxTextBytes;
  while ((static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;  // not within a UTF-8 character
  return text.substr(0, end) + "…";
}

Result<Parameters> parameters_of(const GrpcMethod& method, std::string_view message) {
  Parameters parameters;
  const NamedBy by = method.named_by();
  wire::Reader reader(message);
  wire::Field field;
  for (;;) {
    TM_TRY(const bool more, reader.next(field));
    if (!more) return parameters;
    if (field.type != wire::Type::Bytes) continue;
    if (field.number != by.deployment && field.number != by.version) continue;
    if (!simdjson::validate_utf8(field.bytes.data(), field.bytes.size()))
      return user_error("grpc.malformed", "the model's name or version is not UTF-8 text");
    if (field.number == by.deployment) parameters.deployment = field.bytes;
    if (field.number == by.version) parameters.version = field.bytes;
  }
}

}  // namespace

int grpc_status_of(int http_status) {
  using namespace grpc_status;
  switch (http_status) {
    case 200:
      return kOk;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
      return kNotFound;
    case 413:
    case 429:
      return kResourceExhausted;
    case 500:
      return kInternal;
    case 501:
      return kUnimplemented;
    case 503:
      return kUnavailable;
    case 504:
      return kDeadlineExceeded;
    default:
      return kInvalidArgument;
  }
}

GrpcReply grpc_error(const Error& error) {
  return {grpc_status_of(http_status(error)), shortened(error_text(error))};
}

Result<const GrpcMethod*> GrpcRouter::find(std::string_view path, const Access::Claim& claim) const {
  TM_CHECK(access_.admit(claim));
  for (const GrpcMethod& method : methods_) {
    if (method.path() != path) continue;
    TM_CHECK(access_.could_allow(claim, method.scope()));
    return &method;
  }
  return user_error("http.not_implemented", fmt::format("there is no method {}", path));
}

GrpcAnswer GrpcRouter::answer(const GrpcMethod& method, const Access::Claim& claim, std::string_view message,
                              std::chrono::steady_clock::time_point deadline) const {
  auto parameters = parameters_of(method, message);
  if (!parameters) return grpc_error(parameters.error());
  if (const auto may = access_.allow(claim, method.scope(), parameters->deployment); !may)
    return grpc_error(may.error().error);
  parameters->deadline = deadline;
  return method.answer(*parameters, message);
}

}  // namespace tidemill::api
