#include "app/run_trouble.hpp"

#include <fmt/format.h>

namespace tidemill::app {

namespace {

/// Empty: it has none.
std::string message_of(const Json& of) {
  const auto error = of.find("error");
  if (error == of.end() || !error->is_object()) return {};
  const auto message = error->find("message");
  return message != error->end() && message->is_string() ? message->get<std::string>() : std::string();
}

}  // namespace

std::string trouble_of(const registry::Run& run) {
  if (std::string message = message_of(run.report); !message.empty()) return message;
  for (const Json& step : run.report.value("steps", Json::array()))
    if (const std::string message = message_of(step); !message.empty())
      return fmt::format("{}: {}", step.value("step", ""), message);
  return {};
}

}  // namespace tidemill::app
