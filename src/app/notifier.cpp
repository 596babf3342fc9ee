#include "app/notifier.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "api/metrics.hpp"
#include "app/notifier_http.hpp"
#include "base/log.hpp"
#include "monitoring/kept.hpp"

namespace tidemill::app {

namespace {

using monitoring::Notice;

constexpr auto kPoll = std::chrono::seconds(1);
constexpr const char* kWebhook = "webhook";
constexpr const char* kAlertmanager = "alertmanager";

bool is_done(int status) { return status >= 200 && status < 300; }
/// What the receiver will never take: trying again would only be in the way of what follows.
bool is_refused(int status) { return status == 400 || status == 413 || status == 422; }

bool is_of_alerts(const std::string& event) { return event == "firing" || event == "resolved"; }

}  // namespace

Notifier::Notifier(const project::Project& project, const registry::Registry& registry,
                   std::shared_ptr<const Clock> clock)
    : project_(project),
      registry_(registry),
      clock_(std::move(clock)),
      sender_{project.name, project.environment},
      outbox_(project.home / "notices") {
  if (!project.notify) return;
  for (const auto& [name, url] : {std::pair{kWebhook, &project.notify->webhook},
                                  std::pair{kAlertmanager, &project.notify->alertmanager}})
    if (!url->empty()) receivers_.push_back(std::make_unique<Receiver>(name));
  if (!receivers_.empty())
    thread_ = std::jthread([this](const std::stop_token& stop) { deliver_until(stop); });
}

Notifier::~Notifier() = default;

bool Notifier::wants(const std::string& event) const {
  return project_.notify && std::ranges::find(project_.notify->on, event) != project_.notify->on.end();
}

Result<void> Notifier::keep(const Notice& notice) {
  for (const auto& receiver : receivers_) {
    // Alertmanager learns of alerts from their state.
    if (receiver->name == kAlertmanager && is_of_alerts(notice.event)) continue;
    TM_TRY(const size_t dropped, outbox_.add(receiver->name, notice));
    if (dropped == 0) continue;
    receiver->dropped += dropped;
    log::error("{} notices to the {} had to go: more than {} wait", dropped, receiver->name,
               monitoring::kMaxWaiting);
  }
  const std::lock_guard lock(waking_);
  is_woken_ = true;
  woken_.notify_all();
  return {};
}

Result<void> Notifier::tell(const AlertEvents& events, Instant now) {
  for (const monitoring::AlertEvent& event : events) {
    const Notice notice = monitoring::notice_of(event, now);
    if (wants(notice.event)) TM_CHECK(keep(notice));
  }
  return {};
}

Result<void> Notifier::tell(const Event& event) {
  Notice notice;
  notice.event = to_text(event.kind);
  if (!wants(notice.event)) return {};
  notice.text = event.text;
  notice.at = event.at;
  notice.details = event.details;
  notice.id = monitoring::notice_id(
      event.key.empty() ? fmt::format("{}\n{}\n{}", notice.event, event.at.micros, event.text) : event.key);
  return keep(notice);
}

EventSink Notifier::sink() {
  return [this](const Event& event) {
    if (const auto told = tell(event); !told)
      log::error("a notice is lost: {}: {}", event.text, told.error().message);
  };
}

void Notifier::deliver_until(const std::stop_token& stop) {
  std::optional<FileLock> alone;
  std::unique_lock lock(waking_);
  while (!stop.stop_requested()) {
    is_woken_ = false;
    lock.unlock();
    if (!alone && make_folder(project_.home / "notices"))
      if (auto taken = FileLock::take(project_.home / "notices" / ".lock", FileLock::Mode::Exclusive,
                                      FileLock::Wait::No))
        alone.emplace(std::move(*taken));
    if (alone) {
      for (const auto& receiver : receivers_) deliver(*receiver, stop);
      tell_alertmanager(stop);
    }
    lock.lock();
    woken_.wait_for(lock, stop, kPoll, [this] { return is_woken_; });
  }
}

void Notifier::deliver(Receiver& receiver, const std::stop_token& stop) {
  for (const Path& file : outbox_.waiting(receiver.name)) {
    const Instant now = clock_->now();
    if (stop.stop_requested() || now < receiver.next) return;
    const auto notice = monitoring::Outbox::read(file);
    const bool is_old = notice && now.micros - notice->at.micros > monitoring::kGivesUpAfter.micros;
    if (!notice || is_old) {
      log::error("a notice to the {} is dropped: {}", receiver.name,
                 notice ? fmt::format("it could not be delivered for a day: {}", notice->text)
                        : to_text(notice.error()));
      ++receiver.dropped;
    } else {
      const Json message = receiver.name == kAlertmanager
                               ? monitoring::alertmanager_message(*notice, sender_, now)
                           : project_.notify->form == project::Notify::Form::Slack
                               ? monitoring::slack_message(*notice, sender_)
                               : monitoring::plain_message(*notice, sender_);
      if (!send(receiver, message, stop)) return;
    }
    if (const auto removed = monitoring::Outbox::remove(file); !removed) {
      log::error("a notice that was told stays, and will be told again: {}", to_text(removed.error()));
      return;
    }
  }
}

void Notifier::tell_alertmanager(const std::stop_token& stop) {
  const auto receiver =
      std::ranges::find(receivers_, kAlertmanager, [](const auto& one) { return one->name; });
  if (receiver == receivers_.end() || !wants("firing")) return;
  const Instant now = clock_->now();
  if (now < (*receiver)->next) return;
  const auto text = monitoring::kept_alerts_text(registry_);
  if (!text || !*text) return;
  if (**text == alerts_told_ && now < alerts_next_) return;
  const auto alerts = monitoring::alerts_from_text(**text);
  if (!alerts) return;  // the watcher says what is wrong with them
  for (const Json& message : monitoring::alertmanager_messages(*alerts, sender_, now))
    if (!send(**receiver, message, stop)) return;
  alerts_told_ = **text;
  alerts_next_ = {now.micros + monitoring::kAlertmanagerResend.micros};
}

std::string Notifier::url_of(const Receiver& receiver) const {
  if (receiver.name == kWebhook) return project_.notify->webhook.reveal();
  std::string url = project_.notify->alertmanager.reveal();
  while (url.ends_with('/')) url.pop_back();
  return url + "/api/v2/alerts";
}

bool Notifier::send(Receiver& receiver, const Json& message, const std::stop_token& stop) {
  const auto status = post_json({.url = url_of(receiver), .body = tidemill::to_text(message)}, stop);
  if (stop.stop_requested() && !status) return false;
  if (status && is_done(*status)) {
    if (receiver.failures > 0) log::info("the {} takes notices again", receiver.name);
    receiver.failures = 0;
    ++receiver.delivered;
    return true;
  }
  const std::string why = status ? fmt::format("it answered {}", *status) : status.error().message;
  if (status && is_refused(*status)) {
    ++receiver.refused;
    log::error("the {} refused a notice, it is dropped: {}", receiver.name, why);
    return true;
  }
  ++receiver.failed;
  ++receiver.failures;
  const Duration pause = monitoring::back_off(receiver.failures);
  receiver.next = {clock_->now().micros + pause.micros};
  if (receiver.failures == 1) log::warning("the {} takes no notices, they wait: {}", receiver.name, why);
  return false;
}

std::string Notifier::metrics() const {
  std::string out;
  if (receivers_.empty()) return out;
  api::append_family(out, "tidemill_notices_total", "counter",
                     "Attempts to tell somebody, by what came of them.");
  for (const auto& receiver : receivers_)
    for (const auto& [outcome, count] :
         {std::pair<std::string_view, const std::atomic<uint64_t>*>{"delivered", &receiver->delivered},
          {"failed", &receiver->failed},
          {"refused", &receiver->refused},
          {"dropped", &receiver->dropped}})
      out += fmt::format("tidemill_notices_total{{to=\"{}\",outcome=\"{}\"}} {}\n", receiver->name, outcome,
                         count->load());
  api::append_family(out, "tidemill_notices_waiting", "gauge", "Notices that are not told yet.");
  for (const auto& receiver : receivers_)
    out += fmt::format("tidemill_notices_waiting{{to=\"{}\"}} {}\n", receiver->name,
                       outbox_.waiting(receiver->name).size());
  return out;
}

}  // namespace tidemill::app
