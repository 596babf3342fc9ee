// The prediction log of one deployment. Whoever predicts appends: the record is encoded straight into a
// bounded ring of the processor's, and a thread of the log's own takes it from there to the disk. What does
// not fit is dropped and counted, or waited for, as the project file says. Never an error to who predicts.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "monitoring/log_writer.hpp"
#include "monitoring/record.hpp"
#include "monitoring/ring.hpp"

namespace tidemill::monitoring {

struct PredictionLogOptions {
  Path home;
  std::string deployment;
  project::PredictionLog log;
  size_t rings = 0;  // 0: one a processor, up to kMostRings
  size_t ring_bytes = size_t{2} << 20;
  size_t segment_bytes = kMaxSegmentBytes;
  std::shared_ptr<const Clock> clock = system_clock();  // of the records: whose hours the segments are
  static constexpr size_t kMostRings = 16;
};

class PredictionLog {
 public:
  /// Makes the log's folder, readable to the owner alone. Errors: io.*, log.bad_key.
  static Result<std::unique_ptr<PredictionLog>> open(const PredictionLogOptions& options);
  /// Writes what was appended.
  ~PredictionLog();
  PredictionLog(const PredictionLog&) = delete;
  PredictionLog& operator=(const PredictionLog&) = delete;

  struct Version {
    std::string model;
    int number = 0;
    std::vector<CapturedColumn> features;
    std::vector<LogColumn> answers;  // behind the features; the rows' key last, where they have one
  };
  /// What to append predictions of a version under; null: it was not declared yet.
  const LoggedVersion* find(int version) const;
  /// The same version gives the same. Thread-safe.
  const LoggedVersion& declare(const Version& version);

  /// From any thread. Columns of the view: of the version's features and answers, in their order. A view
  /// without rows (an error) is one row without columns. With durability sync it returns when the rows are on
  /// the disk or cannot be brought there.
  void append(const LoggedVersion& version, const PredictionView& view);

  /// Since it was opened; rows, unless it says otherwise.
  struct Counts {
    uint64_t written = 0;    // to the segment
    uint64_t dropped = 0;    // no room, or what was left when it ended
    uint64_t too_large = 0;  // one row that no record holds
    uint64_t sampled_out = 0;
    uint64_t unsynced = 0;  // answered although the disk failed under durability sync
    uint64_t bytes = 0;     // written
    uint64_t errors = 0;    // of the disk
    uint64_t waiting_bytes = 0;
    double lag_seconds = 0;  // between a row's append and its write, at most: of the last batch
    bool failing = false;    // now
  };
  Counts counts() const;

 private:
  struct Shard {
    explicit Shard(size_t bytes) : ring(bytes) {}
    Ring ring;
    std::atomic<uint64_t> on_disk{0};  // a place of the ring, as Ring::consumed()
    std::atomic<uint64_t> dropped{0}, too_large{0}, sampled_out{0}, unsynced{0};
  };
  struct Declared {
    LoggedVersion version;
    const Declared* older;
  };
  PredictionLog(PredictionLogOptions options, Secret key, LogWriterOptions writing);
  /// Of the processor that asks.
  Shard& shard_here();
  void append(Shard& shard, const LoggedVersion& version, const PredictionView& view, RowRange range,
              size_t bytes);
  bool push(Shard& shard, const LoggedVersion& version, const PredictionView& view, RowRange range,
            size_t bytes, uint64_t& end);
  void wait_for_disk(Shard& shard, uint64_t end, size_t rows);
  void wake();
  void write_until_ended();
  /// False: something could not be written.
  bool write_all();
  void publish();
  bool is_empty() const;

  const PredictionLogOptions options_;
  const Secret key_;
  const Duration tick_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::mutex declaring_;
  std::vector<std::unique_ptr<Declared>> versions_;
  std::atomic<const Declared*> newest_{nullptr};

  // Of the writing thread; the others see what publish() copies.
  LogWriter writer_;
  Instant unsynced_since_;
  std::atomic<uint64_t> rows_{0}, bytes_{0}, errors_{0}, given_up_{0};
  std::atomic<int64_t> lag_micros_{0};
  std::atomic<bool> failing_{false}, ending_{false};

  std::mutex waking_, progress_;
  std::condition_variable woken_, progressed_;
  std::atomic<bool> is_woken_{false};
  std::jthread thread_;  // the last: it uses all else
};

/// Whether the rows of a prediction are among the share that is stored: the same in every process.
bool is_sampled(std::string_view prediction_id, double share);

}  // namespace tidemill::monitoring
