#include "monitoring/roll.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/log.hpp"
#include "engine/database.hpp"
#include "engine/given_rows.hpp"
#include "monitoring/log_table.hpp"
#include "monitoring/log_writer.hpp"
#include "monitoring/segment.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kMostSegmentsAtOnce = 10'000;
constexpr int64_t kSqlMemory = 256'000'000;

/// Whether nobody writes the segment any more: its writer's lock is gone.
bool is_finished(const Path& segment) {
  return FileLock::take(segment, FileLock::Mode::Exclusive, FileLock::Wait::No).has_value();
}

}  // namespace

/// Makes the files of one roll; what it takes is opened with the first of them.
class Roller::ParquetFiles {
 public:
  ParquetFiles(const Path& folder, const ForgottenKeys& forgotten) : folder_(folder), forgotten_(forgotten) {}
  /// The rows but those of the forgotten; without any, there is no such file. Whether there is. Errors: also
  /// of kind Data, when a record is bad.
  Result<bool> write(SegmentRows rows, const Path& file) {
    if (!connection_) TM_CHECK(open());
    TM_TRY(engine::GivenRows given, engine::GivenRows::offer(*connection_, rows.columns()));
    Result<bool> more = true;
    given.stream([&]() -> engine::GivenPiece {
      while ((more = rows.next(piece_)) && *more) {
        forgotten_.remove_from(piece_);
        if (piece_.rows > 0) return {piece_.values, piece_.rows};
      }
      return {};
    });
    const Path part = folder_ / fmt::format(".{}.part", file.filename().native());
    const auto written =
        connection_->write_parquet_unhashed(fmt::format("SELECT * FROM {}", given.relation()), part);
    if (!written) return std::unexpected(written.error());
    std::error_code ignored;
    if (!more || *written == 0) std::filesystem::remove(part, ignored);
    if (!more) return more;
    if (*written == 0) {
      std::filesystem::remove(file, ignored);
      return false;
    }
    if (::chmod(part.c_str(), 0600) != 0) return errno_error("protect", part.native(), errno);
    TM_CHECK(publish_file(part, file));
    return true;
  }

 private:
  Result<void> open() {
    engine::DatabaseOptions opening;
    opening.threads = 1;
    opening.memory_bytes = kSqlMemory;
    opening.allowed_folders = {folder_};
    TM_TRY(database_, engine::Database::open(opening));
    TM_TRY(engine::Connection connection, database_->connect());
    connection_.emplace(std::move(connection));
    return {};
  }
  const Path& folder_;
  const ForgottenKeys& forgotten_;
  std::unique_ptr<engine::Database> database_;
  std::optional<engine::Connection> connection_;
  LogTable piece_;
};

std::vector<Path> files_ending(const Path& folder, std::string_view ending) {
  std::vector<Path> files;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().native();
    if (name.ends_with(ending) && !name.starts_with('.')) files.push_back(entry->path());
  }
  std::ranges::sort(files);
  return files;
}

Result<Rolled> Roller::roll(Instant now, FileLock::Wait wait, const std::function<bool()>& goes_on) {
  Rolled rolled;
  std::error_code ignored;
  if (!std::filesystem::exists(options_.folder, ignored)) return rolled;  // nothing was ever predicted
  const auto lock = FileLock::take(options_.folder / ".roll.lock", FileLock::Mode::Exclusive, wait);
  if (!lock && lock.error().code == "lock.held") return rolled;
  if (!lock) return std::unexpected(lock.error());
  std::vector<Path> segments = files_ending(options_.folder, kSegmentEnding);
  if (segments.size() > kMostSegmentsAtOnce) segments.resize(kMostSegmentsAtOnce);
  TM_TRY(const ForgottenKeys forgotten, ForgottenKeys::read(options_.folder));
  ParquetFiles files(options_.folder, forgotten);
  for (const Path& segment : segments) {
    if (goes_on && !goes_on())
      ++rolled.left;
    else
      TM_CHECK(roll_segment(segment, files, rolled));
  }
  TM_CHECK(remove_old(now, rolled));
  return rolled;
}

Result<void> Roller::roll_segment(const Path& segment, ParquetFiles& files, Rolled& rolled) {
  const std::string stem = segment.stem().native();
  const bool finished = is_finished(segment);
  const auto set_aside = [&](const Error& error) -> Result<void> {
    if (!finished) return std::unexpected(error);
    const Path bad = segment.native() + std::string(kBadEnding);
    if (::rename(segment.c_str(), bad.c_str()) != 0) return errno_error("set aside", segment.native(), errno);
    log::warning("{} cannot be read and is set aside as {}: {}", segment.native(), bad.filename().native(),
                 error.message);
    ++rolled.set_aside;
    return {};
  };
  TM_TRY(const std::string bytes, read_segment(segment));
  const Path file = options_.folder / (stem + std::string(kParquetEnding));
  Seen& seen = seen_[stem];
  if (seen.bytes != bytes.size()) {
    auto rows = SegmentRows::open(bytes);
    if (!rows) return set_aside(rows.error());
    const size_t torn = bytes.size() - rows->whole_bytes();
    if (rows->rows() > 0) {
      const auto made = files.write(std::move(*rows), file);
      if (!made && made.error().kind == ErrorKind::Data) return set_aside(made.error());
      if (!made) return std::unexpected(made.error());
      rolled.files += *made ? 1 : 0;
    }
    seen = {bytes.size(), torn};
  }
  if (!finished) return {};
  // Its rows are in the file for good: what a crash leaves of this step, the next one does again.
  if (::unlink(segment.c_str()) != 0) return errno_error("remove", segment.native(), errno);
  rolled.torn_bytes += seen.torn_bytes;
  seen_.erase(stem);
  ++rolled.finished;
  return {};
}

Result<void> Roller::remove_old(Instant now, Rolled& rolled) const {
  std::vector<Path> files = files_ending(options_.folder, kParquetEnding);
  std::ranges::move(files_ending(options_.folder, kBadEnding), std::back_inserter(files));
  for (const Path& file : files) {
    const std::string hour = file.filename().native().substr(0, kHourDigits);
    const auto began = parse_instant(hour + ":00:00Z");
    if (!began || began->micros + kHour.micros + options_.retain.micros > now.micros) continue;
    if (::unlink(file.c_str()) != 0) return errno_error("remove", file.native(), errno);
    ++rolled.removed;
  }
  return {};
}

}  // namespace tidemill::monitoring
