#include "app/schedules.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "app/run_trouble.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "pipeline/fingerprint.hpp"
#include "pipeline/plan.hpp"

namespace tidemill::app {

namespace {

constexpr int kMaxRuns = 3;    // of one tick, of which all but the last were interrupted
constexpr int kMaxStarts = 3;  // that come to nothing
constexpr int kLockHeld = 5, kTimedOut = 6, kRejected = 4;  // exit codes

std::string called(const project::Schedule& schedule) { return fmt::format("schedule '{}'", schedule.name); }

/// A hash of what the sources hold. A database cannot be told from outside: it counts as new with every
/// look.
Result<std::string> fingerprint_of(const project::Project& project, const project::Schedule& schedule,
                                   registry::Registry& registry, Instant now) {
  project::Project watched;
  watched.folder = project.folder;
  for (const std::string& name : schedule.watch)
    if (const auto source = project.sources.find(name); source != project.sources.end())
      watched.sources.insert(*source);
  TM_TRY(const auto parts, pipeline::fingerprint(watched, registry, now));
  Sha256 all;
  for (const auto& [name, value] : parts) {
    all.add_field(name);
    all.add_field(value == pipeline::kReadEveryRun ? std::to_string(now.micros / schedule.every.micros)
                                                   : value);
  }
  return all.hex();
}

}  // namespace

Result<void> Schedules::use(const project::Project& project) {
  TM_TRY(const auto kept, options_.registry.schedules());
  TM_TRY(project::ZoneRules zone, project::ZoneRules::of(project.timezone));
  std::vector<Lived> lived;
  for (const project::Schedule& schedule : project.schedules) {
    const auto before = std::ranges::find_if(
        schedules_, [&](const Lived& one) { return one.schedule.name == schedule.name; });
    Lived& one = lived.emplace_back(before == schedules_.end() ? Lived{} : *before);
    one.schedule = schedule;
    if (schedule.watch.empty()) {
      TM_TRY(one.cron, project::parse_cron(schedule.cron));
    }
    if (before != schedules_.end()) continue;
    if (const auto found = kept.find(schedule.name); found != kept.end()) TM_CHECK(read(one, found->second));
  }
  schedules_ = std::move(lived);
  zone_ = std::move(zone);
  project_ = project;
  return {};
}

Result<void> Schedules::read(Lived& lived, const registry::KeptSchedule& kept) {
  if (lived.cron) {
    TM_TRY(lived.ticks, pipeline::schedule_state_from_json(kept.state));
  } else {
    TM_TRY(lived.watch, pipeline::watch_state_from_json(kept.state));
  }
  lived.tick = kept.tick;
  lived.kept = true;
  return {};
}

Result<void> Schedules::keep(Lived& lived, const std::vector<pipeline::GivenUp>& given_up) {
  std::vector<registry::TickRecord> noted;
  for (const pipeline::GivenUp& each : given_up) {
    noted.push_back({{lived.schedule.name, each.tick}, "given up", {}, 0, each.reason, {}});
    log::info("{}: {} gets no run: {}", called(lived.schedule), to_text(each.tick), each.reason);
  }
  registry::KeptSchedule kept{lived.cron ? to_json(lived.ticks) : to_json(lived.watch), lived.tick};
  return options_.registry.keep_schedule(lived.schedule.name, kept, noted);
}

void Schedules::look(Instant now) {
  for (Lived& lived : schedules_) {
    const auto looked = look_at(lived, now);
    if (!looked && !lived.troubled)
      log::error("{} waits: {}", called(lived.schedule), to_text(looked.error()));
    lived.troubled = !looked;
  }
}

Result<void> Schedules::look_at(Lived& lived, Instant now) {
  if (lived.tick && lived.run != Lived::Run::Ours) TM_CHECK(settle(lived, nullptr, now));
  if (!lived.cron) return look_at_sources(lived, now);
  auto decision =
      pipeline::decide_schedule(lived.schedule, *lived.cron, zone_, lived.ticks, now, lived.tick.has_value());
  // A later look that finds no tick need not be kept: from the older one the same ticks are seen.
  const bool changed = !lived.kept || decision.start || !decision.given_up.empty() ||
                       decision.state.waiting != lived.ticks.waiting;
  Lived next = lived;
  next.ticks = std::move(decision.state);
  if (decision.start) {
    next.tick = decision.start;
    next.run = Lived::Run::ToBegin;
    next.failed_starts = 0;
  }
  if (changed) TM_CHECK(keep(next, decision.given_up));
  next.kept = true;
  lived = std::move(next);
  return {};
}

Result<void> Schedules::look_at_sources(Lived& lived, Instant now) {
  if (lived.tick || !pipeline::is_due(lived.schedule, lived.watch, now)) return {};
  TM_TRY(const std::string data, fingerprint_of(project_, lived.schedule, options_.registry, now));
  auto decision = pipeline::decide_watch(lived.watch, data, now, false);
  Lived next = lived;
  next.watch = std::move(decision.state);
  if (decision.start) {
    next.tick = now;
    next.run = Lived::Run::ToBegin;
    next.failed_starts = 0;
    TM_CHECK(keep(next));
  }
  lived = std::move(next);
  return {};
}

std::optional<Schedules::Due> Schedules::due() const {
  const Lived* first = nullptr;
  for (const Lived& lived : schedules_) {
    const bool waits = lived.tick && lived.run == Lived::Run::ToBegin;
    if (waits && (first == nullptr || *lived.tick < *first->tick)) first = &lived;
  }
  if (first == nullptr) return std::nullopt;
  return Due{{first->schedule.name, *first->tick}, first->schedule.run};
}

void Schedules::began(const registry::Tick& tick) {
  for (Lived& lived : schedules_)
    if (lived.schedule.name == tick.schedule && lived.tick == tick.at) lived.run = Lived::Run::Ours;
}

void Schedules::ended(const registry::Tick& tick, const ChildRun::End& end, Instant now) {
  for (Lived& lived : schedules_) {
    if (lived.schedule.name != tick.schedule || lived.tick != tick.at) continue;
    lived.run = Lived::Run::Elsewhere;  // if the registry cannot be asked, it is looked at again
    const auto settled = settle(lived, &end, now);
    if (!settled) log::error("{}: {}", called(lived.schedule), to_text(settled.error()));
  }
}

/// `end`: of the child that this process began for it; null: none, or of an earlier process.
Result<void> Schedules::settle(Lived& lived, const ChildRun::End* end, Instant now) {
  const registry::Tick tick{lived.schedule.name, *lived.tick};
  TM_TRY(const auto record, options_.registry.tick(tick));
  const std::string status = record ? record->status : "waiting";
  const auto fail = [&](std::string reason) {
    return end_tick(lived, {tick, "failed", record ? record->run : "", 0, std::move(reason), {}},
                    Event::Kind::Failed, now);
  };
  const auto again = [&]() -> Result<void> {
    lived.run = Lived::Run::ToBegin;
    return {};
  };
  if (status == "running") {
    lived.run = Lived::Run::Elsewhere;
    return {};
  }
  if (status == "waiting") {
    // Whoever was told to end, or found the home in use, has done nothing.
    if (end == nullptr || end->stopped || end->code == kLockHeld) return again();
    if (end->code > 128 && ++lived.failed_starts < kMaxStarts) return again();
    return fail(end->last_line());
  }
  if (status == "interrupted") {
    if (end != nullptr && !end->stopped && end->code == kTimedOut) return fail(end->last_line());
    if (record->runs < kMaxRuns) return again();
    return fail(fmt::format("its run was interrupted {} times", kMaxRuns));
  }
  TM_TRY(const auto run, options_.registry.run(record->run));
  if (!run) return end_tick(lived, *record, Event::Kind::Done, now);  // settled already
  if (options_.run_is_over) options_.run_is_over(*run);
  registry::TickRecord over = *record;
  over.reason = trouble_of(*run);
  const bool rejected = run->status == "done" && run->report.value("exit_code", 0) == kRejected;
  over.status = rejected ? "rejected" : run->status;
  return end_tick(lived, over,
                  rejected                  ? Event::Kind::Rejected
                  : over.status == "failed" ? Event::Kind::Failed
                                            : Event::Kind::Done,
                  now);
}

Result<void> Schedules::end_tick(Lived& lived, const registry::TickRecord& ended, Event::Kind kind,
                                 Instant now) {
  TM_CHECK(options_.registry.end_tick(ended));
  lived.tick.reset();
  lived.run = Lived::Run::ToBegin;
  std::string text = fmt::format("{}: {}", called(lived.schedule), ended.status);
  if (!ended.run.empty()) text += fmt::format(", run {}", ended.run);
  if (!ended.reason.empty()) text += ": " + ended.reason;
  log::info("{}", text);
  if (options_.tell)
    options_.tell({kind,
                   now,
                   text,
                   {{"schedule", lived.schedule.name},
                    {"tick", to_text(ended.tick.at)},
                    {"run", ended.run.empty() ? Json() : Json(ended.run)},
                    {"reason", ended.reason}}});
  return {};
}

}  // namespace tidemill::app
