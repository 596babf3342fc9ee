#include "monitoring/roll.hpp"

#include <algorithm>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/log.hpp"
#include "engine/database.hpp"
#include "monitoring/log_table.hpp"
#include "monitoring/log_writer.hpp"
#include "monitoring/segment.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kMostSegmentsAtOnce = 10'000;
constexpr int64_t kSqlMemory = 256'000'000;

Result<void> write_parquet(const LogTable& table, const Path& file) {
  engine::DatabaseOptions opening;
  opening.threads = 1;
  opening.memory_bytes = kSqlMemory;
  opening.allowed_folders = {file.parent_path()};
  TM_TRY(const auto database, engine::Database::open(opening));
  TM_TRY(engine::Connection connection, database->connect());
  TM_TRY(engine::GivenRows given, engine::GivenRows::offer(connection, table.columns));
  given.give(table.values, table.rows);
  const Path part = file.parent_path() / fmt::format(".{}.part", file.filename().native());
  TM_CHECK(connection.write_parquet(fmt::format("SELECT * FROM {}", given.relation()), part));
  if (::chmod(part.c_str(), 0600) != 0) return errno_error("protect", part.native(), errno);
  return publish_file(part, file);
}

/// Whether nobody writes the segment any more: its writer's lock is gone.
bool is_finished(const Path& segment) {
  return FileLock::take(segment, FileLock::Mode::Exclusive, FileLock::Wait::No).has_value();
}

}  // namespace

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

Result<Rolled> Roller::roll(Instant now, FileLock::Wait wait) {
  Rolled rolled;
  std::error_code ignored;
  if (!std::filesystem::exists(options_.folder, ignored)) return rolled;  // nothing was ever predicted
  const auto lock = FileLock::take(options_.folder / ".roll.lock", FileLock::Mode::Exclusive, wait);
  if (!lock && lock.error().code == "lock.held") return rolled;
  if (!lock) return std::unexpected(lock.error());
  std::vector<Path> segments = files_ending(options_.folder, kSegmentEnding);
  if (segments.size() > kMostSegmentsAtOnce) segments.resize(kMostSegmentsAtOnce);
  TM_TRY(const ForgottenKeys forgotten, ForgottenKeys::read(options_.folder));
  for (const Path& segment : segments) TM_CHECK(roll_segment(segment, forgotten, rolled));
  TM_CHECK(remove_old(now, rolled));
  return rolled;
}

Result<void> Roller::roll_segment(const Path& segment, const ForgottenKeys& forgotten, Rolled& rolled) {
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
  if (finished) {
    const auto torn = cut_torn_tail(segment);
    if (!torn && torn.error().kind == ErrorKind::Data) return set_aside(torn.error());
    if (!torn) return std::unexpected(torn.error());
    rolled.torn_bytes += *torn;
  }
  TM_TRY(const std::string bytes, read_segment(segment));
  const Path file = options_.folder / (stem + std::string(kParquetEnding));
  const auto known = rolled_bytes_.find(stem);
  if (known == rolled_bytes_.end() || known->second != bytes.size()) {
    auto table = table_of_segment(bytes);
    if (!table) return set_aside(table.error());
    if (forgotten.remove_from(*table) > 0 && table->rows == 0) {
      std::error_code ignored;
      std::filesystem::remove(file, ignored);  // it had no others
    }
    if (table->rows > 0) {
      TM_CHECK(write_parquet(*table, file));
      ++rolled.files;
    }
    rolled_bytes_[stem] = bytes.size();
  }
  if (!finished) return {};
  // Its rows are in the file for good: what a crash leaves of this step, the next one does again.
  if (::unlink(segment.c_str()) != 0) return errno_error("remove", segment.native(), errno);
  rolled_bytes_.erase(stem);
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
