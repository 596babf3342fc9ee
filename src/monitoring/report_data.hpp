// What the report on a deployment says, as plain values: how the version that it serves was in training, and
// how it does on live traffic. Reads the registry, the package, the log and the labels; writes nothing. What
// is not known is empty, and a note says why.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "forest/package.hpp"
#include "monitoring/alert.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"
#include "statistics/curves.hpp"
#include "statistics/metrics.hpp"

namespace tidemill::monitoring {

using statistics::Maybe;

// Beyond these, the report says how many there are.
inline constexpr size_t kMaxReportColumns = 60;  // that have a picture, the worst first
inline constexpr size_t kMaxReportPeriods = 40;  // of what is drawn over time
inline constexpr size_t kMaxReportVersions = 50;
inline constexpr size_t kMaxReportMoves = 200;
inline constexpr size_t kMaxReportSlices = 100;
inline constexpr size_t kMaxReportFeatures = 30;  // by importance
inline constexpr size_t kMaxReportAlerts = 100;
inline constexpr size_t kMaxReportRows = 100'000;    // with labels that are read: a sample of more
inline constexpr size_t kMaxReportReleases = 1'000;  // that are looked through for moves
inline constexpr double kRowsOfReportPeriod = 300;   // in the mean, so that a period says something

/// A number and how sure it is, at 95 %.
struct Reading {
  Maybe value, low, high;
};
struct NamedReading {
  std::string name;
  Reading test, validation, live;
};

struct ReportMove {  // of the alias that the deployment serves
  Instant at;
  int version = 0;  // 0: it was put aside
  int before = 0;   // 0: it was none
  std::string who, reason;
};

struct ReportVersion {
  int number = 0;
  std::string state, run, commit;
  Instant made_at;
  std::vector<std::string> aliases;
  std::optional<std::string> retired;
  bool dropped = false;
  Reading main;  // the report's main metric, on its test split
};

struct ReportTraffic {
  struct Period {
    Instant begin;
    std::map<int, int64_t> rows;  // answered, by version
    int64_t errors = 0;
  };
  int64_t rows = 0, errors = 0, shadow_rows = 0;
  Maybe p50_ms, p99_ms;
  std::optional<Instant> first, last;
  std::vector<Period> periods;
};

/// A feature, or what the model says, in the bins that the package fixed.
struct ReportColumn {
  enum class State { Unknown, TooFew, Steady, Moved, Drifted };
  std::string name;
  bool is_score = false, is_category = false;
  State state = State::Unknown;
  std::string problem;  // why there is nothing to compare; empty: there is
  Maybe importance;     // share of the gain
  std::vector<std::string> places;
  std::vector<double> reference, current;  // counts, one a place
  double reference_rows = 0, current_rows = 0, unseen = 0;
  Maybe psi, no_drift, jensen_shannon, ks, wasserstein;
  std::vector<Maybe> psi_by_period;  // one a period of the traffic
  std::vector<double> rows_by_period;
};
std::string_view to_text(ReportColumn::State state);

struct ReportCurves {
  std::vector<statistics::RocPoint> roc;
  std::vector<statistics::CalibrationBin> calibration;
};

struct ReportPerformance {
  struct Period {
    Instant begin;
    double rows = 0;
    Reading reading;
  };
  std::vector<NamedReading> metrics;
  ReportCurves test, live;
  std::vector<Period> periods;  // of the main metric
  int64_t predictions = 0;      // in the window, of this version, matured
  int64_t labelled = 0;
  int64_t sampled = 0;  // of the labelled ones that were read
};

struct ReportSlice {
  std::string column, value;
  double test_rows = 0;
  Maybe live_rows;  // nothing: the log does not tell rows of the slice from others
  Reading test, live;
};

struct ReportGroups {
  struct Group {
    std::string value;
    double rows = 0;
    bool judged = false;
    Maybe selection_rate, true_positive_rate, false_positive_rate;
  };
  std::string column;
  bool live = false;  // else on the test split
  std::vector<Group> groups;
  Maybe parity_difference, parity_ratio, opportunity_difference, opportunity_ratio;
};

struct ReportImportance {
  std::string feature;
  double gain = 0, cover = 0, splits = 0;  // shares
};

struct Report {
  std::string project, deployment, model, alias, task, target;
  Instant made_at, window_begin, window_end;
  Duration period{0};
  int version = 0, live_version = 0;  // live_version 0: none
  std::optional<Instant> live_since;
  std::optional<registry::Rollout> challenger;
  std::optional<std::string> hold;
  Maybe threshold;
  std::string main_metric;
  bool more_is_better = true;
  double warn = 0.1, fail = 0.2;  // of PSI
  bool is_watched = false;        // a server has looked at its monitors
  std::vector<Alert> alerts;
  ReportTraffic traffic;
  std::vector<ReportColumn> columns;  // scores first, then features, the worst first
  ReportPerformance performance;
  std::vector<ReportSlice> slices;
  std::vector<ReportGroups> fairness;
  std::vector<ReportImportance> importance;
  std::vector<ReportVersion> versions;  // newest first
  std::vector<ReportMove> moves;        // newest first
  struct More {                         // that are not in the lists above
    size_t columns = 0, versions = 0, moves = 0, slices = 0, importance = 0, alerts = 0;
  } more;
  /// Why a part has nothing to show, a sentence each: "alerts", "traffic", "drift", "scores", "roc",
  /// "calibration", "live_performance", "performance", "slices", "fairness", "live_groups", "importance",
  /// "moves".
  std::map<std::string, std::string> notes;
};

struct ReportInput {
  const project::Project* project = nullptr;
  const project::Deployment* deployment = nullptr;
  const registry::Registry* registry = nullptr;
  std::optional<int> version;  // nothing: what is live
  Instant now;
  Duration window{int64_t{28} * 86'400'000'000};
  int threads = 1;
  int64_t memory_bytes = 512'000'000;
};

/// Errors: report.not_live (no version is), registry.*, package.*, baseline.malformed, engine.*, sql.*, io.*.
Result<Report> report_of(const ReportInput& input);

Json to_json(const Report& report);

}  // namespace tidemill::monitoring
