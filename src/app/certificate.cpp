#include "app/certificate.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/log.hpp"

namespace tidemill::app {

namespace {

// Changes whenever a file is written or replaced; through symbolic links, which is how secrets are mounted.
std::string stamp_of(const api::TlsIdentity::Files& files) {
  std::string stamp;
  for (const Path& file : {files.certificate, files.key}) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) return "";
    stamp += fmt::format("{}:{}:{}.{};", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                         status.st_mtim.tv_nsec);
  }
  return stamp;
}

}  // namespace

Certificate::Certificate(api::TlsIdentity::Files files, std::shared_ptr<const api::TlsIdentity> identity,
                         std::string stamp)
    : files_(std::move(files)), identity_(std::move(identity)), stamp_(std::move(stamp)) {}

Result<Certificate> Certificate::open(api::TlsIdentity::Files files) {
  std::string stamp = stamp_of(files);  // before they are read: what changes meanwhile is seen the next time
  TM_TRY(auto identity, api::TlsIdentity::load(files));
  return Certificate(std::move(files), std::move(identity), std::move(stamp));
}

bool Certificate::renewed() {
  std::string stamp = stamp_of(files_);
  if (stamp.empty() || stamp == stamp_) return false;
  stamp_ = std::move(stamp);
  auto identity = api::TlsIdentity::load(files_);
  if (!identity) {
    log::warning("the certificate of before stays: {}", identity.error().message);
    return false;
  }
  if ((*identity)->pem() == identity_->pem()) return false;
  identity_ = std::move(*identity);
  log::info("new certificate from {}", files_.certificate.native());
  return true;
}

}  // namespace tidemill::app
