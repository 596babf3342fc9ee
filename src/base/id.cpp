#include "base/id.hpp"

#include <sys/random.h>
#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace tidemill {

namespace {
// Random bytes of the kernel's, asked for many at a time: an id must not cost a system call.
class RandomBytes {
 public:
  /// So many as `out` has, 256 at most.
  void take(std::span<unsigned char> out) {
    if (left_ < out.size()) fill();
    left_ -= out.size();
    const auto taken = std::span(bytes_).subspan(left_, out.size());
    std::ranges::copy(taken, out.begin());
    std::ranges::fill(taken, 0);  // whoever reads our memory later learns no id of before
  }

 private:
  void fill() {
    while (left_ < bytes_.size()) {
      const ssize_t n = ::getrandom(bytes_.data() + left_, bytes_.size() - left_, 0);
      if (n > 0) left_ += static_cast<size_t>(n);
    }
  }
  std::array<unsigned char, 256> bytes_{};  // what getrandom() gives whole, whatever interrupts it
  size_t left_ = 0;
};

template <size_t kBytes>
std::string random_hex() {
  thread_local RandomBytes random;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, kBytes> drawn{};
  random.take(drawn);
  std::string out(2 * kBytes, '0');
  for (size_t i = 0; i < kBytes; ++i) {
    out[2 * i] = kDigits[drawn[i] >> 4];
    out[2 * i + 1] = kDigits[drawn[i] & 15];
  }
  return out;
}
}  // namespace

std::string make_run_id(Instant now) {
  const std::string t = to_text(
      Instant{now.micros - ((now.micros % 1'000'000) + 1'000'000) % 1'000'000});  // 2013-11-03T05:30:00Z
  return fmt::format("{}{}{}-{}{}{}-{}", t.substr(0, 4), t.substr(5, 2), t.substr(8, 2), t.substr(11, 2),
                     t.substr(14, 2), t.substr(17, 2), random_hex<3>());
}

std::string random_id() { return random_hex<16>(); }

}  // namespace tidemill
