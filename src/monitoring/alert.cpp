#include "monitoring/alert.hpp"

#include <algorithm>
#include <set>

namespace tidemill::monitoring {

namespace {

using State = Alert::State;
using Monitor = std::pair<std::string, std::string>;

void enter(Alert& alert, State state, Instant now) {
  alert.state = state;
  alert.since = now;
  alert.failures = alert.clears = 0;
}

class Step {
 public:
  Step(Alerts alerts, Instant now) : now_(now) { step_.alerts = std::move(alerts); }

  void judge(const Evaluation& evaluation) {
    const Monitor monitor{evaluation.deployment, evaluation.monitor};
    const auto last = step_.alerts.judged.find(monitor);
    if (last != step_.alerts.judged.end()) {
      if (evaluation.window_end.micros <= last->second.micros - kSetBack.micros)
        forget_rows_of(monitor);
      else if (evaluation.window_end <= last->second)
        return;  // the same window after a restart, or an older one
    }
    step_.alerts.judged[monitor] = evaluation.window_end;
    std::set<Cause> named;
    for (const Finding& finding : evaluation.findings)
      if (named.insert(finding.cause).second) judge(finding, std::max(evaluation.fire_after, 1));
    for (auto& [cause, alert] : step_.alerts.by_cause)
      if (cause.deployment == evaluation.deployment && cause.monitor == evaluation.monitor &&
          !named.contains(cause))
        end(alert, "no longer watched");
  }

  void drop_all_but(const std::set<Monitor>& declared) {
    for (auto& [cause, alert] : step_.alerts.by_cause)
      if (!declared.contains({cause.deployment, cause.monitor})) end(alert, "the monitor is gone");
    std::erase_if(step_.alerts.judged, [&](const auto& judged) { return !declared.contains(judged.first); });
  }

  AlertStep finish() && {
    for (auto& [cause, alert] : step_.alerts.by_cause)
      alert.since = std::min(alert.since, now_);  // the clock was ahead when it was written
    std::erase_if(step_.alerts.by_cause, [&](const auto& entry) {
      const Alert& alert = entry.second;
      if (alert.state == State::Pending) return alert.failures == 0;
      return alert.state == State::Resolved && now_.micros - alert.since.micros > kKeepsResolved.micros;
    });
    silence_drift_of_bad_columns();
    for (auto& [cause, alert] : step_.alerts.by_cause) {
      if (alert.state != State::Firing || alert.silent || alert.told) continue;
      alert.told = true;
      step_.events.push_back({AlertEvent::What::Fired, alert, alert.text});
    }
    return std::move(step_);
  }

 private:
  /// "In a row" is of windows that follow each other.
  void forget_rows_of(const Monitor& monitor) {
    for (auto& [cause, alert] : step_.alerts.by_cause)
      if (cause.deployment == monitor.first && cause.monitor == monitor.second)
        alert.failures = alert.clears = 0;
  }

  void judge(const Finding& finding, int fire_after) {
    auto found = step_.alerts.by_cause.find(finding.cause);
    if (found == step_.alerts.by_cause.end()) {
      if (!finding.fails()) return;
      if (step_.alerts.by_cause.size() >= kMaxAlerts) {
        ++step_.untracked;
        return;
      }
      found = step_.alerts.by_cause.emplace(finding.cause, Alert{finding.cause, finding.topic}).first;
      found->second.since = now_;
    }
    Alert& alert = found->second;
    if (alert.state == State::Resolved && finding.fails()) enter(alert, State::Pending, now_);
    if (alert.state == State::Resolved) return;
    alert.topic = finding.topic;
    if (finding.state != Finding::State::NotEnoughData) {
      alert.value = finding.value;
      alert.limit = finding.limit;
      alert.text = finding.text;
    }
    if (alert.state == State::Pending) {
      alert.failures = finding.fails() ? alert.failures + 1 : 0;
      if (alert.failures >= fire_after) enter(alert, State::Firing, now_);
      return;
    }
    const bool clear = finding.state == Finding::State::Measured && finding.pressure < kClearsUnder;
    alert.clears = clear ? alert.clears + 1 : 0;
    if (alert.clears >= kClearsAfter) end(alert, finding.text);
  }

  void end(Alert& alert, const std::string& reason) {
    if (alert.state == State::Pending) alert.failures = 0;
    if (alert.state != State::Firing) return;
    enter(alert, State::Resolved, now_);
    alert.silent = false;
    if (std::exchange(alert.told, false)) step_.events.push_back({AlertEvent::What::Resolved, alert, reason});
  }

  void silence_drift_of_bad_columns() {
    std::set<Monitor> bad;  // (deployment, column)
    for (const auto& [cause, alert] : step_.alerts.by_cause)
      if (alert.topic == Topic::Quality && alert.state == State::Firing && !cause.column.empty())
        bad.insert({cause.deployment, cause.column});
    for (auto& [cause, alert] : step_.alerts.by_cause)
      alert.silent = alert.topic == Topic::Drift && alert.state == State::Firing &&
                     bad.contains({cause.deployment, cause.column});
  }

  AlertStep step_;
  Instant now_;
};

}  // namespace

std::string_view to_text(Alert::State state) {
  return state == State::Pending ? "pending" : state == State::Firing ? "firing" : "resolved";
}

bool Alerts::fires(const Cause& cause) const {
  const auto found = by_cause.find(cause);
  return found != by_cause.end() && found->second.state == State::Firing;
}

AlertStep step_alerts(Alerts alerts, const std::vector<Evaluation>& evaluations, Instant now) {
  Step step(std::move(alerts), now);
  std::vector<const Evaluation*> in_order;
  for (const Evaluation& evaluation : evaluations) in_order.push_back(&evaluation);
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](const Evaluation* a, const Evaluation* b) { return a->window_end < b->window_end; });
  for (const Evaluation* evaluation : in_order) step.judge(*evaluation);
  return std::move(step).finish();
}

AlertStep drop_monitors(Alerts alerts, const std::vector<std::pair<std::string, std::string>>& declared,
                        Instant now) {
  Step step(std::move(alerts), now);
  step.drop_all_but({declared.begin(), declared.end()});
  return std::move(step).finish();
}

}  // namespace tidemill::monitoring
