#include "monitoring/left_logs.hpp"

#include "monitoring/label_store.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/roll.hpp"
#include "project/project.hpp"

namespace tidemill::monitoring {

namespace {

constexpr const char* kFile = ".retain";
constexpr size_t kMaxBytes = 100;

std::string text_of(const Path& file) {
  auto text = read_file(file, kMaxBytes);
  return text ? std::move(*text) : "";
}

}  // namespace

Result<void> note_retention(const Path& log_folder, Duration retain) {
  const Path file = log_folder / kFile;
  const std::string text = to_text(retain);
  return text_of(file) == text ? Result<void>() : write_file(file, text);
}

LeftLogs::LeftLogs(const Path& home, const std::set<std::string>& kept) : home_(home) {
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(home / "predictions", ignored), end; entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().native();
    if (kept.contains(name) || !entry->is_directory(ignored)) continue;
    const auto noted = parse_duration(text_of(entry->path() / kFile));
    left_[name] = noted ? *noted : project::PredictionLog().retain;
  }
}

Result<void> LeftLogs::roll(Instant now) const {
  for (const auto& [name, retain] : left_) {
    TM_CHECK(Roller({log_folder(home_, name), retain}).roll(now));
    TM_CHECK(remove_old_labels(label_folder(home_, name), retain, now));
  }
  return {};
}

}  // namespace tidemill::monitoring
