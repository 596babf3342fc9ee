// decide() and the alerts through ninety days of everything going wrong, for many seeds; and the proof that
// the simulation sees it when a rule is broken. A seed that fails is printed with what happened:
//   TIDEMILL_SEED=17 monitoring_test --gtest_filter='Simulation.*'
#include <gtest/gtest.h>

#include <cstdlib>

#include <fmt/ranges.h>

#include "monitoring/simulated_world_for_tests.hpp"

namespace tidemill::monitoring {
namespace {

constexpr uint64_t kSeeds = 1'000;
constexpr int kDays = 90;

/// The invariant that breaks; empty: none.
struct Outcome {
  Tally tally;
  std::string broken, text;
};
Outcome live(uint64_t seed, const Decide& how) {
  SimulatedWorld world(seed, how);
  Outcome outcome;
  try {
    outcome.tally = world.live(kDays);
  } catch (const Violation& violation) {
    outcome.broken = violation.invariant;
    const size_t first = world.history.size() > 60 ? world.history.size() - 60 : 0;
    outcome.text = fmt::format(
        "seed {}: {}\n{}", seed, violation.what(),
        fmt::join(world.history.begin() + static_cast<std::ptrdiff_t>(first), world.history.end(), "\n"));
  }
  return outcome;
}

Tally operator+(Tally a, const Tally& b) {
  a.starts += b.starts;
  a.promoted += b.promoted;
  a.rejected += b.rejected;
  a.rolled_back += b.rolled_back;
  a.crashes += b.crashes;
  a.jumps += b.jumps;
  a.failed_acts += b.failed_acts;
  a.fired += b.fired;
  a.interfered += b.interfered;
  a.shadowed += b.shadowed;
  return a;
}

/// A decision by somebody who believes something else.
Decide believing(const std::function<void(Policy&, Retraining&, Facts&)>& what) {
  return [what](Policy policy, Retraining state, Facts facts, Instant now) {
    what(policy, state, facts);
    return decide(policy, state, facts, now);
  };
}
/// Whether some seed breaks this invariant.
::testing::AssertionResult is_found(const std::string& invariant, const Decide& how) {
  std::map<std::string, int> others;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const std::string broken = live(seed, how).broken;
    if (broken == invariant) return ::testing::AssertionSuccess();
    if (!broken.empty()) ++others[broken];
  }
  return ::testing::AssertionFailure() << fmt::format("no seed breaks '{}', but {}", invariant, others);
}

}  // namespace

TEST(Simulation, holds_its_invariants_for_ninety_days_whatever_goes_wrong) {
  const char* only = std::getenv("TIDEMILL_SEED");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  Tally all;
  for (uint64_t seed = first; seed < first + (only != nullptr ? 1 : kSeeds); ++seed) {
    const Outcome outcome = live(seed, decide);
    ASSERT_EQ(outcome.broken, "") << outcome.text;
    all = all + outcome.tally;
  }
  fmt::print(
      "{} starts, {} promoted, {} rejected, {} rolled back, {} shadowed, {} crashes, {} clock jumps, {} acts "
      "failed, {} alerts, {} interferences\n",
      all.starts, all.promoted, all.rejected, all.rolled_back, all.shadowed, all.crashes, all.jumps,
      all.failed_acts, all.fired, all.interfered);
  if (only != nullptr) return;
  for (const int much : {all.starts, all.promoted, all.rejected, all.rolled_back, all.shadowed, all.crashes,
                         all.jumps, all.failed_acts, all.fired, all.interfered})
    EXPECT_GT(much, 500);
}

TEST(Simulation, lives_the_same_life_for_the_same_seed) {
  for (const uint64_t seed : {3U, 4U}) {
    SimulatedWorld a(seed, decide), b(seed, decide);
    a.live(30);
    b.live(30);
    EXPECT_EQ(a.history, b.history);
  }
}

TEST(Simulation, sees_a_gate_that_is_not_asked) {
  EXPECT_TRUE(is_found("gate", believing([](Policy&, Retraining&, Facts& facts) {
                         if (facts.run && facts.run->candidate) facts.run->candidate->accepted = true;
                       })));
}

TEST(Simulation, sees_a_champion_that_is_not_looked_at_again) {
  EXPECT_TRUE(is_found("gate", believing([](Policy&, Retraining& state, Facts& facts) {
                         if (facts.champion != state.candidate && state.challenged != 0)
                           state.challenged = facts.champion.value_or(0);
                       })));
}

TEST(Simulation, sees_a_rolled_back_version_come_again) {
  EXPECT_TRUE(is_found("rolled back", believing([](Policy&, Retraining& state, Facts& facts) {
                         state.refused.clear();
                         facts.withdrawn.clear();
                       })));
}

TEST(Simulation, sees_a_storm_of_retrainings) {
  EXPECT_TRUE(is_found("no storm", believing([](Policy& policy, Retraining&, Facts&) {
                         policy.max_per_week = policy.stop_after = 1000;
                         policy.cooldown = {0};
                       })));
}

TEST(Simulation, sees_two_at_a_time) {
  EXPECT_TRUE(is_found("one at a time", believing([](Policy&, Retraining&, Facts& facts) {
                         if (facts.run && facts.run->status == Facts::Run::Status::Running) facts.run.reset();
                         facts.rollout.reset();
                       })));
}

TEST(Simulation, sees_limits_that_are_not_held) {
  EXPECT_TRUE(is_found("limits", believing([](Policy& policy, Retraining&, Facts&) {
                         policy.max_errors.reset();
                         policy.max_score_drift.reset();
                       })));
}

TEST(Simulation, sees_missing_numbers_taken_for_good_ones) {
  EXPECT_TRUE(is_found("missing numbers", believing([](Policy&, Retraining&, Facts& facts) {
                         if (!facts.challenger.errors) facts.challenger.errors = 0;
                         if (!facts.challenger.score_drift) facts.challenger.score_drift = 0;
                       })));
}

TEST(Simulation, sees_a_hold_that_is_not_kept) {
  EXPECT_TRUE(is_found("hold", believing([](Policy&, Retraining&, Facts& facts) { facts.hold.reset(); })));
}

TEST(Simulation, sees_training_on_bad_data) {
  EXPECT_TRUE(is_found("bad data", believing([](Policy&, Retraining&, Facts& facts) {
                         facts.bad_data.clear();
                         facts.failed_checks.clear();
                       })));
}

TEST(Simulation, sees_a_stage_that_never_ends) {
  EXPECT_TRUE(is_found("progress",
                       [](const Policy& policy, const Retraining& state, const Facts& facts, Instant now) {
                         if (state.stage == Stage::Shadow) return Decision{state, {}, {}, {}};
                         return decide(policy, state, facts, now);
                       }));
}

}  // namespace tidemill::monitoring
