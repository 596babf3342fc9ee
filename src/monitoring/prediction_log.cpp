#include "monitoring/prediction_log.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <sched.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/mix.hpp"

namespace tidemill::monitoring {

namespace {

using Durability = project::PredictionLog::Durability;
using WhenFull = project::PredictionLog::WhenFull;

constexpr Duration kLongestTick{100'000}, kShortestTick{2'000};
constexpr std::chrono::milliseconds kLongestWait{20};  // for room, before it is looked for again

/// Rows wait for the writer at most so long; four of them are left for writing within the interval.
Duration tick_of(const project::PredictionLog& log) {
  if (log.durability != Durability::Interval) return kLongestTick;
  return std::clamp(Duration{log.interval.micros / 4}, kShortestTick, kLongestTick);
}

/// FNV-1a (Fowler, Noll, Vo) of the id, every bit of it mixed: the same everywhere, and for ever.
uint64_t place_of(std::string_view prediction_id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : prediction_id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix(hash);
}

uint64_t limit_of(double share) {
  constexpr double kAll = 18446744073709551616.0;  // 2^64
  const double limit = share * kAll;
  return limit >= kAll ? UINT64_MAX : static_cast<uint64_t>(limit);
}

}  // namespace

bool is_sampled(std::string_view prediction_id, double share) {
  return share >= 1 || place_of(prediction_id) < limit_of(share);
}

Result<std::unique_ptr<PredictionLog>> PredictionLog::open(const PredictionLogOptions& options) {
  const Path folder = options.home / "predictions" / options.deployment;
  TM_CHECK(make_folder(folder));
  if (::chmod(folder.c_str(), 0700) != 0) return errno_error("protect", folder.native(), errno);
  TM_TRY(Secret key, hash_key(options.home));
  return std::unique_ptr<PredictionLog>(new PredictionLog(
      options, std::move(key),
      {folder, options.deployment, options.log.durability, options.segment_bytes, options.clock}));
}

PredictionLog::PredictionLog(PredictionLogOptions options, Secret key, LogWriterOptions writing)
    : options_(std::move(options)),
      key_(std::move(key)),
      tick_(tick_of(options_.log)),
      writer_(std::move(writing)) {
  const size_t processors = std::max(1u, std::thread::hardware_concurrency());
  const size_t rings =
      options_.rings > 0 ? options_.rings : std::min(processors, PredictionLogOptions::kMostRings);
  for (size_t i = 0; i < rings; ++i) shards_.push_back(std::make_unique<Shard>(options_.ring_bytes));
  thread_ = std::jthread([this] { write_until_ended(); });
}

PredictionLog::~PredictionLog() {
  ending_.store(true);
  wake();
  thread_.join();
}

const LoggedVersion* PredictionLog::find(int version) const {
  // The few versions that are live were declared last.
  for (const Declared* one = newest_.load(std::memory_order_acquire); one != nullptr; one = one->older)
    if (one->version.stored.version == version) return &one->version;
  return nullptr;
}

const LoggedVersion& PredictionLog::declare(const Version& version) {
  const std::lock_guard lock(declaring_);
  if (const LoggedVersion* known = find(version.number)) return *known;
  ColumnRules rules(options_.log, version.features, version.answers, key_);
  LogSchema schema{static_cast<uint32_t>(versions_.size()), version.model, version.number, rules.stored()};
  std::string record = encode(schema);
  if (record.size() > kMaxRecordBytes || schema.columns.size() > kMaxLoggedColumns) {
    log::warning("prediction log of {}: version {} has too many features for a record: only answers are kept",
                 options_.deployment, version.number);
    project::PredictionLog none = options_.log;
    none.columns.clear();
    none.others = {project::PredictionLog::Column::Rule::Drop};
    rules = ColumnRules(none, version.features, version.answers, key_);
    schema.columns = rules.stored();
    record = encode(schema);
  }
  LoggedVersion made{std::move(schema), std::move(rules), std::move(record)};
  for (const CapturedColumn& feature : version.features) {
    made.places.emplace(feature.name, static_cast<uint32_t>(made.features.size()));
    made.features.push_back(feature.name);
  }
  for (const LogColumn& answer : version.answers) made.answers.push_back(answer.name);
  versions_.push_back(
      std::make_unique<Declared>(Declared{std::move(made), newest_.load(std::memory_order_relaxed)}));
  newest_.store(versions_.back().get(), std::memory_order_release);
  return versions_.back()->version;
}

PredictionLog::Shard& PredictionLog::shard_here() {
  const int processor = ::sched_getcpu();
  return *shards_[static_cast<size_t>(std::max(processor, 0)) % shards_.size()];
}

void PredictionLog::append(const LoggedVersion& version, const PredictionView& view) {
  Shard& shard = shard_here();
  PredictionView one_row;
  if (view.rows == 0) {
    one_row = view;
    one_row.rows = 1;
    one_row.columns = {};
  }
  const PredictionView& logged = view.rows == 0 ? one_row : view;
  if (!is_sampled(logged.prediction_id, options_.log.sample)) {
    shard.sampled_out.fetch_add(logged.rows, std::memory_order_relaxed);
    return;
  }
  const size_t bytes = encoded_size(logged, {0, logged.rows});
  const size_t most_rows =
      std::max<size_t>(1, kMaxRecordValues / std::max<size_t>(1, version.stored.columns.size()));
  if (bytes <= kMaxRecordBytes && logged.rows <= most_rows)
    return append(shard, version, logged, {0, logged.rows}, bytes);
  // Texts may lie unevenly: half of what fits on average, and each part is measured again.
  const size_t step = std::clamp<size_t>(logged.rows * (kMaxRecordBytes / 2) / bytes, 1, most_rows);
  for (size_t first = 0; first < logged.rows; first += step) {
    const RowRange range{first, std::min(step, logged.rows - first)};
    append(shard, version, logged, range, encoded_size(logged, range));
  }
}

void PredictionLog::append(Shard& shard, const LoggedVersion& version, const PredictionView& view,
                           RowRange range, size_t bytes) {
  uint64_t end = 0;
  if (!push(shard, version, view, range, bytes, end)) return;
  if (options_.log.durability == Durability::Sync)
    wait_for_disk(shard, end, range.rows);
  else if (shard.ring.used() > shard.ring.capacity() / 2)
    wake();
}

bool PredictionLog::push(Shard& shard, const LoggedVersion& version, const PredictionView& view,
                         RowRange range, size_t bytes, uint64_t& end) {
  if (bytes > kMaxRecordBytes) {
    if (range.rows == 1) {
      shard.too_large.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    const size_t half = range.rows / 2;
    bool any = false;
    for (const RowRange part : {RowRange{range.first, half}, RowRange{range.first + half, range.rows - half}})
      any |= push(shard, version, view, part, encoded_size(view, part), end);
    return any;
  }
  const auto write = [&](char* out) { encode(view, range, version.stored.id, out); };
  while (!shard.ring.push(bytes, write, end)) {
    // A disk that takes nothing is no reason to stop predicting.
    const bool waits = options_.log.when_full == WhenFull::Block && !failing_.load() && !ending_.load();
    if (!waits) {
      shard.dropped.fetch_add(range.rows, std::memory_order_relaxed);
      return false;
    }
    wake();
    std::unique_lock lock(progress_);
    progressed_.wait_for(lock, kLongestWait);
  }
  return true;
}

void PredictionLog::wait_for_disk(Shard& shard, uint64_t end, size_t rows) {
  wake();
  std::unique_lock lock(progress_);
  const auto is_on_disk = [&] { return shard.on_disk.load() >= end; };
  progressed_.wait(lock, [&] { return is_on_disk() || failing_.load(); });
  if (!is_on_disk()) shard.unsynced.fetch_add(rows, std::memory_order_relaxed);
}

void PredictionLog::wake() {
  if (is_woken_.exchange(true)) return;
  const std::lock_guard lock(waking_);
  woken_.notify_one();
}

void PredictionLog::write_until_ended() {
  for (;;) {
    {
      std::unique_lock lock(waking_);
      woken_.wait_for(lock, std::chrono::microseconds(tick_.micros), [&] { return is_woken_.load(); });
      is_woken_.exchange(false);  // and sees what was appended before it was set
    }
    const bool ends = ending_.load();
    if (ends) writer_.try_at_once();
    const bool written = write_all();
    publish();
    if (!ends || (written && !is_empty())) continue;
    if (!written) {
      size_t lost = writer_.give_up();
      for (const auto& shard : shards_)
        shard->ring.drain([&](std::string_view record) {
          if (const auto head = head_of_prediction(record)) lost += head->rows;
          return true;
        });
      given_up_.fetch_add(lost);
      log::error("prediction log of {}: {} rows could not be written", options_.deployment, lost);
    }
    writer_.end_segment(system_clock()->now());
    return publish();
  }
}

bool PredictionLog::write_all() {
  const auto take = [&](std::string_view record) {
    if (!writer_.has_room()) return false;
    uint32_t id;
    std::memcpy(&id, record.data() + kSchemaAt, sizeof id);
    const Declared* version = newest_.load(std::memory_order_acquire);
    while (version->version.stored.id != id) version = version->older;
    writer_.add(record, version->version);
    return true;
  };
  Instant now = system_clock()->now();
  writer_.end_segment_of_another_hour();
  for (;;) {
    for (const auto& shard : shards_) shard->ring.drain(take);
    const auto oldest = writer_.oldest();
    const bool is_full = !writer_.has_room();
    now = system_clock()->now();
    if (oldest) lag_micros_.store(std::max<int64_t>(0, options_.clock->now().micros - oldest->micros));
    if (oldest && !writer_.has_unsynced()) unsynced_since_ = {now.micros - tick_.micros};
    if (!writer_.flush(now)) return false;
    if (!is_full) break;
    progressed_.notify_all();
  }
  const bool is_due = options_.log.durability == Durability::Sync ||
                      (options_.log.durability == Durability::Interval &&
                       now.micros + tick_.micros >= unsynced_since_.micros + options_.log.interval.micros);
  return !is_due || writer_.sync(now);
}

void PredictionLog::publish() {
  const LogWriter::Counts& counts = writer_.counts();
  rows_.store(counts.rows, std::memory_order_relaxed);
  bytes_.store(counts.bytes, std::memory_order_relaxed);
  errors_.store(counts.errors, std::memory_order_relaxed);
  const bool all_on_disk = !writer_.is_failing() && !writer_.oldest() && !writer_.has_unsynced();
  {
    const std::lock_guard lock(progress_);
    failing_.store(writer_.is_failing());
    if (all_on_disk)
      for (const auto& shard : shards_) shard->on_disk.store(shard->ring.consumed());
  }
  progressed_.notify_all();
}

bool PredictionLog::is_empty() const {
  return std::ranges::all_of(shards_, [](const auto& shard) { return shard->ring.used() == 0; });
}

PredictionLog::Counts PredictionLog::counts() const {
  Counts counts;
  counts.written = rows_.load();
  counts.dropped = given_up_.load();
  counts.bytes = bytes_.load();
  counts.errors = errors_.load();
  counts.failing = failing_.load();
  counts.lag_seconds = Duration{lag_micros_.load()}.seconds();
  for (const auto& shard : shards_) {
    counts.dropped += shard->dropped.load(std::memory_order_relaxed);
    counts.too_large += shard->too_large.load(std::memory_order_relaxed);
    counts.sampled_out += shard->sampled_out.load(std::memory_order_relaxed);
    counts.unsynced += shard->unsynced.load(std::memory_order_relaxed);
    counts.waiting_bytes += shard->ring.used();
  }
  return counts;
}

}  // namespace tidemill::monitoring
