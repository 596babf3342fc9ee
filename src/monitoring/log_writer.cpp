#include "monitoring/log_writer.hpp"

#include <fmt/format.h>

#include "base/id.hpp"
#include "base/log.hpp"
#include "monitoring/log_table.hpp"

namespace tidemill::monitoring {

namespace {

constexpr Duration kRetryAfter{1'000'000};

}  // namespace

std::string hour_of(Instant instant) { return to_text(instant).substr(0, kHourDigits); }

LogWriter::LogWriter(LogWriterOptions options) : options_(std::move(options)) {}
LogWriter::~LogWriter() = default;

void LogWriter::add(std::string_view captured, const LoggedVersion& version) {
  if (const auto done = decode_prediction(captured, captured_); !done) {  // it is what encode() made
    log::error("prediction log of {}: {}", options_.deployment, to_text(done.error()));
    ++counts_.errors;
    return;
  }
  const size_t frame = begin_frame(batch_);
  version.rules.append(captured_, batch_);
  end_frame(frame, batch_);
  batch_rows_ += captured_.rows;
  batch_values_ += captured_.rows * (version.stored.columns.size() + own_columns().size());
  used_.insert(&version);
  if (!oldest_ || captured_.at < *oldest_) oldest_ = captured_.at;
}

bool LogWriter::flush(Instant now) {
  if (batch_.empty()) return true;
  if (failing_ && now < retry_at_) return false;
  if (!ensure_segment(now) || !append_batch()) return false;
  healed();
  return true;
}

bool LogWriter::ensure_segment(Instant now) {
  end_segment_of_another_hour();
  const bool ends = segment_ && (segment_->is_broken() || segment_->bytes() >= options_.segment_bytes ||
                                 segment_values_ >= kMaxSegmentValues);
  if (ends) end_segment(now);
  if (segment_) return true;
  const Instant hour = options_.clock->now();
  // The id is random: several processes write the log of one deployment.
  auto created =
      SegmentWriter::create(options_.folder, fmt::format("{}-{}", hour_of(hour), random_id().substr(0, 16)));
  if (!created) return failed(created.error(), now);
  segment_ = std::move(*created);
  hour_ = hour.micros / kHour.micros;
  segment_values_ = 0;
  return true;
}

bool LogWriter::append_batch() {
  std::string schemas;
  for (const LoggedVersion* version : used_)
    if (!declared_.contains(version)) append_frame(version->record, schemas);
  const Instant now = system_clock()->now();
  if (!schemas.empty()) {
    if (const auto done = segment_->append(schemas); !done) return failed(done.error(), now);
    declared_.insert(used_.begin(), used_.end());
  }
  if (const auto done = segment_->append(batch_); !done) return failed(done.error(), now);
  counts_.rows += batch_rows_;
  counts_.bytes += schemas.size() + batch_.size();
  segment_values_ += batch_values_;
  unsynced_ = true;
  give_up();
  return true;
}

bool LogWriter::sync(Instant now) {
  if (!unsynced_ || !segment_) return true;
  const auto done = segment_->sync();
  unsynced_ = false;
  if (done) return true;
  segment_.reset();  // what it holds may be on the disk or not: nothing is to come behind it
  declared_.clear();
  return failed(done.error(), now);
}

void LogWriter::end_segment_of_another_hour() {
  if (segment_ && options_.clock->now().micros / kHour.micros != hour_) end_segment(system_clock()->now());
}

void LogWriter::end_segment(Instant now) {
  if (!segment_) return;
  if (options_.durability != project::PredictionLog::Durability::None && !segment_->is_broken())
    (void)sync(now);  // counted and reported; the records may well be there
  segment_.reset();
  declared_.clear();
  unsynced_ = false;
}

size_t LogWriter::give_up() {
  batch_.clear();
  used_.clear();
  oldest_.reset();
  batch_values_ = 0;
  return std::exchange(batch_rows_, 0);
}

bool LogWriter::failed(const Error& error, Instant now) {
  ++counts_.errors;
  retry_at_ = {now.micros + kRetryAfter.micros};
  if (!std::exchange(failing_, true))
    log::error(
        "prediction log of {}: {}; predictions go on, rows are kept in memory while there is room and then "
        "left out and counted, until the disk takes them again",
        options_.deployment, error.message);
  return false;
}

void LogWriter::healed() {
  if (std::exchange(failing_, false))
    log::info("prediction log of {}: the disk takes rows again", options_.deployment);
}

}  // namespace tidemill::monitoring
