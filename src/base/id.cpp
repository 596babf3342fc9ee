#include "base/id.hpp"

#include <sys/random.h>
#include <array>

#include <fmt/format.h>

namespace tidemill {

namespace {
std::string random_hex(size_t bytes) {
  std::array<unsigned char, 16> raw{};
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n = ::getrandom(raw.data() + done, bytes - done, 0);
    if (n > 0) done += static_cast<size_t>(n);
  }
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += fmt::format("{:02x}", raw[i]);
  return out;
}
}  // namespace

std::string make_run_id(Instant now) {
  const std::string t = to_text(
      Instant{now.micros - ((now.micros % 1'000'000) + 1'000'000) % 1'000'000});  // 2013-11-03T05:30:00Z
  return fmt::format("{}{}{}-{}{}{}-{}", t.substr(0, 4), t.substr(5, 2), t.substr(8, 2), t.substr(11, 2),
                     t.substr(14, 2), t.substr(17, 2), random_hex(3));
}

std::string random_id() { return random_hex(16); }

}  // namespace tidemill
