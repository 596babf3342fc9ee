// Proof that features know nothing of the future: for sampled rows the tables are rebuilt as they were known
// at the row's as_of, the transforms run over them, and the features must come out the same.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"
#include "quality/judge.hpp"
#include "quality/past_view.hpp"
#include "quality/row_rule.hpp"
#include "quality/verdict.hpp"

namespace tidemill::quality {
namespace {

using engine::quote_name;
using engine::quote_text;

constexpr const char* kBuilt = "tidemill_point_in_time_built";
/// Doubles summed in another order differ in their last bits; a leak does not hide there.
constexpr double kRoundingDouble = 1e-12, kRoundingFloat = 1e-5;
constexpr int kMaxSample = 10'000;

struct Sampled {
  std::vector<AskedRow> rows;
  std::vector<std::string> shown;  // "flight_id 2013-01-01-UA-1545-EWR at 2013-01-01 04:15:00-05"
};

std::string typed_literal(const engine::Value& text, const std::string& type) {
  return fmt::format("CAST({} AS {})", quote_text(engine::to_text(text)), type);
}

/// A fifth of the sample are the newest rows, the others come in the order of a seeded hash of the key. Rows
/// of an instant that was tried already see the same past: they are taken only when there are no others.
class Sampler {
 public:
  Sampler(const PointInTimeInput& input, std::vector<std::string> key_types, std::string as_of_type)
      : input_(input), key_types_(std::move(key_types)), as_of_type_(std::move(as_of_type)) {}

  Result<Sampled> take() {
    const size_t sample = static_cast<size_t>(std::clamp(input_.sample, 1, kMaxSample));
    TM_TRY(const engine::Rows newest, candidates("instant DESC, hash", sample));
    TM_TRY(const engine::Rows any, candidates("hash", sample));
    const size_t newest_rows = std::max<size_t>(1, sample / 5);
    add(newest, newest_rows, Again::No);
    add(any, sample, Again::No);
    add(any, sample, Again::Yes);
    return std::move(sampled_);
  }

 private:
  enum class Again { No, Yes };  // an instant that was taken

  /// The first rows in an order: as_of and key as texts. More than are needed, since instants repeat.
  Result<engine::Rows> candidates(const std::string& order, size_t sample) {
    constexpr size_t kSpare = 8;
    std::vector<std::string> texts, names, present;
    for (size_t i = 0; i < input_.key.size(); ++i) {
      names.push_back(fmt::format("k{}", i));
      texts.push_back(fmt::format("CAST({} AS VARCHAR)", quote_name(input_.key[i])));
      present.push_back(quote_name(input_.key[i]) + " IS NOT NULL");
    }
    std::string columns;
    for (size_t i = 0; i < names.size(); ++i) columns += fmt::format("{} AS {}, ", texts[i], names[i]);
    const std::string rows =
        fmt::format("SELECT {}{} AS instant, hash('{}', {}) AS hash FROM {} WHERE {}", columns,
                    engine::bracketed(input_.as_of), input_.seed, fmt::join(texts, ", "), input_.relation,
                    fmt::join(present, " AND "));
    return input_.connection->query(
        fmt::format("SELECT CAST(instant AS VARCHAR), {0} FROM ({1}) WHERE instant IS NOT NULL ORDER BY {2}, "
                    "{0} LIMIT {3}",
                    fmt::join(names, ", "), rows, order, kSpare * sample));
  }

  void add(const engine::Rows& rows, size_t until, Again again) {
    for (const auto& row : rows.rows) {
      if (sampled_.rows.size() >= until) return;
      std::vector<std::string> key;
      std::string shown;
      for (size_t i = 0; i < input_.key.size(); ++i) {
        key.push_back(typed_literal(row[i + 1], key_types_[i]));
        shown += fmt::format("{}{} {}", i == 0 ? "" : ", ", input_.key[i], engine::to_text(row[i + 1]));
      }
      if (keys_.contains(key) || (again == Again::No && instants_.contains(engine::to_text(row[0]))))
        continue;
      keys_.insert(key);
      instants_.insert(engine::to_text(row[0]));
      sampled_.rows.push_back({.key = std::move(key), .as_of = typed_literal(row[0], as_of_type_)});
      sampled_.shown.push_back(fmt::format("{} at {}", shown, engine::to_text(row[0])));
    }
  }

  const PointInTimeInput& input_;
  std::vector<std::string> key_types_;
  std::string as_of_type_;
  std::set<std::string> instants_;
  std::set<std::vector<std::string>> keys_;
  Sampled sampled_;
};

/// What came of all tried rows.
struct Findings {
  std::map<std::string, int64_t> columns;  // that differ → in how many rows
  int64_t rows = 0;                        // that differ
  int64_t rounded = 0;                     // rows that differ in last bits only
  std::string first, first_rounded;
};

class Prover {
 public:
  Prover(const PointInTimeInput& input, const Sampled& sampled, std::vector<engine::Column> features)
      : input_(input), sampled_(sampled), features_(std::move(features)) {}

  Result<Findings> run() {
    TM_CHECK(keep_built_rows());
    for (size_t i = 0; i < sampled_.rows.size(); ++i)
      if (auto tried = try_row(i); !tried) {
        TM_CHECK(input_.connection->execute(fmt::format("DROP TABLE IF EXISTS temp.{}", kBuilt)));
        return std::unexpected(tried.error());
      }
    TM_CHECK(input_.connection->execute(fmt::format("DROP TABLE IF EXISTS temp.{}", kBuilt)));
    return std::move(findings_);
  }

 private:
  /// The sampled rows as they were built, once: each is looked up again and again.
  Result<void> keep_built_rows() {
    std::vector<std::string> columns, conditions;
    for (size_t i = 0; i < input_.key.size(); ++i) {
      keys_.push_back(fmt::format("k{}", i));
      columns.push_back(fmt::format("{} AS {}", quote_name(input_.key[i]), keys_[i]));
    }
    for (size_t i = 0; i < features_.size(); ++i)
      columns.push_back(fmt::format("{} AS f{}", quote_name(features_[i].name), i));
    for (const AskedRow& row : sampled_.rows)
      conditions.push_back("(" + key_condition(input_.key, row.key) + ")");
    return input_.connection->execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} WHERE {}", kBuilt,
                    fmt::join(columns, ", "), input_.relation, fmt::join(conditions, " OR ")));
  }

  Result<void> try_row(size_t index) {
    const AskedRow& row = sampled_.rows[index];
    const std::string key = key_condition(input_.key, row.key);
    TM_TRY(const std::string tables, past_tables(input_, row));
    std::vector<std::string> then, compared;
    for (size_t i = 0; i < features_.size(); ++i) {
      then.push_back(fmt::format("{} AS f{}", quote_name(features_[i].name), i));
      compared.push_back(
          fmt::format("b.f{0} IS DISTINCT FROM t.f{0}, CAST(b.f{0} AS VARCHAR), CAST(t.f{0} AS VARCHAR), {1}",
                      i, rounding(i)));
    }
    TM_TRY(const engine::Rows rows,
           input_.connection->query(
               fmt::format("{} SELECT t.present, {} FROM (SELECT * FROM temp.{} WHERE {}) AS b "
                           "LEFT JOIN (SELECT true AS present, {} FROM {} WHERE {}) AS t ON true LIMIT 2",
                           tables, fmt::join(compared, ", "), kBuilt, key_condition(keys_, row.key),
                           fmt::join(then, ", "), quote_name(input_.from), key)));
    if (rows.rows.size() != 1) {
      note(fmt::format("{}: more than one row has this key", sampled_.shown[index]));
    } else if (std::holds_alternative<std::monostate>(rows.rows[0][0])) {
      note(fmt::format("{}: with what was known then, the row is not there", sampled_.shown[index]));
    } else {
      compare(index, rows.rows[0]);
    }
    return {};
  }

  /// Whether the two differ by no more than the order of a sum may change.
  std::string rounding(size_t i) const {
    if (!is_float_type(features_[i].type)) return "false";
    return fmt::format("coalesce(abs(b.f{0} - t.f{0}) <= {1} * greatest(abs(b.f{0}), abs(t.f{0})), false)", i,
                       features_[i].type == "FLOAT" ? kRoundingFloat : kRoundingDouble);
  }

  void compare(size_t index, const std::vector<engine::Value>& row) {
    bool differs = false, rounded = false;
    for (size_t i = 0; i < features_.size(); ++i) {
      const size_t place = 1 + 4 * i;
      if (!std::get<bool>(row[place])) continue;
      const std::string sentence = fmt::format(
          "{} of {} is {}, but {} with what was known then", features_[i].name, sampled_.shown[index],
          engine::to_text(row[place + 1]), engine::to_text(row[place + 2]));
      if (std::get<bool>(row[place + 3])) {
        rounded = true;
        if (findings_.first_rounded.empty()) findings_.first_rounded = sentence;
        continue;
      }
      differs = true;
      ++findings_.columns[features_[i].name];
      if (findings_.first.empty()) findings_.first = sentence;
    }
    findings_.rows += differs;
    findings_.rounded += rounded && !differs;
  }

  void note(std::string sentence) {
    ++findings_.rows;
    if (findings_.first.empty()) findings_.first = std::move(sentence);
  }

  const PointInTimeInput& input_;
  const Sampled& sampled_;
  std::vector<engine::Column> features_;
  std::vector<std::string> keys_;  // names of the key's columns in the kept rows
  Findings findings_;
};

CheckResult start(const PointInTimeInput& input) {
  CheckResult result;
  result.kind = "point_in_time";
  result.name = "point_in_time";
  result.columns = {};
  result.place = input.place;
  return result;
}

CheckResult broken_proof(const PointInTimeInput& input, std::string message, std::string hint) {
  CheckResult result = start(input);
  result.status = CheckStatus::Error;
  result.message = std::move(message);
  result.hint = std::move(hint);
  return result;
}

CheckResult concluded(const PointInTimeInput& input, const Findings& findings, size_t tried) {
  CheckResult result = start(input);
  result.rows = static_cast<int64_t>(tried);
  result.failing = findings.rows;
  std::vector<std::string> names;
  for (const auto& [column, rows] : findings.columns) {
    result.numbers[column] = rows;
    names.push_back(column);
  }
  if (findings.rows > 0) {
    result.status = CheckStatus::Failed;
    result.message = fmt::format("{} of {} rows tried know what was not known yet: {}",
                                 grouped(findings.rows), grouped(result.rows), findings.first);
    result.hint =
        findings.columns.empty()
            ? "does the row depend on other rows that had not begun? say which source is the request: "
              "deployments: {…: {request: SOURCE}}"
            : fmt::format("known too early: {}; read only rows and values whose known_at lies before as_of",
                          fmt::join(names, ", "));
  } else if (findings.rounded > 0) {
    result.status = CheckStatus::Warned;
    result.message = fmt::format("{} of {} rows tried differ in the last bits: {}", grouped(findings.rounded),
                                 grouped(result.rows), findings.first_rounded);
    result.hint = "sums of doubles depend on their order: sum whole numbers or DECIMALs";
  } else {
    result.message = fmt::format("{} rows tried: every feature is the same with what was known at as_of",
                                 grouped(result.rows));
  }
  return result;
}

/// Types of the key's columns, of as_of and of the features in the built table.
struct Types {
  std::vector<std::string> key;
  std::string as_of;
  std::vector<engine::Column> features;
};

Result<Types> types_of(const PointInTimeInput& input) {
  TM_TRY(const std::vector<engine::Column> columns,
         input.connection->describe("SELECT * FROM " + input.relation));
  Types types;
  const auto find = [&](const std::string& name) -> Result<engine::Column> {
    if (const engine::Column* column = engine::find_column(columns, name)) return *column;
    std::vector<std::string> known;
    for (const engine::Column& column : columns) known.push_back(column.name);
    return user_error("check.point_in_time", fmt::format("{} has no column '{}'", input.from, name),
                      input.place, did_you_mean(name, known));
  };
  for (const std::string& name : input.key) {
    TM_TRY(const engine::Column column, find(name));
    types.key.push_back(column.type);
  }
  for (const std::string& name : input.features) {
    TM_TRY(engine::Column column, find(name));
    types.features.push_back(std::move(column));
  }
  TM_TRY(const std::vector<engine::Column> as_of,
         input.connection->describe(
             fmt::format("SELECT {} AS as_of FROM {}", engine::bracketed(input.as_of), input.relation)));
  types.as_of = as_of.at(0).type;
  if (!is_time_type(types.as_of))
    return user_error("check.point_in_time",
                      fmt::format("as_of must be a time, but {} is {}", input.as_of, types.as_of),
                      input.place);
  return types;
}

Result<CheckResult> prove(const PointInTimeInput& input) {
  if (input.as_of.empty() || input.key.empty())
    return user_error("check.point_in_time",
                      "the model needs `key` and `as_of`, the instant of the prediction", input.place);
  TM_CHECK(request_source(input));
  TM_TRY(const Types types, types_of(input));
  TM_TRY(const Sampled sampled, Sampler(input, types.key, types.as_of).take());
  if (sampled.rows.empty())
    return broken_proof(
        input, fmt::format("no row of {} has a key and an as_of: nothing can be tried", input.from), "");
  TM_TRY(const Findings findings, Prover(input, sampled, types.features).run());
  return concluded(input, findings, sampled.rows.size());
}

}  // namespace

Result<CheckResult> check_point_in_time(const PointInTimeInput& written) {
  PointInTimeInput input = written;
  Result<std::vector<TimedSource>> sources = with_own_names(written);
  if (sources) input.sources = std::move(*sources);
  Result<CheckResult> result = sources ? prove(input) : std::unexpected(std::move(sources).error());
  if (!result && is_users_sql(result.error()))
    return broken_proof(input, result.error().message, result.error().hint);
  return result;
}

}  // namespace tidemill::quality
