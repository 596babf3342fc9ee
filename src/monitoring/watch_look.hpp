// One look of one monitor: its connection, its window, and what it found so far. Inside this room only.
#pragma once

#include <string>
#include <vector>

#include "engine/database.hpp"
#include "monitoring/declared.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/watch.hpp"

namespace tidemill::monitoring {

/// From `begin` on, before `end`.
struct Span {
  Instant begin, end;
  double days() const { return Duration{end.micros - begin.micros}.seconds() / 86'400; }
};

/// Labels, scores and blocks of rows, as metrics take them.
struct JudgedRows {
  std::vector<double> labels;  // empty where they were not asked for
  std::vector<double> scores;  // rows × outputs
  std::vector<double> decisions;
  std::vector<uint32_t> groups;  // of `names`
  std::vector<std::string> names;
  statistics::Blocks blocks;
  size_t outputs = 1;
  size_t rows = 0;
  size_t foreign = 0;  // rows whose label is no class
};

/// A drift, with what it is about.
struct MeasuredDrift {
  Cause cause;
  Drift drift;
};

class Look {
 public:
  /// As many connections as may read at once, at least one.
  Look(Watch& watch, const WatchInput& input, std::vector<engine::Connection> connections)
      : watch_(watch),
        input_(input),
        monitor_(*input.monitor),
        connections_(std::move(connections)),
        connection_(connections_[0]) {}
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;
  Result<std::vector<Finding>> findings();

 private:
  // watch.cpp
  Result<void> find_window();
  Cause cause(const std::string& column = "", int version = 0, const std::string& slice = "") const;
  void add(Finding finding);
  /// What cannot be looked at, and what would help.
  void add_missing(Cause cause, Topic topic, std::string text);
  void add_too_few(Cause cause, Topic topic, double rows, const std::string& of);
  /// "RELATION WHERE …": rows that were predicted in the span. version 0: by any version that answers.
  std::string rows_in(const Span& span, int version) const;
  std::string named_rows_in(const std::string& relation, const Span& span, int version) const;
  /// The columns that the monitor names, of a version; says of those that there are not, or that the log
  /// hides.
  std::vector<const WatchedColumn*> chosen(const VersionReference& reference, bool with_scores);
  /// The slices that the relation has; says of those that it does not have.
  std::vector<std::string> chosen_slices(const VersionReference& reference);
  bool has_column(const std::string& name) const;
  /// Whether the log keeps of the column what the monitor looks at.
  bool sees(const WatchedColumn& column) const;

  // watch_distribution.cpp
  /// Of a monitor of all columns: says once which the log hides, and why. It is no failure: nobody named
  /// them.
  void note_left_out(const VersionReference& reference);
  Result<void> drift();
  Result<void> drift(Watch::Kept& kept);
  /// The columns of one slice: their p-values are adjusted together.
  void add_drifts(std::vector<MeasuredDrift> measured);
  Result<void> drift_against_log(Watch::Kept& kept, const std::vector<const WatchedColumn*>& columns);
  Result<void> quality();
  Result<void> quality(Watch::Kept& kept);
  Result<void> type_errors();

  // watch_performance.cpp
  Result<void> metric();
  Result<void> metric(const VersionReference& reference, const std::string& where, const std::string& slice);
  Result<void> estimate(const VersionReference& reference, const std::string& where,
                        const std::string& slice);
  Result<void> fairness();
  Result<void> fairness(const VersionReference& reference, const std::string& group);
  Result<JudgedRows> read_rows(const VersionReference& reference, const std::string& rows, bool labelled,
                               const std::string& group);
  /// The relation with labels, and its span: the newest as long as the window that is matured.
  std::string labelled() const;
  Result<Span> matured_span();

  // watch_service.cpp
  Result<void> traffic();
  Result<void> latency();

  // watch_attribution.cpp
  Result<void> attribution();
  Result<void> attribution(const ServedVersion& version, const VersionReference& reference);

  Watch& watch_;
  const WatchInput& input_;
  const project::Monitor& monitor_;
  std::vector<engine::Connection> connections_;
  engine::Connection& connection_;  // the first
  std::string relation_;
  std::vector<engine::Column> has_;  // columns of the relation
  std::vector<Watch::Kept*> kept_;   // one a version
  Span span_;
  std::vector<Finding> found_;
};

}  // namespace tidemill::monitoring
