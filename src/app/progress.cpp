#include "app/progress.hpp"

#include <unistd.h>
#include <cstdio>

#include <fmt/format.h>

#include "app/output.hpp"
#include "base/secret.hpp"

namespace tidemill::app {

namespace {

using registry::StepStatus;
constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr size_t kMaxFindings = 20;

struct Mark {
  std::string_view sign;
  Tone tone;
};
Mark mark_of(StepStatus status) {
  switch (status) {
    case StepStatus::Done:
      return {"done", Tone::Good};
    case StepStatus::UpToDate:
      return {"up to date", Tone::Dim};
    case StepStatus::Failed:
      return {"failed", Tone::Bad};
    case StepStatus::Blocked:
      return {"blocked", Tone::Warning};
    case StepStatus::Withdrawn:
      return {"withdrawn", Tone::Warning};
    case StepStatus::Interrupted:
      return {"interrupted", Tone::Warning};
  }
  return {"?", Tone::Plain};
}

// "336 776 rows, 8.1 MB, 1.2 s" of what the report has.
std::string numbers_of(const Json& report) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (const auto at = report.find("rows"); at != report.end() && at->is_number())
    add(grouped(at->get<int64_t>()) + (*at == 1 ? " row" : " rows"));
  if (const auto at = report.find("bytes"); at != report.end() && at->is_number())
    add(human_bytes(at->get<int64_t>()));
  if (const auto at = report.find("version"); at != report.end() && at->is_number())
    add(fmt::format("version {}", at->get<int64_t>()));
  if (const auto at = report.find("seconds"); at != report.end() && at->is_number())
    add(human_seconds(at->get<double>()));
  return out;
}

/// As an error is printed. The place is a text already.
void print_finding(const GlobalOptions& global, const Json& check, bool warning) {
  const auto shown = [](const std::string& text) { return visible(redact(text)); };
  const std::string head =
      fmt::format("{}[check.{}]:", warning ? "warning" : "error", check.value("kind", ""));
  fmt::print(stderr, "{} {}\n", painted(global, head, warning ? Tone::Warning : Tone::Bad),
             shown(check.value("message", "")));
  const auto line = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) fmt::print(stderr, "  {}{}\n", label, shown(text));
  };
  line("--> ", check.value("place", ""));
  std::string seen;
  if (const auto numbers = check.find("numbers"); numbers != check.end() && numbers->contains("examples"))
    for (const Json& example : (*numbers)["examples"])
      seen += (seen.empty() ? "" : ", ") + example.get<std::string>();
  line("seen: ", seen);
  line("hint: ", check.value("hint", ""));
}

/// Every check that failed and, unless quiet, those that only warn or failed without stopping the step.
/// Returns whether one failed that did.
bool print_findings(const GlobalOptions& global, const Json& report, bool stopped) {
  const auto checks = report.find("checks");
  if (checks == report.end()) return false;
  size_t shown = 0, more = 0;
  bool failed = false;
  for (const Json& check : *checks) {
    const std::string status = check.value("status", "");
    const bool warning = !stopped || status == "warned" || check.value("severity", "") == "warn";
    if (status != "failed" && status != "error" && status != "warned") continue;
    if (warning && global.quiet) continue;
    failed = failed || !warning;
    if (shown == kMaxFindings) {
      ++more;
      continue;
    }
    ++shown;
    print_finding(global, check, warning);
  }
  if (more > 0) fmt::print(stderr, "  … and {} more checks: tidemill check\n", more);
  return failed;
}

}  // namespace

Progress::Progress(const GlobalOptions& global)
    : global_(global), live_(!global.quiet && ::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { erase(); }

void Progress::show(const pipeline::RunEvent& event) {
  using Kind = pipeline::RunEvent::Kind;
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (event.kind == Kind::StepStarted) running_[event.step] = {now, std::nullopt, {}};
  if (event.kind == Kind::StepProgress) {
    Running& running = running_[event.step];
    running.share = event.share;
    running.message = event.message;
    if (now - last_draw_ < kRedraw) return;
  }
  erase();
  if (event.kind == Kind::StepRetry && !global_.quiet)
    fmt::print(stderr, "  {:<28} {}\n", event.step,
               painted(global_, "again: " + visible(redact(event.message)), Tone::Warning));
  if (event.kind == Kind::StepEnded) ended(event);
  if (event.kind == Kind::RunEnded && event.error)  // of the run itself, which no step has told
    fmt::print(stderr, "{}\n", visible(to_text(*event.error)));
  draw();
  last_draw_ = now;
}

void Progress::ended(const pipeline::RunEvent& event) {
  running_.erase(event.step);
  if (!event.status) return;
  const bool trouble = *event.status == StepStatus::Failed || *event.status == StepStatus::Blocked ||
                       (event.error && event.error->code != "interrupted");  // a gate's verdict, a time limit
  if (global_.quiet && !trouble) return;
  const Mark mark = mark_of(*event.status);
  const std::string numbers = *event.status == StepStatus::Blocked || *event.status == StepStatus::Withdrawn
                                  ? event.message
                                  : numbers_of(event.report);
  fmt::print(stderr, "  {:<28} {}{}\n", event.step, painted(global_, mark.sign, mark.tone),
             numbers.empty() ? "" : "  " + numbers);
  const bool told = print_findings(global_, event.report, *event.status == StepStatus::Failed);
  if (event.error && !(told && event.error->code.starts_with("check.")))
    fmt::print(stderr, "{}\n", visible(to_text(*event.error)));
}

void Progress::draw() {
  if (!live_) return;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [step, running] : running_) {
    const std::chrono::duration<double> since = now - running.since;
    std::string line = fmt::format("  {:<28} {}", step, human_seconds(since.count()));
    if (running.share) line += fmt::format("  {:.0f} %", *running.share * 100);
    if (!running.message.empty()) line += "  " + running.message;
    fmt::print(stderr, "{}\n", painted(global_, line, Tone::Dim));
    ++drawn_;
  }
}

void Progress::erase() {
  for (; drawn_ > 0; --drawn_) fmt::print(stderr, "\x1b[1A\x1b[2K");
}

}  // namespace tidemill::app
