// The world of the simulation: what changes by itself, what can be observed, and what acts do to it.
#include <algorithm>

#include <fmt/format.h>

#include "monitoring/simulated_world_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int64_t kLooksEveryHours = 4;
constexpr double kLeastAuc = 0.70;
constexpr double kAucLostPerDay = 0.004;  // the world moves on

Finding finding_of(std::string monitor, Topic topic, std::string column, int version, double pressure) {
  Finding finding;
  finding.cause = {"late", std::move(monitor), std::move(column), "", version};
  finding.topic = topic;
  finding.pressure = finding.sure_pressure = pressure;
  return finding;
}
Evaluation evaluation_of(Finding finding, Instant end) {
  const int after = finding.topic == Topic::Drift ? 3 : 1;
  return {finding.cause.deployment, finding.cause.monitor, end, after, {std::move(finding)}};
}

}  // namespace

SimulatedWorld::SimulatedWorld(uint64_t seed, Decide decide) : random_(seed), decide_(std::move(decide)) {
  policy_ = {.model = "late", .deployment = "late"};
  policy_.max_per_week = static_cast<int>(whole(1, 4));
  policy_.cooldown = {whole(6, 48) * kHourMicros};
  policy_.min_new_labels = whole(0, 400);
  if (chance(0.3)) policy_.every_labels = whole(1'000, 20'000);
  if (chance(0.5)) policy_.hold_for = Duration{whole(24, 24 * 10) * kHourMicros};
  if (chance(0.8)) {
    policy_.shadow = chance(0.7) ? whole(200, 5'000) : 0;
    policy_.canary = chance(0.5) ? std::vector<double>{10, 50, 100} : std::vector<double>{25};
    policy_.stage = {whole(1, 30) * kHourMicros};
    policy_.max_errors = 0.01;
    policy_.max_score_drift = 0.2;
  }
  drift_retrains_ = chance(0.4);
  monitor_rolls_back_ = chance(0.3);
  versions_.push_back({.number = 1, .accepted = true, .proven = true, .quality = 0.8, .trained_hour = hour_});
  champions_ = {1};
}

Tally SimulatedWorld::live(int days) {
  for (const int64_t end = hour_ + 24 * int64_t{days}; hour_ < end; ++hour_) {
    weather();
    people();
    end_run();
    watch();
    decide_and_act();
    hold_invariants();
  }
  return tally_;
}

void SimulatedWorld::note(std::string what) {
  history.push_back(fmt::format("day {} hour {}, clock {}: {}", (hour_ - 24 * 18'000) / 24, hour_ % 24,
                                tidemill::to_text(clock()), what));
}

double SimulatedWorld::quality_now(const Version& version) const {
  return version.quality - kAucLostPerDay * static_cast<double>(hour_ - version.trained_hour) / 24;
}

void SimulatedWorld::weather() {
  const auto flips = [&](bool& state, double begins, double ends) {
    if (chance(state ? ends : begins)) state = !state;
  };
  flips(disk_full_, 1.0 / 300, 1.0 / 12);
  flips(data_bad_, 1.0 / 400, 1.0 / 24);
  flips(checks_fail_, 1.0 / 500, 1.0 / 24);
  flips(drifted_, 1.0 / 300, 1.0 / 72);
  if (chance(1.0 / 400)) labels_late_until_ = hour_ + whole(24, 240);
  if (chance(1.0 / 150)) metrics_missing_until_ = hour_ + whole(1, 48);
  if (chance(1.0 / 500)) {
    skew_hours_ += chance(0.5) ? whole(-24 * 30, -1) : whole(1, 24 * 30);
    jumps_.push_back(hour_);
    ++tally_.jumps;
    note("the clock jumps");
  } else if (skew_hours_ != 0 && chance(1.0 / 48)) {
    skew_hours_ = 0;
    jumps_.push_back(hour_);
    note("the clock is put right");
  }
  if (chance(1.0 / 200)) restart();
}

void SimulatedWorld::people() {
  if (chance(1.0 / 700)) queue_.push_back({Trigger::Kind::Person, "somebody wants it", ++requests_});
  if (hour_ % 168 == 0) queue_.push_back({Trigger::Kind::Schedule, "it is Monday", ++requests_});
  const int before = tally_.interfered++;
  if (chance(1.0 / 900) && champions_.size() > 1)
    roll_back("somebody");
  else if (hold_ && chance(1.0 / 200))
    hold_.reset();
  else if (rollout_ && chance(1.0 / 300))
    rollout_.reset();
  else if (rollout_ && chance(1.0 / 300))
    rollout_->percent = 100, rollout_->stage = registry::Rollout::Stage::Canary, stage_hour_ = hour_;
  else if (!hold_ && chance(1.0 / 900)) {
    const int number = static_cast<int>(whole(1, static_cast<int64_t>(versions_.size())));
    if (version(number).accepted && version(number).loads && !version(number).withdrawn &&
        number != champions_.back())
      promote(number, "a person");
  } else
    tally_.interfered = before;
}

void SimulatedWorld::end_run() {
  if (!run_ || run_->status != Facts::Run::Status::Running) return;
  run_->snapshot_taken = run_->snapshot_taken || chance(0.5);
  if (hour_ < run_ends_) return;
  if (disk_full_ || chance(0.08)) {
    run_->status = chance(0.5) ? Facts::Run::Status::Failed : Facts::Run::Status::Interrupted;
    run_->error = "no space left";
    return note("its run ends without a version");
  }
  run_->status = Facts::Run::Status::Done;
  run_->snapshot_taken = true;
  if (chance(0.1)) return note("its run has nothing to do");
  const int champion = champions_.back();
  int number = 0;
  if (chance(0.15)) {  // nothing changed since a version was made: it is that one again
    number = static_cast<int>(whole(1, static_cast<int64_t>(versions_.size())));
  } else {
    number = static_cast<int>(versions_.size()) + 1;
    Version made{.number = number, .quality = 0.74 + 0.1 * unit(), .trained_hour = hour_};
    made.loads = !chance(0.05);
    if (chance(0.15)) made.errors = 0.05;
    if (chance(0.15)) made.score_drift = 0.5;
    versions_.push_back(made);
  }
  Version& judged = version(number);
  const double noise = 0.02 * (unit() - 0.5);
  judged.accepted = quality_now(judged) + noise >= quality_now(version(champion)) - 0.005;
  judged.proven = judged.proven || judged.accepted;
  judged.judged_against = champion;
  run_->candidate = {number, judged.accepted, champion, "worse than the champion"};
  note(fmt::format("its run ends with version {}, {}", number, judged.accepted ? "accepted" : "rejected"));
  if (run_promotes_ && judged.accepted && judged.loads && !judged.withdrawn && !hold_ && number != champion)
    promote(number, "its run");
}

void SimulatedWorld::watch() {
  if (hour_ % kLooksEveryHours != 0 || chance(0.02)) return;  // or busy
  const int champion = champions_.back();
  const Instant end = window_end(clock(), {kLooksEveryHours * kHourMicros});
  Finding auc = finding_of("metric roc_auc", Topic::Performance, "", champion,
                           pressure_below(quality_now(version(champion)), kLeastAuc, 1));
  if (hour_ < labels_late_until_) auc.state = Finding::State::NotEnoughData;
  if (hour_ < metrics_missing_until_ && chance(0.3)) auc.state = Finding::State::Missing;
  std::vector<Evaluation> looks;
  looks.push_back(evaluation_of(std::move(auc), end));
  looks.push_back(evaluation_of(
      finding_of("drift psi", Topic::Drift, "dest", champion, drifted_ ? 2 : 0.3 + 0.6 * unit()), end));
  looks.push_back(
      evaluation_of(finding_of("quality missing", Topic::Quality, "dest", 0, data_bad_ ? 3 : 0.2), end));
  AlertStep step = step_alerts(std::move(alerts_), looks, clock());
  alerts_ = std::move(step.alerts);
  for (const AlertEvent& event : step.events) {
    if (event.what != AlertEvent::What::Fired) continue;
    ++tally_.fired;
    const Cause bad{"late", "quality missing", "dest", "", 0};
    expect(event.alert.topic != Topic::Drift || !alerts_.fires(bad), "silence",
           "drift of a column with bad data");
  }
  if (!disk_full_) kept_alerts_ = alerts_;
}

Facts SimulatedWorld::look() {
  Facts facts;
  facts.champion = champions_.back();
  facts.hold = hold_;
  for (const Version& each : versions_)
    if (each.withdrawn) facts.withdrawn.insert(each.number);
  facts.run = run_;
  facts.rollout = rollout_;
  if (rollout_) {
    const Version& challenger = version(rollout_->version);
    const double hours = static_cast<double>(hour_ - stage_hour_);
    const double share = rollout_->stage == registry::Rollout::Stage::Shadow ? 1 : rollout_->percent / 100;
    facts.challenger = {.predictions = static_cast<int64_t>(400 * hours * share),
                        .errors = challenger.errors,
                        .p99 = Duration{20'000},
                        .score_drift = challenger.score_drift};
    if (rollout_->percent == 100) facts.challenger.score_drift.reset();  // the champion answers nobody
    if (hour_ < metrics_missing_until_) {
      if (chance(0.4)) facts.challenger.predictions.reset();
      if (chance(0.4)) facts.challenger.errors.reset();
      if (chance(0.4)) facts.challenger.score_drift.reset();
    }
  }
  if (checks_fail_) facts.failed_checks = {"not_null(tailnum)"};
  for (const auto& [cause, alert] : alerts_.by_cause) {
    if (alert.state != Alert::State::Firing) continue;
    if (alert.topic == Topic::Quality) facts.bad_data.push_back(to_text(cause));
    if (alert.topic == Topic::Performance) {
      facts.standing.push_back({Trigger::Kind::Performance, to_text(cause)});
      if (monitor_rolls_back_) facts.rollback = to_text(cause);
    }
    if (alert.topic == Topic::Drift && !alert.silent && drift_retrains_)
      facts.standing.push_back({Trigger::Kind::Drift, to_text(cause)});
  }
  const int64_t late = std::max(hour_ - version(champions_.back()).trained_hour - 48, int64_t{0});
  facts.new_labels = hour_ < labels_late_until_ ? 0 : 30 * late;
  facts.requests = queue_;
  return facts;
}

void SimulatedWorld::decide_and_act() {
  facts_ = look();
  Decision decision = decide_(policy_, state_, facts_, clock());
  if (chance(0.01)) return restart();  // before it is kept
  for (const Transition& transition : decision.transitions) {
    note(fmt::format("{} → {}: {}", to_text(transition.from), to_text(transition.to), transition.reason));
    if (transition.to == Stage::Promoted) ++tally_.promoted;
    if (transition.to == Stage::Rejected) ++tally_.rejected;
    if (transition.to == Stage::RolledBack) ++tally_.rolled_back;
    if (transition.to == Stage::Shadow) ++tally_.shadowed;
    if (transition.to == Stage::Canary && transition.reason.ends_with("held its limits"))
      expect_all_measured();
  }
  if (disk_full_ && chance(0.5)) {  // it cannot be kept, so nothing is done
    ++tally_.failed_acts;
    return;
  }
  state_ = std::move(decision.state);
  kept_ = state_;
  expect_progress();
  std::erase_if(queue_, [&](const Trigger& request) { return request.id <= state_.handled; });
  if (!decision.act) return;
  if (chance(0.05)) return restart();  // between keeping and acting
  if (disk_full_ || chance(0.03)) {
    ++tally_.failed_acts;
    return note("the act fails");
  }
  act(*decision.act);
  if (chance(0.05)) restart();  // after it, before anybody knows
}

void SimulatedWorld::restart() {
  ++tally_.crashes;
  note("a crash");
  const auto state = retraining_from_json(to_json(kept_));
  const auto alerts = alerts_from_json(to_json(kept_alerts_));
  expect(state && *state == kept_ && alerts && *alerts == kept_alerts_, "kept",
         "the state reads back as it was");
  state_ = *state;
  alerts_ = *alerts;
}

void SimulatedWorld::act(const Act& act) {
  if (const auto* start = std::get_if<StartRun>(&act)) return start_run(*start);
  if (const auto* begin = std::get_if<BeginStage>(&act)) return begin_stage(*begin);
  if (const auto* wanted = std::get_if<Promote>(&act)) {
    expect(!hold_, "hold", "promotion while it is on hold");
    if (wanted->expected != champions_.back() || !version(wanted->version).loads) return;
    const Version& promoted = version(wanted->version);
    if (policy_.has_rollout()) {
      expect_all_measured();
      expect(rollout_ && rollout_->version == promoted.number, "stages", "promoted without its last stage");
      expect(promoted.errors <= *policy_.max_errors && promoted.score_drift <= *policy_.max_score_drift,
             "limits", "promoted past the limits of its stages");
    }
    return promote(wanted->version, "retraining");
  }
  if (const auto* ended = std::get_if<EndRollout>(&act)) {
    if (rollout_ && rollout_->version == ended->version) rollout_.reset();
    if (ended->bad) version(ended->version).withdrawn = true;
    return;
  }
  if (const auto* back = std::get_if<RollBack>(&act)) {
    if (back->version == champions_.back() && champions_.size() > 1) roll_back(back->reason);
    return;
  }
  expect(hold_.has_value(), "hold", "released where there is none");
  hold_.reset();
}

void SimulatedWorld::start_run(const StartRun& start) {
  expect(!run_ || run_->status != Facts::Run::Status::Running, "one at a time", "a run while another runs");
  expect(!rollout_, "one at a time", "a run while a version challenges");
  const bool again = run_ && run_->attempt == start.attempt;
  expect(!hold_, "hold", "a retraining while promotion is on hold");
  expect(facts_.bad_data.empty() && facts_.failed_checks.empty(), "bad data", "a retraining on bad data");
  if (!again) {
    ++tally_.starts;
    const Trigger::Kind kind = state_.trigger.kind;
    if (kind != Trigger::Kind::Person && kind != Trigger::Kind::Schedule) automatic_starts_.push_back(hour_);
    expect_no_storm();
  }
  run_ = Facts::Run{.attempt = start.attempt};
  run_promotes_ = start.promotes;
  run_ends_ = hour_ + whole(1, 6);
}

void SimulatedWorld::begin_stage(const BeginStage& begin) {
  const Version& challenger = version(begin.rollout.version);
  expect(challenger.accepted, "gate", "a stage for what the gate refused");
  expect(!challenger.withdrawn, "rolled back", fmt::format("version {} challenges again", challenger.number));
  if (hold_ || !challenger.loads || challenger.number == champions_.back()) return;  // the registry refuses
  expect(!rollout_ || rollout_->version == challenger.number, "one at a time", "two challengers");
  rollout_ = begin.rollout;
  rollout_->since = clock();
  stage_hour_ = hour_;
}

void SimulatedWorld::promote(int number, const std::string& how) {
  const Version& promoted = version(number);
  note(fmt::format("version {} is champion, by {}", number, how));
  expect(promoted.accepted, "gate", fmt::format("version {} without a passing gate", number));
  expect(how == "a person" || promoted.judged_against == champions_.back(), "gate",
         "judged against another champion");
  expect(!promoted.withdrawn, "rolled back", fmt::format("version {} is champion again", number));
  champions_.push_back(number);
  if (rollout_ && rollout_->version == number) rollout_.reset();
}

void SimulatedWorld::roll_back(const std::string& why) {
  const int bad = champions_.back();
  do champions_.pop_back();
  while (champions_.size() > 1 && version(champions_.back()).withdrawn);
  if (champions_.back() != bad) version(bad).withdrawn = true;
  hold_ = why;
  rollout_.reset();
  note(fmt::format("version {} is rolled back to {} by {}", bad, champions_.back(), why));
}

/// By the world's time, whatever the clock says; a clock that is put elsewhere may give a week's worth again.
void SimulatedWorld::expect_no_storm() const {
  const auto of_this_week = [&](int64_t hour) { return hour > hour_ - 168; };
  const auto starts = std::count_if(automatic_starts_.begin(), automatic_starts_.end(), of_this_week);
  const auto jumps = std::count_if(jumps_.begin(), jumps_.end(), of_this_week);
  expect(starts <= policy_.max_per_week * (1 + jumps), "no storm",
         fmt::format("{} retrainings in a week, limit {}", starts, policy_.max_per_week));
}

void SimulatedWorld::expect_all_measured() const {
  const Facts::Challenger& seen = facts_.challenger;
  const bool compares = !facts_.rollout || facts_.rollout->percent < 100;
  expect(seen.predictions && seen.errors && (seen.score_drift || !compares), "missing numbers",
         "a stage was passed without them");
}

void SimulatedWorld::expect_progress() {
  const std::string stage = fmt::format("{} {} {}", to_text(state_.stage), state_.attempt, state_.percent);
  if (std::exchange(stage_, stage) != stage || (!jumps_.empty() && jumps_.back() > stage_since_))
    stage_since_ = hour_;
  expect(is_resting(state_.stage) || hour_ - stage_since_ < 24 * 20, "progress",
         fmt::format("{} for twenty days", to_text(state_.stage)));
}

void SimulatedWorld::hold_invariants() const {
  const Version& champion = versions_.at(static_cast<size_t>(champions_.back() - 1));
  expect(champion.loads, "a champion loads", fmt::format("version {} does not", champion.number));
  expect(champion.proven, "gate", "a champion that the gate refused");
}

void SimulatedWorld::expect(bool holds, const char* invariant, const std::string& what) const {
  if (!holds) throw Violation(invariant, what);
}

}  // namespace tidemill::monitoring
