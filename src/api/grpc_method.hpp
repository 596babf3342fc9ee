// What a gRPC method answers, and to whom: as endpoint.hpp for paths. Messages are bytes here; the server
// moves them and knows nothing of what they say.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/access.hpp"
#include "api/endpoint.hpp"

namespace tidemill::api {

/// A call's status in gRPC's numbers.
namespace grpc_status {
inline constexpr int kOk = 0, kCancelled = 1, kInvalidArgument = 3, kDeadlineExceeded = 4, kNotFound = 5,
                     kPermissionDenied = 7, kResourceExhausted = 8, kUnimplemented = 12, kInternal = 13,
                     kUnavailable = 14, kUnauthenticated = 16;
}
/// What an HTTP status is called in gRPC: http_status() stays the one table of errors.
int grpc_status_of(int http_status);

struct GrpcReply {
  int status = grpc_status::kOk;
  std::string text = {};     // why, where the status is not Ok
  std::string message = {};  // where it is
};
GrpcReply grpc_error(const Error& error);

/// What takes too long for a thread that serves other calls too. The message stays until then. Must not
/// throw.
using GrpcWork = std::function<GrpcReply()>;
using GrpcAnswer = std::variant<GrpcReply, GrpcWork>;

/// Unary: a message, an answer. Stream: so many messages, each with its answer, in order. Watch: a message,
/// and its answer again whenever it is another one.
enum class GrpcShape { Unary, Stream, Watch };

/// The fields of a request that name a deployment and its version; 0 where it has none.
struct NamedBy {
  uint32_t deployment = 0;
  uint32_t version = 0;
};

/// A method cannot be made without the scope that it needs.
class GrpcMethod {
 public:
  /// Must not throw.
  using Handler = std::function<GrpcAnswer(const Parameters&, std::string_view message)>;
  GrpcMethod(std::string_view path, GrpcShape shape, Scope scope, NamedBy named_by, Handler handler)
      : path_(path), shape_(shape), scope_(scope), named_by_(named_by), handler_(std::move(handler)) {}
  std::string_view path() const { return path_; }
  GrpcShape shape() const { return shape_; }
  Scope scope() const { return scope_; }
  NamedBy named_by() const { return named_by_; }
  GrpcAnswer answer(const Parameters& parameters, std::string_view message) const {
    return handler_(parameters, message);
  }

 private:
  std::string_view path_;
  GrpcShape shape_;
  Scope scope_;
  NamedBy named_by_;
  Handler handler_;
};

/// From a call to its method: admits, finds, asks whether the caller may, answers. Immutable once made.
class GrpcRouter {
 public:
  /// The access must outlive the router.
  GrpcRouter(std::vector<GrpcMethod> methods, const Access& access)
      : methods_(std::move(methods)), access_(access) {}
  /// Before any message is read. Errors: http.forbidden, http.not_implemented.
  Result<const GrpcMethod*> find(std::string_view path, const Access::Claim& claim) const;
  /// Thread-safe. What the caller may not do is UNAUTHENTICATED, PERMISSION_DENIED or RESOURCE_EXHAUSTED.
  GrpcAnswer answer(
      const GrpcMethod& method, const Access::Claim& claim, std::string_view message,
      std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max()) const;
  const std::vector<GrpcMethod>& methods() const { return methods_; }

 private:
  std::vector<GrpcMethod> methods_;
  const Access& access_;
};

}  // namespace tidemill::api
