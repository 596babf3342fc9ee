// Ninety days of a model's life in a moment: a registry in miniature, traffic, labels that come late,
// versions that are bad in ways that only traffic shows, and everything that goes wrong around a decision:
// crashes before and after an act, a full disk, clocks that jump, numbers that are missing, people who
// interfere. All of it follows from one seed. The world holds the invariants of
// docs/explanation/retraining.md and throws Violation with the invariant's name where one is broken.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "monitoring/alert.hpp"
#include "monitoring/retraining.hpp"

namespace tidemill::monitoring {

using Decide = std::function<Decision(const Policy&, const Retraining&, const Facts&, Instant)>;

struct Violation : std::runtime_error {
  std::string invariant;
  Violation(std::string name, const std::string& what)
      : std::runtime_error(name + ": " + what), invariant(std::move(name)) {}
};

/// What happened, so that a test can see that the world was eventful.
struct Tally {
  int starts = 0, promoted = 0, rejected = 0, rolled_back = 0, crashes = 0, jumps = 0, failed_acts = 0,
      fired = 0, interfered = 0, shadowed = 0;
};

class SimulatedWorld {
 public:
  SimulatedWorld(uint64_t seed, Decide decide);
  /// An hour at a time. Throws Violation.
  Tally live(int days);
  std::vector<std::string> history;  // what was decided and done, for a failing seed

 private:
  struct Version {
    int number = 0;
    bool accepted = false;  // by the last gate it stood before
    bool proven = false;    // by some gate
    int judged_against = 0;
    double quality = 0.8;  // roc_auc on the day it was trained
    int64_t trained_hour = 0;
    bool loads = true;
    double errors = 0.001, score_drift = 0.05;
    bool withdrawn = false;
  };

  double unit() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  bool chance(double p) { return unit() < p; }
  int64_t whole(int64_t first, int64_t last) {
    return first + static_cast<int64_t>(unit() * static_cast<double>(last - first + 1));
  }
  Version& version(int number) { return versions_.at(static_cast<size_t>(number - 1)); }
  double quality_now(const Version& version) const;
  Instant clock() const { return {(hour_ + skew_hours_) * kHourMicros}; }
  void note(std::string what);

  void weather();         // what changes by itself
  void people();          // what somebody does
  void end_run();         // when it is due
  void watch();           // monitors and alerts
  Facts look();           // what the caller would gather
  void decide_and_act();  // with everything that can go wrong in between
  void act(const Act& act);
  void start_run(const StartRun& start);
  void begin_stage(const BeginStage& begin);
  void promote(int number, const std::string& how);
  void roll_back(const std::string& why);
  void restart();
  void expect_no_storm() const;
  void expect_all_measured() const;
  void expect_progress();
  void hold_invariants() const;
  void expect(bool holds, const char* invariant, const std::string& what) const;

  static constexpr int64_t kHourMicros = int64_t{3600} * 1'000'000;

  std::mt19937_64 random_;
  Decide decide_;
  Policy policy_;
  bool drift_retrains_ = false, monitor_rolls_back_ = false;
  int64_t hour_ = 24 * 18'000, skew_hours_ = 0;
  std::vector<Version> versions_;
  std::vector<int> champions_;  // the last is the champion
  std::optional<registry::Rollout> rollout_;
  int64_t stage_hour_ = 0;
  std::optional<std::string> hold_;
  std::optional<Facts::Run> run_;
  int64_t run_ends_ = 0;
  bool run_promotes_ = false;
  bool disk_full_ = false, data_bad_ = false, checks_fail_ = false, drifted_ = false;
  int64_t labels_late_until_ = 0, metrics_missing_until_ = 0;
  int64_t requests_ = 0;
  std::vector<Trigger> queue_;
  Alerts alerts_, kept_alerts_;
  Retraining state_, kept_;
  Facts facts_;
  std::vector<int64_t> automatic_starts_, jumps_;  // hours
  int64_t stage_since_ = 0;
  std::string stage_;
  Tally tally_;
};

}  // namespace tidemill::monitoring
