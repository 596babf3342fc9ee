// Messages for people, on stderr: one line each, secrets redacted. Data never goes here.
#pragma once

#include <string_view>

#include <fmt/format.h>

namespace tidemill::log {

enum class Level { Debug, Info, Warning, Error, Off };

void set_level(Level level);
/// Json: one object a line {"time","level","message"}, for `serve` under a log collector.
enum class Format { Text, Json };
void set_format(Format format);
void write(Level level, std::string_view message);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tidemill::log
