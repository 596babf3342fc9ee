// The server's certificate as files that somebody renews while it runs.
#pragma once

#include "api/tls.hpp"

namespace tidemill::app {

class Certificate {
 public:
  /// Errors as TlsIdentity::load.
  static Result<Certificate> open(api::TlsIdentity::Files files);
  const std::shared_ptr<const api::TlsIdentity>& identity() const { return identity_; }
  /// Whether there is another one since it was last asked. A certificate that cannot be used is told of once,
  /// and the one before stays.
  bool renewed();

 private:
  Certificate(api::TlsIdentity::Files files, std::shared_ptr<const api::TlsIdentity> identity,
              std::string stamp);
  api::TlsIdentity::Files files_;
  std::shared_ptr<const api::TlsIdentity> identity_;
  std::string stamp_;  // of the files when they were last read
};

}  // namespace tidemill::app
