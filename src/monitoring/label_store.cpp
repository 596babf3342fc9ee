#include "monitoring/label_store.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/id.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/steady_read.hpp"

namespace tidemill::monitoring {

namespace {

using engine::GivenKind;

constexpr int64_t kSqlMemory = 512'000'000;
constexpr uintmax_t kSmallFile = uintmax_t{16} << 20;
constexpr size_t kNumberDigits = 16;
constexpr Duration kRollPause{1'000'000};

const std::vector<engine::GivenColumn>& given_columns() {
  static const std::vector<engine::GivenColumn> columns{{"prediction_id", GivenKind::Text},
                                                        {"row", GivenKind::Integer},
                                                        {"key", GivenKind::Text},
                                                        {"label", GivenKind::Text}};
  return columns;
}

std::string identity_of(const Label& label) {
  return label.prediction_id.empty() ? label.key : fmt::format("{}\n{}", label.row, label.prediction_id);
}

/// The last label of each prediction or key; what that makes of those before is counted.
std::vector<const Label*> last_of_each(const std::vector<Label>& labels, LabelCounts& counts) {
  std::map<std::pair<bool, std::string>, size_t> places;
  std::vector<const Label*> last;
  for (const Label& label : labels) {
    const auto [found, is_new] =
        places.try_emplace({label.prediction_id.empty(), identity_of(label)}, last.size());
    if (is_new) {
      last.push_back(&label);
      continue;
    }
    const Label*& before = last[found->second];
    ++(before->value == label.value ? counts.same : counts.changed);
    before = &label;
  }
  return last;
}

std::vector<engine::GivenValues> values_of(const std::vector<const Label*>& labels) {
  std::vector<engine::GivenValues> values(given_columns().size());
  for (const Label* label : labels) {
    const uint8_t by_key = label->prediction_id.empty() ? 1 : 0;
    values[0].texts.push_back(label->prediction_id);
    values[1].wholes.push_back(label->row);
    values[2].texts.push_back(label->key);
    values[3].texts.push_back(label->value);
    values[0].missing.push_back(by_key);
    values[1].missing.push_back(by_key);
    values[2].missing.push_back(by_key == 0 ? 1 : 0);
    values[3].missing.push_back(0);
  }
  return values;
}

uint64_t count_at(const engine::Rows& rows, size_t column) {
  const auto* count = std::get_if<int64_t>(&rows.rows.at(0).at(column));
  return count == nullptr ? 0 : static_cast<uint64_t>(*count);
}

/// The highest number in a file, which its name begins with; 0: it is none of ours.
int64_t number_of(const Path& file) {
  const std::string name = file.filename().native();
  int64_t number = 0;
  if (name.size() > kNumberDigits) std::from_chars(name.data(), name.data() + kNumberDigits, number);
  return number;
}

Result<void> publish_rows(engine::Connection& connection, const std::string& select, const Path& folder,
                          int64_t number) {
  const std::string name = fmt::format("{:016}-{}.parquet", number, random_id().substr(0, 8));
  const Path part = folder / ("." + name + ".part");
  TM_CHECK(connection.write_parquet_unhashed(select, part));
  if (::chmod(part.c_str(), 0600) != 0) return errno_error("protect", part.native(), errno);
  return publish_file(part, folder / name);
}

}  // namespace

LabelCounts& LabelCounts::operator+=(const LabelCounts& more) {
  fresh += more.fresh;
  same += more.same;
  changed += more.changed;
  strangers += more.strangers;
  early += more.early;
  for (size_t i = 0; i < lags.size(); ++i) lags[i] += more.lags[i];
  lag_count += more.lag_count;
  lag_seconds += more.lag_seconds;
  return *this;
}

Result<void> remove_old_labels(const Path& folder, Duration retain, Instant now) {
  for (const Path& file : files_ending(folder, kParquetEnding)) {
    struct stat facts{};
    if (::stat(file.c_str(), &facts) != 0) continue;
    // No label in it came after it was written.
    const int64_t written = int64_t{facts.st_mtim.tv_sec} * 1'000'000;
    if (written + retain.micros >= now.micros) continue;
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return errno_error("remove", file.native(), errno);
  }
  return {};
}

LabelStore::LabelStore(LabelStoreOptions options)
    : options_(std::move(options)),
      folder_(label_folder(options_.home, options_.deployment)),
      roller_({log_folder(options_.home, options_.deployment), options_.retain}) {}

Result<std::unique_ptr<LabelStore>> LabelStore::open(LabelStoreOptions options) {
  std::unique_ptr<LabelStore> store(new LabelStore(std::move(options)));
  TM_CHECK(make_folder(store->folder_));
  if (::chmod(store->folder_.c_str(), 0700) != 0)
    return errno_error("protect", store->folder_.native(), errno);
  return store;
}

/// An instance of its own each time: files are replaced under their names, and none may have kept them.
Result<std::unique_ptr<engine::Database>> LabelStore::open_sql() const {
  return open_log(options_.home, 1, kSqlMemory);
}

Result<LabelCounts> LabelStore::take(const std::vector<Label>& labels, Instant now, Strangers strangers) {
  LabelCounts counts;
  const std::vector<const Label*> last = last_of_each(labels, counts);
  if (last.empty()) return counts;
  const std::lock_guard one_at_a_time(mutex_);
  TM_TRY(const FileLock lock,
         FileLock::take(folder_ / ".lock", FileLock::Mode::Exclusive, FileLock::Wait::Yes));
  TM_TRY(const auto database, open_sql());
  TM_TRY(engine::Connection sql, database->connect());
  {
    TM_TRY(engine::GivenRows given, engine::GivenRows::offer(sql, given_columns()));
    const std::vector<engine::GivenValues> values = values_of(last);
    given.give(values, last.size());
    TM_CHECK(sql.execute(fmt::format("CREATE TEMP TABLE given AS SELECT * FROM {}", given.relation())));
  }
  TM_CHECK(judge(sql));
  TM_TRY(LabelCounts judged, count(sql, now));
  if (strangers == Strangers::LeaveOut) {
    TM_CHECK(sql.execute("DELETE FROM judged WHERE time IS NULL OR before = label"));
    TM_TRY(judged, count(sql, now));
  } else if (judged.strangers > 0 && std::abs(now.micros - rolled_at_.micros) >= kRollPause.micros) {
    rolled_at_ = now;
    TM_TRY(const Rolled rolled, roller_.roll(now));
    if (rolled.files > 0) {
      TM_CHECK(judge(sql));
      TM_TRY(judged, count(sql, now));
    }
  }
  TM_CHECK(write(sql, now));
  TM_CHECK(remove_old_labels(folder_, options_.retain, now));
  TM_CHECK(put_together(sql, now));
  return counts += judged;
}

Result<void> LabelStore::judge(engine::Connection& sql) {
  return read_steadily(options_.home, options_.deployment, [&] { return judge_once(sql); });
}

Result<void> LabelStore::judge_once(engine::Connection& sql) {
  // What there is to look up is what was given: the log and the labels of before may be much longer.
  return sql.execute(fmt::format(
      "CREATE OR REPLACE TEMP TABLE judged AS WITH known AS (SELECT l.* FROM {} AS l SEMI JOIN given AS g ON "
      "l.prediction_id IS NOT DISTINCT FROM g.prediction_id AND l.\"row\" IS NOT DISTINCT FROM g.\"row\" AND "
      "l.key IS NOT DISTINCT FROM g.key), logged AS (SELECT prediction_id, \"row\", key, time FROM {} AS l "
      "WHERE l.prediction_id IN (SELECT prediction_id FROM given WHERE prediction_id IS NOT NULL) OR l.key "
      "IN "
      "(SELECT key FROM given WHERE key IS NOT NULL)), by_id AS (SELECT prediction_id, \"row\", max(time) AS "
      "time FROM logged GROUP BY prediction_id, \"row\"), by_key AS (SELECT key, max(time) AS time FROM "
      "logged "
      "WHERE key IS NOT NULL GROUP BY key) SELECT given.*, known.label AS before, coalesce(by_id.time, "
      "by_key.time) AS time FROM given LEFT JOIN known ON known.prediction_id IS NOT DISTINCT FROM "
      "given.prediction_id AND known.\"row\" IS NOT DISTINCT FROM given.\"row\" AND known.key IS NOT "
      "DISTINCT "
      "FROM given.key LEFT JOIN by_id ON by_id.prediction_id = given.prediction_id AND by_id.\"row\" = "
      "given.\"row\" LEFT JOIN by_key ON by_key.key = given.key",
      label_relation(options_.home, options_.deployment), log_relation(options_.home, options_.deployment)));
}

Result<LabelCounts> LabelStore::count(engine::Connection& sql, Instant now) {
  std::string lags;
  for (const int64_t limit : LabelCounts::kLagLimits)
    lags += fmt::format(", count(*) FILTER (before IS NULL AND lag <= {})", limit);
  TM_TRY(
      const engine::Rows rows,
      sql.query(fmt::format(
          "SELECT count(*) FILTER (before IS NULL), count(*) FILTER (before = label), count(*) FILTER "
          "(before <> label), count(*) FILTER (time IS NULL), count(*) FILTER (time > {}), count(*) FILTER "
          "(before IS NULL AND lag IS NOT NULL){}, CAST(coalesce(sum(lag) FILTER (before IS NULL), 0) AS "
          "DOUBLE) FROM (SELECT *, CASE WHEN time IS NOT NULL THEN greatest(0, epoch_us({}) - "
          "epoch_us(time)) / 1e6 END AS lag FROM judged)",
          sql_of({now.micros - options_.matures_after.micros}), lags, sql_of(now))));
  LabelCounts counts;
  counts.fresh = count_at(rows, 0);
  counts.same = count_at(rows, 1);
  counts.changed = count_at(rows, 2);
  counts.strangers = count_at(rows, 3);
  counts.early = count_at(rows, 4);
  counts.lag_count = count_at(rows, 5);
  constexpr size_t kFirstLag = 6;
  for (size_t i = 0; i < counts.lags.size(); ++i) counts.lags[i] = count_at(rows, kFirstLag + i);
  if (const auto* sum = std::get_if<double>(&rows.rows.at(0).at(kFirstLag + counts.lags.size())))
    counts.lag_seconds = *sum;
  return counts;
}

Result<int64_t> LabelStore::next_number() const {
  int64_t highest = 0;
  for (const Path& file : files_ending(folder_, kParquetEnding)) highest = std::max(highest, number_of(file));
  return highest + 1;
}

Result<void> LabelStore::write(engine::Connection& sql, Instant now) {
  const std::string rows = "FROM judged WHERE before IS NULL OR before <> label";
  TM_TRY(const engine::Value written, sql.scalar("SELECT count(*) " + rows));
  if (written == engine::Value(int64_t{0})) return {};
  TM_TRY(const int64_t number, next_number());
  return publish_rows(sql,
                      fmt::format("SELECT prediction_id, \"row\", key, label, {} AS label_at, CAST({} AS "
                                  "BIGINT) AS number {}",
                                  sql_of(now), number, rows),
                      folder_, number);
}

Result<void> LabelStore::put_together(engine::Connection& sql, Instant now) {
  std::vector<Path> small;
  int64_t number = 0;
  std::string list;
  for (const Path& file : files_ending(folder_, kParquetEnding)) {
    std::error_code failed;
    const uintmax_t bytes = std::filesystem::file_size(file, failed);
    if (failed || bytes > kSmallFile) continue;
    small.push_back(file);
    number = std::max(number, number_of(file));
    list += (list.empty() ? "" : ", ") + engine::quote_text(file.native());
  }
  if (small.size() <= options_.most_small_files) return {};
  TM_CHECK(publish_rows(
      sql,
      fmt::format("SELECT * FROM read_parquet([{}], hive_partitioning = false) WHERE label_at >= {} QUALIFY "
                  "row_number() OVER (PARTITION BY prediction_id, \"row\", key ORDER BY number DESC) = 1",
                  list, sql_of({now.micros - options_.retain.micros})),
      folder_, number));
  // Only now: until then each label is there twice, with one number.
  for (const Path& file : small)
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return errno_error("remove", file.native(), errno);
  return {};
}

Result<std::optional<LabelStore::Share>> LabelStore::share(Instant now) const {
  if (files_ending(folder_, kParquetEnding).empty()) return std::nullopt;
  TM_TRY(const auto database, open_sql());
  TM_TRY(engine::Connection sql, database->connect());
  TM_TRY(
      const engine::Rows rows, read_steadily(options_.home, options_.deployment, [&] {
        return sql.query(fmt::format(
            "SELECT count(*), count(label) FROM {} WHERE time <= {} AND error IS NULL AND role <> 'shadow'",
            labelled_relation(options_.home, options_.deployment),
            sql_of({now.micros - options_.matures_after.micros})));
      }));
  return Share{static_cast<int64_t>(count_at(rows, 0)), static_cast<int64_t>(count_at(rows, 1))};
}

Result<int64_t> LabelStore::new_since(Instant since, Instant now) const {
  if (files_ending(folder_, kParquetEnding).empty()) return 0;
  TM_TRY(const auto database, open_sql());
  TM_TRY(engine::Connection sql, database->connect());
  // A key may have been predicted several times: its label counts once, from the first that matured.
  TM_TRY(const engine::Rows rows, read_steadily(options_.home, options_.deployment, [&] {
           return sql.query(fmt::format(
               "WITH served AS (SELECT prediction_id, \"row\", key, epoch_us(time) + {0} AS matured FROM {1} "
               "WHERE time <= {2} AND error IS NULL AND role <> 'shadow'), by_id AS (SELECT prediction_id, "
               "\"row\", min(matured) AS matured FROM served GROUP BY prediction_id, \"row\"), by_key AS "
               "(SELECT key, min(matured) AS matured FROM served WHERE key IS NOT NULL GROUP BY key) SELECT "
               "count(*) FROM {3} AS l LEFT JOIN by_id ON by_id.prediction_id = l.prediction_id AND "
               "by_id.\"row\" = l.\"row\" LEFT JOIN by_key ON by_key.key = l.key WHERE "
               "coalesce(by_id.matured, by_key.matured) IS NOT NULL AND greatest(epoch_us(l.label_at), "
               "coalesce(by_id.matured, by_key.matured)) > {4}",
               options_.matures_after.micros, log_relation(options_.home, options_.deployment),
               sql_of({now.micros - options_.matures_after.micros}),
               label_relation(options_.home, options_.deployment), since.micros));
         }));
  return static_cast<int64_t>(count_at(rows, 0));
}

}  // namespace tidemill::monitoring
