// tidemill init: an empty project, an example, or a project drafted from a stranger's data file.
#include <cstdlib>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/draft.hpp"
#include "app/output.hpp"
#include "engine/binder.hpp"
#include "engine/number_types.hpp"
#include "engine/scan.hpp"
#include "pipeline/file_format.hpp"
#include "quality/quality.hpp"
#include "quality/row_rule.hpp"

namespace tidemill::app {

namespace {

using engine::is_number_type;
using quality::is_time_type;

constexpr int64_t kFewLevels = 20;

constexpr std::string_view kEmptyProject =
    R"(# A tidemill project. `tidemill schema` describes every key; `tidemill plan` says what would run.
name: "{}"
sources: {{}}
#  customers: {{path: data/customers.csv, key: customer_id}}
#models:
#  churn: {{from: features, key: customer_id, target: churned}}
#deployments:
#  churn: {{model: churn@champion}}
)";

std::string identifier(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out += (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ? lower : '_';
  }
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out = "t_" + out;
  return out;
}

/// A folder may be called what a project may not.
std::string project_name(const std::string& folder) {
  std::string out;
  for (const char c : folder) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_') ? c : '-';
  }
  return out.empty() ? "project" : out;
}

std::string stem_of(const Path& file) {
  const std::string name = file.filename();
  return identifier(name.substr(0, name.find('.')));
}

int64_t integer_of(const engine::Value& value) {
  const auto* integer = std::get_if<int64_t>(&value);
  return integer != nullptr ? *integer : 0;
}
double number_of(const engine::Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return static_cast<double>(integer_of(value));
}

// How well a column alone tells the target: rank AUC for a binary target (levels of a text ranked by their
// share of positives), |Pearson correlation| for a number. In sample, so a text of many levels is not asked.
Result<double> alone(engine::Connection& connection, const ColumnFacts& facts, const std::string& target,
                     TargetKind kind, int64_t rows) {
  const std::string column = engine::quote_name(facts.column.name);
  const bool number = is_number_type(facts.column.type) || facts.column.type == "BOOLEAN";
  if (!number &&
      (facts.column.type != "VARCHAR" || facts.distinct > std::max<int64_t>(kFewLevels, rows / 20)))
    return 0.0;
  if (kind == TargetKind::Multiclass) return 0.0;
  if (kind == TargetKind::Regression) {
    if (!number) return 0.0;
    TM_TRY(const engine::Value value,
           connection.scalar(fmt::format(
               "SELECT abs(corr(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))) FROM data", column, target)));
    return std::isfinite(number_of(value)) ? number_of(value) : 0.0;
  }
  const std::string positive = fmt::format("({} = (SELECT max({}) FROM data))", target, target);
  const std::string x = number ? fmt::format("CAST({} AS DOUBLE)", column)
                               : fmt::format("avg(CAST({} AS INT)) OVER (PARTITION BY {})", positive, column);
  TM_TRY(const engine::Value value,
         connection.scalar(
             fmt::format("WITH scored AS (SELECT {0} AS x, {1} AS y FROM data WHERE {2} IS NOT NULL), "
                         "ranked AS (SELECT y, rank() OVER (ORDER BY x NULLS FIRST) + (count(*) OVER "
                         "(PARTITION BY x) - 1) / 2.0 AS r FROM scored) "
                         "SELECT (sum(r) FILTER (y) - count(*) FILTER (y) * (count(*) FILTER (y) + 1) / 2.0) "
                         "/ (count(*) FILTER (y) * count(*) FILTER (NOT y)) FROM ranked",
                         x, positive, target)));
  const double auc = number_of(value);
  return std::isfinite(auc) ? std::max(auc, 1 - auc) : 0.0;
}

Result<ColumnFacts> measure(engine::Connection& connection, const engine::Column& column) {
  ColumnFacts facts;
  facts.column = column;
  const std::string name = engine::quote_name(column.name);
  const std::string as_number = is_time_type(column.type)
                                    ? fmt::format("epoch_us(CAST({} AS TIMESTAMP))", name)
                                : is_number_type(column.type) ? fmt::format("CAST({} AS DOUBLE)", name)
                                                              : "NULL";
  TM_TRY(const engine::Rows row,
         connection.query(fmt::format("SELECT count(*) - count({0}), count(DISTINCT {0}), CAST(min({1}) AS "
                                      "DOUBLE), CAST(max({1}) AS DOUBLE) FROM data",
                                      name, as_number)));
  facts.nulls = integer_of(row.rows[0][0]);
  facts.distinct = integer_of(row.rows[0][1]);
  facts.low = number_of(row.rows[0][2]);
  facts.high = number_of(row.rows[0][3]);
  return facts;
}

Result<DataFacts> measure_file(const GlobalOptions& global, const Path& file, const Path& folder,
                               const std::string& target) {
  if (!std::filesystem::exists(file))
    return user_error("init.no_file", fmt::format("there is no file {}", file.native()));
  const Path absolute = std::filesystem::weakly_canonical(file);
  const Path relative = absolute.lexically_relative(std::filesystem::weakly_canonical(folder));
  DataFacts data;
  data.table = stem_of(file);
  if (engine::is_reserved_table_name(data.table) || data.table == "features") data.table += "_data";
  data.path = relative.empty() || relative.native().starts_with("..") ? absolute.native() : relative.native();

  engine::DatabaseOptions options =
      pipeline::engine_within(budget_of(global), pipeline::temporary_spill_folder());
  options.access = engine::DatabaseOptions::Access::Open;
  TM_TRY(const auto database, engine::Database::open(options));
  TM_TRY(engine::Connection connection, database->connect());
  TM_TRY(const std::string format, pipeline::format_of(file));
  const engine::FileScan scan{format, {absolute}, {}, Json::object()};
  TM_TRY(const std::string select, engine::select_from_files(connection, scan));
  if (auto loaded = connection.execute("CREATE TEMP TABLE data AS " + select); !loaded)
    return std::unexpected(engine::explain_scan_error(scan, std::move(loaded).error()));
  TM_TRY(const std::vector<engine::Column> columns, connection.describe("SELECT * FROM data"));
  TM_TRY(const engine::Value rows, connection.scalar("SELECT count(*) FROM data"));
  data.rows = integer_of(rows);
  TM_TRY(const quality::Profile profile, quality::profile(connection, "data"));
  for (const engine::Column& column : columns) {
    TM_TRY(ColumnFacts facts, measure(connection, column));
    facts.checks = profile.suggested_checks.value(column.name, Json::array());
    data.columns.push_back(std::move(facts));
  }
  TM_TRY(const TargetKind kind, kind_of_target(data, target));
  for (ColumnFacts& facts : data.columns)
    if (facts.column.name != target) {
      TM_TRY(facts.alone, alone(connection, facts, engine::quote_name(target), kind, data.rows));
    }
  return data;
}

Result<void> write_new(const Path& path, std::string_view text) {
  if (std::filesystem::exists(path))
    return user_error("init.exists", fmt::format("{} exists already", path.native()), {},
                      "choose another --folder");
  TM_CHECK(make_folder(path.parent_path()));
  return write_file(path, text);
}

Result<void> copy_example(const std::string& example, const Path& folder) {
  const char* variable = std::getenv("TIDEMILL_EXAMPLES");
  std::error_code error;
  const Path beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path().parent_path() /
                      "share" / "tidemill" / "examples";
  const Path examples = variable != nullptr ? Path(variable) : beside;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(examples, error))
    if (entry.is_directory()) names.push_back(entry.path().filename());
  if (std::find(names.begin(), names.end(), example) == names.end())
    return user_error("init.example", fmt::format("there is no example '{}'", example), {},
                      did_you_mean(example, names));
  if (std::filesystem::exists(folder / "tidemill.yaml"))
    return user_error("init.exists", fmt::format("{} exists already", (folder / "tidemill.yaml").native()));
  TM_CHECK(make_folder(folder));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(examples / example, error)) {
    const Path relative = entry.path().lexically_relative(examples / example);
    if (relative.begin()->native().starts_with(".tidemill") || relative.begin()->native() == "out") continue;
    if (entry.is_directory())
      TM_CHECK(make_folder(folder / relative));
    else
      std::filesystem::copy_file(entry.path(), folder / relative, error);
    if (error) return errno_error("copy to", (folder / relative).native(), error.value());
  }
  return {};
}

}  // namespace

int init(const GlobalOptions& global, const InitOptions& options) {
  const Path folder = std::filesystem::absolute(options.folder).lexically_normal();
  const Path file = folder / "tidemill.yaml";
  const Path named = folder.filename().empty() ? folder.parent_path() : folder;
  const std::string name = options.name.empty() ? project_name(named.filename().native()) : options.name;
  if (project_name(name) != name)
    return report(global, Error{ErrorKind::User,
                                "project.bad_name",
                                fmt::format("'{}' is not a name", name),
                                {},
                                {},
                                "letters, digits, - and _",
                                {}});
  const auto next = [&](const std::string& text) {
    if (!global.quiet) fmt::print(stderr, "{}\n", text);
    return 0;
  };
  if (!options.example.empty()) {
    const auto copied = copy_example(options.example, folder);
    return copied ? next(fmt::format("{} is in {}; next: tidemill run", options.example, folder.native()))
                  : report(global, copied.error());
  }
  if (options.from.empty()) {
    if (!options.target.empty())
      return report(global,
                    Error{ErrorKind::User, "usage.arguments", "--target needs --from FILE", {}, {}, {}, {}});
    const auto written = write_new(file, fmt::format(kEmptyProject, name));
    return written ? next(fmt::format("wrote {}; next: declare a source in it", file.native()))
                   : report(global, written.error());
  }
  if (options.target.empty())
    return report(global, Error{ErrorKind::User,
                                "usage.arguments",
                                "--from needs --target COLUMN: what is to be predicted",
                                {},
                                {},
                                {},
                                {}});

  const auto data = measure_file(global, options.from, folder, options.target);
  if (!data) return report(global, data.error());
  const auto draft = draft_project(name.empty() ? data->table : name, *data, options.target);
  if (!draft) return report(global, draft.error());
  const Path sql = folder / "transforms" / (draft->transform_name + ".sql");
  for (const auto& [path, text] :
       {std::pair{file, draft->project_file}, std::pair{sql, draft->transform_sql}})
    if (const auto written = write_new(path, text); !written) return report(global, written.error());
  if (global.json) {
    print_json({{"project", file.native()},
                {"transform", sql.native()},
                {"notes", draft->notes},
                {"warnings", draft->warnings}});
    return 0;
  }
  print(fmt::format("wrote {}\nwrote {}", file.native(), sql.native()));
  for (const std::string& note : draft->notes) print("  " + note);
  for (const std::string& warning : draft->warnings)
    fmt::print(stderr, "{} {}\n", painted(global, "warning:", Tone::Warning), warning);
  return next("next: tidemill run, then tidemill serve");
}

}  // namespace tidemill::app
