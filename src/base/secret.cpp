#include "base/secret.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
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

namespace {
/// Length of the longest end of text with which a secret begins.
size_t open_secret(std::string_view text) {
  const std::lock_guard lock(secrets_mutex);
  size_t longest = 0;
  for (const std::string& value : secrets())
    for (size_t length = std::min(value.size() - 1, text.size()); length > longest; --length)
      if (std::string_view(value).starts_with(text.substr(text.size() - length))) longest = length;
  return longest;
}
}  // namespace

std::string RedactedStream::take(std::string_view piece) {
  held_ += piece;
  std::string shown = redact(held_);
  const size_t held = open_secret(shown);
  held_ = shown.substr(shown.size() - held);
  shown.erase(shown.size() - held);
  return shown;
}

std::string RedactedStream::rest() { return redact(std::exchange(held_, {})); }

}  // namespace tidemill
