#include "base/id.hpp"

#include <sys/random.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <fmt/format.h>

namespace tidemill {

namespace {
void draw(std::span<unsigned char> out) {
  for (size_t drawn = 0; drawn < out.size();) {
    const ssize_t n = ::getrandom(out.data() + drawn, out.size() - drawn, 0);
    if (n > 0) drawn += static_cast<size_t>(n);
  }
}

// Random bytes of the kernel's, asked for many at a time: an id must not cost a system call. A process that
// forks has the same ones as its child, so this is for who does not.
class RandomBytes {
 public:
  /// So many as `out` has, 1 024 at most.
  void take(std::span<unsigned char> out) {
    if (left_ < out.size()) {
      draw(bytes_);
      left_ = bytes_.size();
    }
    left_ -= out.size();
    const auto taken = std::span(bytes_).subspan(left_, out.size());
    std::ranges::copy(taken, out.begin());
    std::ranges::fill(taken, 0);  // whoever reads our memory later learns no id of before
  }

 private:
  std::array<unsigned char, 1024> bytes_{};
  size_t left_ = 0;
};

std::string hex(std::span<const unsigned char> bytes) {
  static constexpr auto kPairs = [] {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> pairs{};
    for (size_t byte = 0; byte < pairs.size(); ++byte) pairs[byte] = {kDigits[byte >> 4], kDigits[byte & 15]};
    return pairs;
  }();
  std::string out(2 * bytes.size(), '0');
  for (size_t i = 0; i < bytes.size(); ++i) std::memcpy(&out[2 * i], kPairs[bytes[i]].data(), 2);
  return out;
}
}  // namespace

std::string make_run_id(Instant now) {
  std::array<unsigned char, 3> drawn{};
  draw(drawn);
  const std::string t = to_text(
      Instant{now.micros - ((now.micros % 1'000'000) + 1'000'000) % 1'000'000});  // 2013-11-03T05:30:00Z
  return fmt::format("{}{}{}-{}{}{}-{}", t.substr(0, 4), t.substr(5, 2), t.substr(8, 2), t.substr(11, 2),
                     t.substr(14, 2), t.substr(17, 2), hex(drawn));
}

std::string random_id() {
  thread_local RandomBytes random;
  std::array<unsigned char, 16> taken{};
  random.take(taken);
  return hex(taken);
}

}  // namespace tidemill
