#include "base/secret.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

namespace tidemill {

namespace {
constexpr size_t kShortestHidden = 4;
std::mutex secrets_mutex;
std::vector<std::string>& secrets() {
  static std::vector<std::string> values;
  return values;
}
}  // namespace

Secret::Secret(std::string name, std::string value) : name_(std::move(name)), value_(std::move(value)) {
  register_secret(value_);
}

void register_secret(std::string_view value) {
  if (value.size() < kShortestHidden) return;
  const std::lock_guard lock(secrets_mutex);
  auto& known = secrets();
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  known.emplace_back(value);
  // Longest first, so that a secret inside another does not leave the other's rest.
  std::stable_sort(known.begin(), known.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string redact(std::string_view text) {
  std::string out(text);
  const std::lock_guard lock(secrets_mutex);
  for (const std::string& value : secrets())
    for (size_t at = out.find(value); at != std::string::npos; at = out.find(value, at + 8))
      out.replace(at, value.size(), "[secret]");
  return out;
}

}  // namespace tidemill
