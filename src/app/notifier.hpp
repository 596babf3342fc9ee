// Tells people: what the project's `notify` wants to be known goes to its webhook and its Alertmanager, on a
// thread of its own. Notices wait in the home until they are delivered, at least once; Alertmanager is told
// of what fires again and again, from the alerts that are kept. One process of a home delivers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/events.hpp"
#include "app/watcher.hpp"
#include "monitoring/notify.hpp"
#include "monitoring/notify_outbox.hpp"

namespace tidemill::app {

class Notifier {
 public:
  /// Without `notify` in the project it does nothing.
  Notifier(const project::Project& project, const registry::Registry& registry,
           std::shared_ptr<const Clock> clock);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// They are durable when it returns. Errors: io.*. Thread-safe.
  Result<void> tell(const AlertEvents& events, Instant now);
  Result<void> tell(const Event& event);
  /// For a scheduler: tells, and logs what is lost. Not longer than this lives.
  EventSink sink();
  /// In Prometheus' text format; empty without `notify`.
  std::string metrics() const;

 private:
  struct Receiver {
    std::string name;  // "webhook", "alertmanager"
    int failures = 0;  // in a row
    Instant next;      // not tried before
    std::atomic<uint64_t> delivered{0}, refused{0}, failed{0}, dropped{0};
  };
  bool wants(const std::string& event) const;
  Result<void> keep(const monitoring::Notice& notice);
  void deliver_until(const std::stop_token& stop);
  void deliver(Receiver& receiver, const std::stop_token& stop);
  void tell_alertmanager(const std::stop_token& stop);
  /// False: not now.
  bool send(Receiver& receiver, const Json& message, const std::stop_token& stop);
  std::string url_of(const Receiver& receiver) const;

  const project::Project& project_;
  const registry::Registry& registry_;
  const std::shared_ptr<const Clock> clock_;
  const monitoring::Sender sender_;
  const monitoring::Outbox outbox_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  std::string alerts_told_;  // to Alertmanager
  Instant alerts_next_;
  std::mutex waking_;
  std::condition_variable_any woken_;
  bool is_woken_ = false;
  std::jthread thread_;  // the last: it uses all else
};

}  // namespace tidemill::app
