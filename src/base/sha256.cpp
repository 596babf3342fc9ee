#include "base/sha256.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tidemill {

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::string_view bytes) { EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()); }

void Sha256::add_field(std::string_view bytes) {
  const uint64_t size = bytes.size();
  std::array<char, 8> length{};
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(size >> (8 * i));
  add({length.data(), length.size()});
  add(bytes);
}

namespace {

std::string hex_of(std::span<const unsigned char> digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(impl_->context, digest.data(), nullptr);
  return hex_of(digest);
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &length);
  return hex_of(digest);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  uint64_t difference = 0;
  size_t at = 0;
  for (; at + sizeof difference <= a.size(); at += sizeof difference) {
    uint64_t x = 0, y = 0;
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    difference |= x ^ y;
    asm("" : "+r"(difference));  // the compiler must not see that the first difference decides
  }
  const int rest = CRYPTO_memcmp(a.data() + at, b.data() + at, a.size() - at);
  return (difference | static_cast<uint64_t>(rest)) == 0;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

Result<std::string> sha256_file(const std::filesystem::path& path, const std::atomic<bool>* stop) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_error("open", path.native(), errno);
  Sha256 hash;
  std::string buffer(1 << 18, '\0');
  for (;;) {
    if (stop != nullptr && stop->load()) {
      ::close(fd);
      return environment_error("interrupted", "interrupted");
    }
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error_number = errno;
      ::close(fd);
      return errno_error("read", path.native(), error_number);
    }
    if (n == 0) break;
    hash.add({buffer.data(), static_cast<size_t>(n)});
  }
  ::close(fd);
  return hash.hex();
}

}  // namespace tidemill
