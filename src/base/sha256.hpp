// SHA-256 of bytes and files, as 64 lower-case hexadecimal digits. The digest is OpenSSL's.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidemill {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void add(std::string_view bytes);
  /// Adds the length first, so that ("ab","c") and ("a","bc") differ.
  void add_field(std::string_view bytes);
  std::string hex();  // ends it

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256(std::string_view bytes);
/// HMAC-SHA256 (RFC 2104), hexadecimal.
std::string hmac_sha256(std::string_view key, std::string_view message);
/// In a time that depends on the lengths alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);
/// Error interrupted once stop is set: a large file takes a while.
Result<std::string> sha256_file(const std::filesystem::path& path, const std::atomic<bool>* stop = nullptr);

}  // namespace tidemill
