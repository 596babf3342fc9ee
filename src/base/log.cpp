#include "base/log.hpp"

#include <atomic>
#include <cstdio>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"

namespace tidemill::log {

namespace {
std::atomic<Level> level_now{Level::Info};
std::atomic<Format> format_now{Format::Text};

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warning:
      return "warning";
    case Level::Error:
      return "error";
    case Level::Off:
      return "off";
  }
  return "off";
}
}  // namespace

void set_level(Level level) { level_now = level; }
void set_format(Format format) { format_now = format; }

void write(Level level, std::string_view message) {
  if (level < level_now.load()) return;
  std::string line = redact(message);
  if (format_now.load() == Format::Json) {
    line =
        to_text(Json{{"time", to_text(system_clock()->now())}, {"level", name_of(level)}, {"message", line}});
  } else if (level != Level::Info) {
    line = fmt::format("{}: {}", name_of(level), line);
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace tidemill::log
