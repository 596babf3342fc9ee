#include "app/label_taking.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "app/driven_clock.hpp"
#include "base/log.hpp"
#include "base/process.hpp"

namespace tidemill::app {

namespace {

constexpr int64_t kPauseFactor = 20;  // so many times as long as a look took: 5 % of a core at most
constexpr Duration kLeastPause{100'000};

}  // namespace

void LabelTaker::note(const std::string& deployment, const Error* error) {
  std::string& known = failing_[deployment];
  const std::string text = error == nullptr ? "" : to_text(*error);
  if (text != known && !text.empty()) log::error("labels of {}: {}", deployment, text);
  if (text.empty() && !known.empty()) log::info("labels of {} are taken again", deployment);
  known = text;
}

void LabelTaker::take_once(Instant now) {
  const monitoring::LabelTables::Looked looked = tables_.look(registry_, now);
  for (const auto& [deployment, labels] : labels_.all()) {
    const auto failed = looked.failed.find(deployment);
    const Error* error = failed == looked.failed.end() ? nullptr : &failed->second;
    Result<void> seen;
    if (error == nullptr && std::chrono::steady_clock::now() >= next_look_[deployment]) {
      const auto begun = std::chrono::steady_clock::now();
      seen = labels->look(now);
      const auto took = std::chrono::steady_clock::now() - begun;
      next_look_[deployment] = begun + took * (kPauseFactor + 1);
      if (!seen) error = &seen.error();
    }
    note(deployment, error);
  }
}

LabelTaking::LabelTaking(const project::Project& project, const registry::Registry& registry,
                         monitoring::Labels& labels, Duration every) {
  if (labels.all().empty()) return;
  const std::chrono::microseconds pause(std::max(every, kLeastPause).micros);
  thread_ = std::jthread(
      [&project, &registry, &labels, pause, clock = clock_of_process()](const std::stop_token& stop) {
        lower_thread_priority();
        LabelTaker taker(project, registry, labels);
        std::mutex mutex;
        std::condition_variable_any changed;
        std::unique_lock lock(mutex);
        do {
          taker.take_once(clock->now());
        } while (!changed.wait_for(lock, stop, pause, [&stop] { return stop.stop_requested(); }));
      });
}

}  // namespace tidemill::app
