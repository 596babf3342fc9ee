// TLS for connections: who the server is (certificate and key), and one session. OpenSSL stays behind this
// wall.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace tidemill::api {

/// A certificate chain with its key. Immutable; shared by the connections that began with it.
class TlsIdentity {
 public:
  struct Files {
    Path certificate;  // PEM: the server's own, then what it was signed with
    Path key;          // PEM, not encrypted
  };
  struct Pem {
    std::string certificate, key;
    bool operator==(const Pem&) const = default;
  };
  /// TLS 1.2 and newer. Errors server.tls: a file that cannot be read or is none, a key that is not the
  /// certificate's, a certificate that has ended.
  static Result<std::shared_ptr<const TlsIdentity>> load(const Files& files);
  ssl_ctx_st* context() const { return context_.get(); }
  const Pem& pem() const { return pem_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsIdentity(ssl_ctx_st* context, Pem pem) : context_(context), pem_(std::move(pem)) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
  const Pem pem_;
};

struct FreeTlsSession {
  void operator()(ssl_st* session) const;
};
using TlsSession = std::unique_ptr<ssl_st, FreeTlsSession>;

}  // namespace tidemill::api
