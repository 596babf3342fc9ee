#include "monitoring/retraining.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "monitoring/retraining_rules.hpp"

namespace tidemill::monitoring {

namespace {

using RolloutStage = registry::Rollout::Stage;

constexpr double kAll = 100;  // percent

/// Whether an ending speaks against the version: only these count towards stopping.
enum class Counts { No, Yes };

class Decider {
 public:
  Decider(const Policy& policy, const Retraining& state, const Facts& facts, Instant now)
      : policy_(policy), facts_(facts), now_(now) {
    out_.state = state;
  }

  Decision decide() && {
    believe_the_clock();
    remember_refused();
    adopt_unknown_run();
    watch_the_promoted();
    if (is_resting(s().stage)) {
      finish_leftover();
      release_hold();
      begin();
    } else {
      for (const Trigger& request : facts_.requests)
        refuse(request, fmt::format("retraining {} is under way", s().attempt));
    }
    // Each turn moves at least one stage on, so there are few.
    for (Stage before = s().stage; !is_resting(s().stage) && !out_.act; before = s().stage) {
      progress();
      if (s().stage == before) break;
    }
    return std::move(out_);
  }

 private:
  Retraining& s() { return out_.state; }

  void move(Stage to, std::string reason) {
    out_.transitions.push_back({now_, s().attempt, s().stage, to, s().candidate, std::move(reason)});
    s().stage = to;
    s().since = now_;
    s().tries = 0;
    s().asked.reset();
    s().missing_since.reset();
  }

  /// An instant that is yet to come was written by a clock that was ahead: it is now, at the latest.
  void believe_the_clock() {
    const auto not_later = [&](std::optional<Instant>& instant) {
      if (instant) instant = std::min(*instant, now_);
    };
    s().since = std::min(s().since, now_);
    not_later(s().ended);
    not_later(s().missing_since);
    not_later(s().asked);
    not_later(s().held_since);
    for (Instant& start : s().starts) start = std::min(start, now_);
    std::erase_if(s().starts, [&](Instant start) { return now_.micros - start.micros >= kWeek.micros; });
    if (!facts_.hold)
      s().held_since.reset();
    else if (!s().held_since)
      s().held_since = now_;
  }

  void remember_refused() {
    s().refused.insert(facts_.withdrawn.begin(), facts_.withdrawn.end());
    while (s().refused.size() > kMaxRefused) s().refused.erase(s().refused.begin());
  }

  /// The registry knows of an attempt that the state does not: the state is from before it.
  void adopt_unknown_run() {
    if (!facts_.run || facts_.run->attempt <= s().attempt) return;
    start(facts_.run->attempt, facts_.run->trigger.value_or(Trigger{
                                   Trigger::Kind::Person, "a run that was begun and not remembered"}));
  }

  void start(int attempt, const Trigger& trigger) {
    s().attempt = attempt;
    s().trigger = trigger;
    s().candidate = s().challenged = 0;
    s().percent = 0;
    s().begun = s().compared = false;
    s().repeats = 0;
    s().refusal.clear();
    s().starts.push_back(now_);
    if (s().starts.size() > kMaxStarts) s().starts.erase(s().starts.begin());
    move(Stage::Triggered, trigger.reason);
  }

  void refuse(const Trigger& trigger, const std::string& why) {
    const bool request = trigger.id > 0;
    if (request && trigger.id <= s().handled) return;
    const std::string text = fmt::format("{} is not retrained: {}", policy_.model, why);
    if (request || text != s().refusal) out_.notices.push_back(text);
    if (request) s().handled = trigger.id;
    s().refusal = text;
  }

  void begin() {
    if (out_.act || s().leftover != 0 || !is_resting(s().stage)) return;
    while (const auto trigger = trigger_of(policy_, s(), facts_)) {
      const std::string why = refusal_of(policy_, s(), facts_, *trigger, now_);
      if (!why.empty()) {
        refuse(*trigger, why);
        if (trigger->id > 0) continue;  // the next request, or an alert
        return;
      }
      s().handled = std::max(s().handled, trigger->id);
      if (trigger->kind == Trigger::Kind::Person) s().rejections = 0;
      return start(s().attempt + 1, *trigger);
    }
  }

  void end(Stage to, std::string reason, Counts counts) {
    const bool challenges = facts_.rollout && s().candidate != 0 && facts_.rollout->version == s().candidate;
    const bool began = s().stage == Stage::Shadow || s().stage == Stage::Canary;
    if (to != Stage::Promoted && (challenges || began)) {
      s().leftover = s().candidate;
      s().leftover_bad = counts == Counts::Yes;
    }
    if (to == Stage::Promoted) {
      s().promoted = s().candidate;
      s().rollback_tries = 0;
      s().rejections = 0;
    } else if (counts == Counts::Yes) {
      ++s().rejections;
      if (s().candidate != 0) s().refused.insert(s().candidate);
    }
    s().ended = now_;
    move(to, std::move(reason));
    if (s().rejections == policy_.stop_after && counts == Counts::Yes)
      out_.notices.push_back(fmt::format(
          "{} is not retrained by itself any more: {} retrainings in a row were rejected, the last: {}",
          policy_.model, s().rejections, out_.transitions.back().reason));
    finish_leftover();
  }

  void finish_leftover() {
    if (s().leftover == 0) return;
    const bool there = facts_.rollout && facts_.rollout->version == s().leftover;
    const bool must_be_withdrawn = s().leftover_bad && !facts_.withdrawn.contains(s().leftover);
    if (!there && !must_be_withdrawn) {
      s().leftover = 0;
      return;
    }
    if (!out_.act)
      out_.act = EndRollout{s().leftover, s().leftover_bad,
                            out_.transitions.empty() ? "rejected" : out_.transitions.back().reason};
  }

  void watch_the_promoted() {
    if (s().promoted == 0) return;
    if (facts_.champion == s().promoted) {
      if (!facts_.rollback || s().rollback_tries > kMaxTries) return;
      if (++s().rollback_tries > kMaxTries)
        out_.notices.push_back(fmt::format("version {} of {} could not be rolled back: {}", s().promoted,
                                           policy_.model, *facts_.rollback));
      else
        out_.act = RollBack{s().promoted, *facts_.rollback};
      return;
    }
    if (facts_.withdrawn.contains(s().promoted) && s().stage == Stage::Promoted)
      move(Stage::RolledBack,
           fmt::format("version {} was rolled back{}", s().promoted,
                       facts_.hold ? fmt::format(", promotion is on hold: {}", *facts_.hold) : ""));
    s().promoted = 0;
  }

  void release_hold() {
    if (out_.act || !facts_.hold || !policy_.hold_for || !s().held_since) return;
    if (now_.micros - s().held_since->micros >= policy_.hold_for->micros) out_.act = ReleaseHold{};
  }

  /// Asks for an act until it is seen to be done; false when that was too often.
  bool ask(Act act) {
    if (s().asked && now_.micros - s().asked->micros < kAsksAgain.micros) return true;
    if (++s().tries > kMaxTries) return false;
    s().asked = now_;
    out_.act = std::move(act);
    return true;
  }

  void progress() {
    if (s().stage == Stage::Shadow || s().stage == Stage::Canary) return watch_the_challenger();
    const Facts::Run* run = facts_.run && facts_.run->attempt == s().attempt ? &*facts_.run : nullptr;
    if (run == nullptr || run->status == Facts::Run::Status::Interrupted) return start_run(run);
    if (run->status == Facts::Run::Status::Failed)
      return end(Stage::Rejected, fmt::format("the run failed: {}", run->error), Counts::No);
    if (s().stage == Stage::Triggered) return move(Stage::Snapshot, "its run began");
    if (s().stage == Stage::Snapshot && (run->snapshot_taken || run->candidate))
      return move(Stage::Train, "the model's table is there");
    if (s().stage == Stage::Train && run->candidate) {
      s().candidate = run->candidate->version;
      s().challenged = run->candidate->judged_against;
      return move(Stage::Gate, fmt::format("version {} is trained", s().candidate));
    }
    if (run->status != Facts::Run::Status::Done) return;
    if (!run->candidate)
      return end(Stage::Rejected, "the run made no new version: nothing it learns from has changed",
                 Counts::No);
    if (s().stage == Stage::Gate) pass_the_gate(*run->candidate);
  }

  void start_run(const Facts::Run* interrupted) {
    if (interrupted == nullptr && s().stage != Stage::Triggered)
      return end(Stage::Rejected, "the run is no longer in the registry", Counts::No);
    if (const std::string obstacle = obstacle_of(facts_); !obstacle.empty())
      return end(Stage::Rejected, fmt::format("its run did not begin: {}", obstacle), Counts::No);
    if (interrupted != nullptr && s().repeats >= kMaxRuns - 1)
      return end(Stage::Rejected, fmt::format("its run was interrupted {} times", kMaxRuns), Counts::No);
    if (!ask(StartRun{s().attempt, !policy_.has_rollout() || !facts_.champion}))
      return end(Stage::Rejected, "its run could not be begun", Counts::No);
    if (!out_.act) return;
    if (s().starts.empty()) s().starts.emplace_back();
    s().starts.back() = now_;  // it begins now at the earliest, however often it was asked for
    if (interrupted != nullptr) ++s().repeats;
  }

  void pass_the_gate(const Facts::Candidate& candidate) {
    if (!candidate.accepted)
      return end(Stage::Rejected, fmt::format("the gate: {}", candidate.reason), Counts::Yes);
    if (s().challenged == s().candidate)
      return end(Stage::Rejected, "the run made no new version: it is the champion already", Counts::No);
    if (facts_.champion == s().candidate) return end(Stage::Promoted, "it passed the gate", Counts::No);
    if (cannot_go_on()) return;
    if (!policy_.has_rollout() || !facts_.champion) return promote();
    if (policy_.shadow > 0) return enter(Stage::Shadow, 0, "it passed the gate");
    enter(Stage::Canary, policy_.canary.front(), "it passed the gate");
  }

  void enter(Stage stage, double percent, std::string reason) {
    s().percent = percent;
    s().begun = false;
    move(stage, std::move(reason));
  }

  void promote() {
    if (!ask(Promote{s().candidate, s().challenged,
                     fmt::format("retraining {}: {}", s().attempt, s().trigger.reason)}))
      end(Stage::Rejected, "it could not be promoted", Counts::No);
  }

  /// What ends a candidacy, whichever stage it is in.
  bool cannot_go_on() {
    if (s().refused.contains(s().candidate))
      end(Stage::RolledBack, fmt::format("version {} was rolled back", s().candidate), Counts::No);
    else if (facts_.hold)
      end(Stage::Rejected, fmt::format("promotion is on hold: {}", *facts_.hold), Counts::No);
    else if (facts_.champion.value_or(0) != s().challenged)
      end(Stage::Rejected,
          fmt::format("the champion is version {} now, and the gate compared with {}",
                      facts_.champion.value_or(0), s().challenged),
          Counts::No);
    else
      return false;
    return true;
  }

  /// False: the stage is not yet, or no longer, what it should be, and that was dealt with.
  bool stage_is_there() {
    const RolloutStage stage = s().stage == Stage::Shadow ? RolloutStage::Shadow : RolloutStage::Canary;
    const auto& seen = facts_.rollout;
    if (seen && seen->version != s().candidate) {
      end(Stage::Rejected, fmt::format("version {} challenges instead", seen->version), Counts::No);
      return false;
    }
    if (seen && seen->stage == stage && seen->percent == s().percent) {
      if (!s().begun) {
        s().tries = 0;
        s().asked.reset();
      }
      s().begun = true;
      return true;
    }
    if (s().begun && !seen) {
      end(Stage::Rejected, "its rollout was ended", Counts::No);
      return false;
    }
    if (s().begun) {  // a person took another step
      enter(seen->stage == RolloutStage::Shadow ? Stage::Shadow : Stage::Canary, seen->percent,
            "somebody moved its rollout");
      s().begun = true;
      return true;
    }
    registry::Rollout wanted{policy_.deployment, policy_.model, policy_.alias,
                             s().candidate,      stage,         s().percent};
    wanted.reason = fmt::format("retraining {}", s().attempt);
    if (!ask(BeginStage{std::move(wanted)}))
      end(Stage::Rejected, "its rollout could not be begun", Counts::Yes);
    return false;
  }

  void watch_the_challenger() {
    if (facts_.champion == s().candidate) return end(Stage::Promoted, "it is the champion", Counts::No);
    if (cannot_go_on() || !stage_is_there()) return;
    if (!facts_.bad_data.empty()) return;  // its numbers say nothing of it now
    const bool shadow = s().stage == Stage::Shadow;
    Policy limits = policy_;
    // With all requests there are no scores of the champion to compare with any more.
    if (s().percent >= kAll && s().compared) limits.max_score_drift.reset();
    const StageVerdict verdict =
        judge_stage(limits, facts_.challenger, shadow ? policy_.shadow : kMinStagePredictions);
    if (!verdict.breach.empty()) return end(Stage::Rejected, verdict.breach, Counts::Yes);
    if (verdict.missing.empty()) {
      s().missing_since.reset();
    } else {
      if (!s().missing_since) s().missing_since = now_;
      if (now_.micros - s().missing_since->micros >= kMissingGrace.micros)
        end(Stage::Rejected, fmt::format("{} cannot be told", fmt::join(verdict.missing, ", ")), Counts::Yes);
      return;
    }
    const int64_t lasted = now_.micros - facts_.rollout->since.micros;
    if (!verdict.enough) {
      if (now_.micros - s().since.micros > kLongestStage.micros)
        end(Stage::Rejected, fmt::format("too few predictions in {}", to_text(kLongestStage)), Counts::No);
      return;
    }
    if (!shadow && lasted < policy_.stage.micros) return;
    next_stage();
  }

  void next_stage() {
    if (facts_.challenger.score_drift) s().compared = true;
    const auto next = std::find_if(policy_.canary.begin(), policy_.canary.end(),
                                   [&](double percent) { return percent > s().percent; });
    if (next == policy_.canary.end()) return promote();
    enter(Stage::Canary, *next,
          s().stage == Stage::Shadow ? "the shadow held its limits" : "the stage held its limits");
  }

  const Policy& policy_;
  const Facts& facts_;
  Instant now_;
  Decision out_;
};

}  // namespace

Decision decide(const Policy& policy, const Retraining& state, const Facts& facts, Instant now) {
  return Decider(policy, state, facts, now).decide();
}

}  // namespace tidemill::monitoring
