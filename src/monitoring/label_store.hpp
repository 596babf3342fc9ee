// The labels of one deployment on the disk, as Parquet files that each appear whole: what was answered is
// there, whatever ends the process or the machine (docs/formats/labels.md). Every label has a rising number,
// and of one prediction or key the highest counts: so a label that is sent twice is there once, and files
// that were put together may lie beside what they were made of. Several processes may take labels; one at a
// time.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "engine/given_rows.hpp"
#include "monitoring/roll.hpp"

namespace tidemill::monitoring {

/// Of a prediction and its row, or of a key.
struct Label {
  std::string prediction_id;  // empty: by key
  int64_t row = 0;
  std::string key;    // as the log has it
  std::string value;  // label_text()
};

/// What became of labels that came.
struct LabelCounts {
  static constexpr std::array<int64_t, 8> kLagLimits{60,      3'600,   21'600,    86'400,
                                                     259'200, 604'800, 2'592'000, 7'776'000};  // seconds
  uint64_t fresh = 0;    // the first of its prediction or key
  uint64_t same = 0;     // was known already
  uint64_t changed = 0;  // another was known before
  // Among the three:
  uint64_t strangers = 0;  // no such prediction is in the log, yet
  uint64_t early = 0;      // its prediction is not matured
  // Of fresh ones whose prediction is in the log: how long after it they came.
  std::array<uint64_t, kLagLimits.size()> lags{};  // at most so many seconds
  uint64_t lag_count = 0;
  double lag_seconds = 0;  // all together
  LabelCounts& operator+=(const LabelCounts& more);
};

struct LabelStoreOptions {
  Path home;
  std::string deployment;
  Duration retain;            // of the log: a label of before has no prediction any more
  Duration matures_after{0};  // labels of younger predictions are counted as early
  size_t most_small_files = 32;
};

/// Files whose labels came longer ago: what they are of is in no log any more. Errors: io.*.
Result<void> remove_old_labels(const Path& folder, Duration retain, Instant now);

/// Thread-safe.
class LabelStore {
 public:
  /// Makes the folder, readable to the owner alone. Errors: io.*.
  static Result<std::unique_ptr<LabelStore>> open(LabelStoreOptions options);
  /// Keep: those who post cannot tell whether a prediction reached the log yet. The log is rolled for them,
  /// at most once a second. LeaveOut: of a table, which is there to be looked at again, and what it says
  /// again is not counted.
  enum class Strangers { Keep, LeaveOut };
  /// On the disk when it returns. Of several labels of one prediction or key the last counts. Errors: io.*,
  /// engine.*.
  Result<LabelCounts> take(const std::vector<Label>& labels, Instant now, Strangers strangers);
  /// Matured predictions, without those of shadows and errors, and how many of them have a label; nothing:
  /// none ever came.
  struct Share {
    int64_t predictions = 0, labelled = 0;
  };
  Result<std::optional<Share>> share(Instant now) const;
  /// Labels that count since then and did not before: new ones, changed ones, and those whose prediction
  /// matured meanwhile. Of predictions in the log, without those of shadows and errors.
  Result<int64_t> new_since(Instant since, Instant now) const;

 private:
  explicit LabelStore(LabelStoreOptions options);
  Result<std::unique_ptr<engine::Database>> open_sql() const;
  /// Makes the table `judged`: what was given, with the label of before and its prediction's time.
  Result<void> judge(engine::Connection& connection);
  Result<void> judge_once(engine::Connection& connection);
  Result<LabelCounts> count(engine::Connection& connection, Instant now);
  Result<void> write(engine::Connection& connection, Instant now);
  Result<void> put_together(engine::Connection& connection, Instant now);
  Result<int64_t> next_number() const;

  const LabelStoreOptions options_;
  const Path folder_;
  std::mutex mutex_;
  Roller roller_;
  Instant rolled_at_;
};

}  // namespace tidemill::monitoring
