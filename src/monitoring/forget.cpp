#include "monitoring/forget.hpp"

#include <set>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/reserved_names.hpp"
#include "engine/names.hpp"
#include "monitoring/column_rules.hpp"
#include "monitoring/forgotten_keys.hpp"
#include "monitoring/label_tables.hpp"
#include "monitoring/log_relation.hpp"
#include "monitoring/segment.hpp"
#include "monitoring/steady_read.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int64_t kSqlMemory = 512'000'000;
constexpr size_t kMostSnapshots = 1'000;  // of a table

int64_t whole(const Result<engine::Value>& value) {
  const auto* number = value ? std::get_if<int64_t>(&*value) : nullptr;
  return number == nullptr ? 0 : *number;
}

class Forgetting {
 public:
  Forgetting(const project::Project& project, const registry::Registry& registry,
             const project::Deployment& deployment, engine::Connection& sql)
      : project_(project),
        registry_(registry),
        deployment_(deployment),
        sql_(sql),
        log_(log_folder(project.home, deployment.name)),
        labels_(label_folder(project.home, deployment.name)) {}

  Result<Forgotten> run(const std::string& stored, const std::vector<std::string>& columns, const Json& key,
                        Instant now) {
    TM_CHECK(find_predictions(stored, now));
    // The log is the last: as long as it has the rows, their labels are found again, whatever cut this short.
    TM_CHECK(forget_labels(stored));
    TM_CHECK(forget_log(stored, now));
    for (const std::string& name : tables_with(columns)) TM_CHECK(forget_set_aside(name, columns, key));
    TM_CHECK(look_into_tables(stored, columns, key));
    TM_CHECK(prove(stored));
    return std::move(out_);
  }

  Result<Forgotten> look(const std::string& stored, const std::vector<std::string>& columns,
                         const Json& key) {
    TM_CHECK(look_into_tables(stored, columns, key));
    return std::move(out_);
  }

 private:
  Result<void> roll(Instant now) {
    TM_CHECK(Roller({log_, deployment_.log->retain}).roll(now, FileLock::Wait::Yes));
    return {};
  }

  /// Reads log and labels, which are written meanwhile.
  template <class Read>
  auto steadily(const Read& read) {
    return read_steadily(project_.home, deployment_.name, read);
  }

  static std::string rows_in(const Path& file) {
    return fmt::format("read_parquet({}, hive_partitioning = false)", engine::quote_text(file.native()));
  }

  // Without the rows for which the condition holds; without any row, it is gone.
  Result<void> rewrite(const Path& file, const std::string& condition, Forgotten::Removed& removed) {
    TM_TRY(const engine::Value found,
           sql_.scalar(fmt::format("SELECT count(*) FROM {} WHERE {}", rows_in(file), condition)));
    const int64_t rows = whole(found);
    if (rows == 0) return {};
    TM_TRY(const engine::Value all, sql_.scalar(fmt::format("SELECT count(*) FROM {}", rows_in(file))));
    if (whole(all) == rows) {
      if (::unlink(file.c_str()) != 0) return errno_error("remove", file.native(), errno);
      TM_CHECK(sync_folder(file.parent_path()));
    } else {
      struct stat facts{};
      const bool known = ::stat(file.c_str(), &facts) == 0;
      const Path part = file.parent_path() / fmt::format(".{}.part", file.filename().native());
      TM_CHECK(sql_.write_parquet_unhashed(
          fmt::format("SELECT * FROM {} WHERE ({}) IS NOT TRUE", rows_in(file), condition), part));
      if (known && ::chmod(part.c_str(), facts.st_mode & 07777) != 0)
        return errno_error("protect", part.native(), errno);
      TM_CHECK(publish_file(part, file));
    }
    removed.rows += rows;
    ++removed.files;
    return {};
  }

  Result<void> find_predictions(const std::string& stored, Instant now) {
    TM_CHECK(make_folder(log_));
    TM_CHECK(roll(now));
    TM_CHECK(steadily([&] {
      return sql_.execute(
          fmt::format("CREATE TEMP TABLE gone AS SELECT prediction_id, \"row\" FROM {} WHERE {}",
                      log_relation(project_.home, deployment_.name), condition_of(stored)));
    }));
    out_.log.rows = whole(sql_.scalar("SELECT count(*) FROM gone"));
    return {};
  }

  static std::string condition_of(const std::string& stored) { return "key = " + engine::quote_text(stored); }

  Result<void> forget_log(const std::string& stored, Instant now) {
    TM_TRY(ForgottenKeys forgotten, ForgottenKeys::read(log_));
    TM_CHECK(forgotten.add(stored, now, deployment_.log->retain));
    // What is written still is made anew without them; what is not, is rewritten here.
    TM_CHECK(roll(now));
    TM_TRY(const FileLock lock,
           FileLock::take(log_ / ".roll.lock", FileLock::Mode::Exclusive, FileLock::Wait::Yes));
    for (const Path& file : files_ending(log_, kParquetEnding)) {
      if (!has_key(file)) continue;
      Forgotten::Removed rewritten;
      TM_CHECK(rewrite(file, condition_of(stored), rewritten));
      out_.log.files += rewritten.files;
    }
    for (const Path& segment : files_ending(log_, kSegmentEnding)) {
      TM_TRY(const std::string bytes, read_segment(segment));
      TM_TRY(SegmentRows rows, SegmentRows::open(bytes));
      LogTable piece;
      for (;;) {
        TM_TRY(const bool more, rows.next(piece));
        if (!more) break;
        out_.waiting += static_cast<int64_t>(forgotten.rows_of(stored, piece));
      }
    }
    out_.unreadable = files_ending(log_, kBadEnding).size();
    return {};
  }

  bool has_key(const Path& file) {
    const auto columns = sql_.describe("SELECT * FROM " + rows_in(file));
    return columns && engine::find_column(*columns, "key") != nullptr;
  }

  Result<void> forget_labels(const std::string& stored) {
    if (!std::filesystem::exists(labels_)) return {};
    TM_TRY(const FileLock lock,
           FileLock::take(labels_ / ".lock", FileLock::Mode::Exclusive, FileLock::Wait::Yes));
    for (const Path& file : files_ending(labels_, kParquetEnding))
      TM_CHECK(rewrite(file, label_condition(stored), out_.labels));
    return {};
  }

  static std::string label_condition(const std::string& stored) {
    return fmt::format(
        "key = {} OR (prediction_id IS NOT NULL AND (prediction_id, \"row\") IN (SELECT (prediction_id, "
        "\"row\") FROM gone))",
        engine::quote_text(stored));
  }

  /// That the subject's rows meet in a table of the project; nothing: it has not all of the columns.
  Result<std::optional<std::string>> condition_in(const Path& file, const std::vector<std::string>& columns,
                                                  const Json& key) {
    TM_TRY(const auto known, sql_.describe("SELECT * FROM " + rows_in(file)));
    std::string condition;
    for (const std::string& name : columns) {
      const engine::Column* column = engine::find_column(known, name);
      if (column == nullptr) return std::nullopt;
      condition += fmt::format("{}{} = {}", condition.empty() ? "" : " AND ", text_in_sql(*column),
                               engine::quote_text(label_text(key.at(name))));
    }
    return std::optional(condition);
  }

  /// The tables whose rows have the key: what requests are rows of, and what the model learns from, if its
  /// key is the same.
  std::vector<std::string> tables_with(const std::vector<std::string>& columns) const {
    std::vector<std::string> tables;
    if (!deployment_.request.empty()) tables.push_back(deployment_.request);
    const auto model = project_.models.find(deployment_.model);
    if (model != project_.models.end() && model->second.key == columns &&
        model->second.from != deployment_.request)
      tables.push_back(model->second.from);
    return tables;
  }

  Result<void> look_into_tables(const std::string& stored, const std::vector<std::string>& columns,
                                const Json& key) {
    std::set<std::string> held;  // logical hashes
    TM_TRY(const auto live, registry_.live_tables());
    std::vector<std::string> names = tables_with(columns);
    names.push_back(std::string(kLogTablePrefix) + deployment_.name);  // what SQL read of the log
    for (const std::string& name : names) {
      TM_TRY(const auto history, registry_.table_history(name, kMostSnapshots));
      for (const registry::Table& table : history) {
        if (table.dropped) continue;
        const Path object = registry_.object_path(table.object);
        std::optional<std::string> condition = condition_of(stored);
        if (!engine::is_log_table(name)) {
          TM_TRY(condition, condition_in(object, columns, key));
        }
        if (!condition) continue;
        TM_TRY(const engine::Value found,
               sql_.scalar(fmt::format("SELECT count(*) FROM {} WHERE {}", rows_in(object), *condition)));
        if (whole(found) == 0) continue;
        const auto now = live.find(name);
        out_.snapshots.push_back(
            {name, table.id, whole(found), now != live.end() && now->second.id == table.id});
        held.insert(table.logical);
      }
    }
    TM_TRY(const auto versions, registry_.versions(deployment_.model));
    for (const registry::Version& version : versions)
      if (!version.dropped && held.contains(version.data_logical))
        out_.versions.push_back(fmt::format("{}@{}", version.model, version.number));
    return {};
  }

  /// Rows that a check rejected are kept with their run, for a look.
  Result<void> forget_set_aside(const std::string& table, const std::vector<std::string>& columns,
                                const Json& key) {
    std::error_code ignored;
    for (const auto& run : std::filesystem::directory_iterator(project_.home / "runs", ignored))
      for (const char* folder : {"failed", "quarantine"}) {
        const Path file = run.path() / folder / (table + ".parquet");
        if (!std::filesystem::exists(file, ignored)) continue;
        TM_TRY(const auto condition, condition_in(file, columns, key));
        if (condition) TM_CHECK(rewrite(file, *condition, out_.set_aside));
      }
    return {};
  }

  Result<void> prove(const std::string& stored) {
    const auto count = [&](const auto& relation, const std::string& condition) {
      return steadily([&] {
        return sql_.scalar(fmt::format("SELECT count(*) FROM {} WHERE {}",
                                       relation(project_.home, deployment_.name), condition));
      });
    };
    TM_TRY(const engine::Value in_log, count(log_relation, condition_of(stored)));
    TM_TRY(const engine::Value in_labels, count(label_relation, label_condition(stored)));
    const int64_t left = whole(in_log) + whole(in_labels);
    if (left == 0) return {};
    return environment_error("forget.left", fmt::format("{} rows came while they were forgotten", left),
                             "say it again");
  }

  const project::Project& project_;
  const registry::Registry& registry_;
  const project::Deployment& deployment_;
  engine::Connection& sql_;
  const Path log_, labels_;
  Forgotten out_;
};

}  // namespace

Json Forgotten::to_json() const {
  const auto removed = [](const Removed& one) { return Json{{"rows", one.rows}, {"files", one.files}}; };
  Json holders = Json::array();
  for (const Holder& holder : snapshots)
    holders.push_back({{"table", holder.table},
                       {"snapshot", holder.snapshot},
                       {"rows", holder.rows},
                       {"live", holder.is_live}});
  return {{"subject", subject},        {"log", removed(log)},
          {"labels", removed(labels)}, {"set_aside", removed(set_aside)},
          {"waiting", waiting},        {"unreadable", unreadable},
          {"snapshots", holders},      {"versions", versions}};
}

namespace {

/// A subject of a deployment, and what it takes to look for it.
struct Subject {
  KeyRules rules;
  std::string stored;  // as log and labels have it
  std::string hashed;
  std::unique_ptr<engine::Database> database;
};

Result<Subject> subject_of(const project::Project& project, const project::Deployment& deployment,
                           const Json& key) {
  const auto no_key = [&](const std::string& why, const std::string& hint = {}) {
    return user_error("forget.no_key",
                      fmt::format("no row of {} can be told by a key: {}", deployment.name, why),
                      deployment.place, hint);
  };
  if (!deployment.log) return no_key("it keeps no log");
  Subject subject;
  TM_TRY(subject.rules, KeyRules::of(project, deployment));
  if (!subject.rules.stores())
    return no_key(
        subject.rules.problem(),
        "what it logged goes with the log's `retain`, all rows alike; rows are told by the key of "
        "its `request` source or of a model that is trained here, where the log keeps or hashes it");
  TM_TRY(subject.stored, subject.rules.stored(key));
  TM_TRY(Secret secret, hash_key(project.home));
  TM_TRY(subject.hashed, KeyRules(subject.rules.columns(), {}, std::move(secret)).stored(key));
  engine::DatabaseOptions opening;
  opening.memory_bytes = kSqlMemory;
  opening.allowed_folders = {project.home};
  TM_TRY(subject.database, engine::Database::open(opening));
  return subject;
}

}  // namespace

Result<Forgotten> forget(const project::Project& project, const registry::Registry& registry,
                         const project::Deployment& deployment, const Json& key, Instant now) {
  TM_TRY(const Subject subject, subject_of(project, deployment, key));
  TM_TRY(engine::Connection connection, subject.database->connect());
  Forgetting forgetting(project, registry, deployment, connection);
  TM_TRY(Forgotten forgotten, forgetting.run(subject.stored, subject.rules.columns(), key, now));
  forgotten.subject = subject.hashed;
  return forgotten;
}

Result<Forgotten> find_holders(const project::Project& project, const registry::Registry& registry,
                               const project::Deployment& deployment, const Json& key) {
  TM_TRY(const Subject subject, subject_of(project, deployment, key));
  TM_TRY(engine::Connection connection, subject.database->connect());
  Forgetting forgetting(project, registry, deployment, connection);
  TM_TRY(Forgotten found, forgetting.look(subject.stored, subject.rules.columns(), key));
  found.subject = subject.hashed;
  return found;
}

}  // namespace tidemill::monitoring
