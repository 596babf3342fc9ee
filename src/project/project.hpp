// tidemill.yaml as typed values. Everything here is what the user declared, with defaults filled in and
// places kept; nothing here knows data, SQL engines or what was run before.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"

namespace tidemill::project {

inline constexpr int64_t kLeastMemory = 64'000'000;  // with less the SQL engine cannot sort
inline constexpr int kMostThreads = 1024;

enum class Severity { Error, Warn };
enum class OnFail { Stop, Quarantine, Continue };

/// A bound on the failing rows: a count ("> 10") or a share ("> 1%"). The bound is crossed when failing >
/// count, or failing/rows > share.
struct FailLimit {
  std::optional<int64_t> count;
  std::optional<double> share;
};

/// One rule on a table. `kind` is one of check_kinds(); `arguments` are validated for the kind and in
/// canonical form:
///   not_null {}; unique {}; accepted_values {values:[…]}; range {min?,max?}; regex {pattern}; length
///   {min?,max?}; type {type}; row_count {min?,max?}; freshness {column?,warn_after?,error_after?: micros};
///   relationships {table,column}; expression {sql}; sql {sql: rows it returns are failures};
///   compare {table, column?/sql?, tolerance?}; point_in_time {model?, sample?};
///   distribution {reference: table or "previous", column, statistic: psi|ks|wasserstein, max}; anomaly
///   {metric: row_count|null_share|mean|…, column?, z?, season?}
struct Check {
  std::string kind;
  std::vector<std::string> columns;  // empty: a rule on the whole table
  Json arguments = Json::object();
  Severity severity = Severity::Error;
  double mostly = 1.0;  // passes when at least this share of rows does
  std::string where;    // SQL condition on the rows judged; empty: all
  std::optional<FailLimit> warn_if;
  std::optional<FailLimit> error_if;
  OnFail on_fail = OnFail::Stop;
  std::string name;  // the user's, or "not_null(tailnum)"
  Place place;
};
const std::vector<std::string>& check_kinds();

struct Column {
  std::string name;
  std::string type;  // as declared, lower case ("timestamptz"); empty: not declared
  std::vector<Check> checks;
  Place place;
};

struct Freshness {
  std::optional<Duration> warn_after;
  std::optional<Duration> error_after;
  Place place;
};

/// Where the project file names columns: "key id" is the place of `id` under `key`.
using Places = std::map<std::string, Place>;

struct Connection {
  std::string name;
  std::string type;  // "postgres"
  Secret dsn;
  Place place;
};

struct Retry {
  int attempts = 3;     // in all
  bool stated = false;  // a command that fails is tried again only when the project file says so
  Duration first_wait{500'000};
};

struct Source {
  std::string name;
  std::vector<std::string>
      paths;                      // files or globs, relative to the project's folder; empty with a connection
  std::string format;             // "csv" | "json" | "jsonl" | "parquet"; from the ending when not said
  Json options = Json::object();  // csv: {delimiter, header, null: […], quote, escape, encoding,
                                  // timestamp_format, date_format}
  std::string connection;
  std::string table;      // with a connection: "public.maintenance"
  std::string query;      // or a query
  std::string watermark;  // column by which a database table only grows; empty: read every run
  std::vector<std::string> key;
  std::string time_column;
  std::map<std::string, std::string> known_at;  // column → the column that holds when its value became known
  std::optional<Freshness> freshness;
  std::vector<Column> columns;
  std::vector<Check> checks;  // on the table; column checks are in columns
  Retry retry;
  std::optional<Duration> timeout;
  Place place;
  Places places;
};

struct Transform {
  std::string name;
  Path sql_path;                     // absolute; empty for a command step
  std::string sql;                   // its text
  std::vector<std::string> command;  // a command step makes the table instead of SQL
  std::vector<std::string> inputs;   // command: the tables it reads
  std::vector<Path> scripts;         // command: files whose content is part of the key
  bool deterministic = false;
  std::vector<Column> columns;
  std::vector<Check> checks;
  Retry retry;
  std::optional<Duration> timeout;
  Place place;
};

struct Split {
  enum class Kind { Time, Group, Hash };
  Kind kind = Kind::Hash;
  std::string column;                               // time or group column
  std::variant<double, Duration> validation = 0.2;  // share, or span under a time split; 0: none
  std::variant<double, Duration> test = 0.2;
  Duration gap{0};
  Place place;
};

struct Train {
  std::string algorithm = "xgboost";
  std::string
      objective;  // "regression" | "binary" | "multiclass" or an XGBoost objective; empty: from the target
  int rounds = 100;
  int early_stopping = 0;
  int64_t seed = 42;
  Json params = Json::object();
  Place place;
};

struct Decision {
  std::optional<double> threshold;
  std::string choose;  // "f1", "youden", "precision>=0.9" …; empty: threshold, or 0.5
};

/// One condition of the gate: exactly one of {min}, {max}, {vs + no_worse_by or better_by}.
struct GateRule {
  std::string metric;
  std::optional<double> min;
  std::optional<double> max;
  enum class Against { None, Champion, Column };
  Against against = Against::None;
  std::string column;  // Against::Column: the naive forecast
  std::optional<double> no_worse_by;
  std::optional<double> better_by;
  std::map<std::string, std::string> slice;  // column → value; empty: all rows
  Place place;
};

/// When a model is trained again by itself.
struct Retrain {
  Duration cooldown{int64_t{24} * 3'600'000'000};  // after the last one ended
  int64_t min_new_labels = 0;
  std::optional<int64_t> every_labels;  // so many new labels begin one
  int max_per_week = 3;
  int stop_after = 3;            // rejections in a row
  std::optional<Duration> hold;  // of promotion after a rollback; nothing: until a person releases it
  Place place;
};

struct Model {
  std::string name;
  bool imported = false;  // trained elsewhere: nothing below is said, and no step makes it
  std::string from;
  std::vector<std::string> key;
  std::string target;
  std::string as_of;  // SQL expression over the rows of `from`; empty: not declared
  std::string where;
  std::vector<std::string> include;  // at most one of include, exclude is given
  std::vector<std::string> exclude;
  std::map<std::string, std::string> types;  // column → "category" | "numeric"
  std::string weight;
  Split split;
  Train train;
  std::string calibrate;  // "" | "isotonic" | "platt"
  Decision decision;
  std::vector<std::string> slices;
  std::vector<std::string> fairness_groups;
  int max_categories = 1000;
  std::optional<double> conformal_coverage;  // regression: 0.9 → 90 % intervals
  std::vector<GateRule> gate;
  Retrain retrain;
  std::vector<Check> checks;  // point_in_time goes here
  std::optional<Duration> timeout;
  Place place;
  Places places;
};

/// How a new version takes over a deployment.
struct Rollout {
  int64_t shadow = 0;             // predictions that it makes unseen, before it gets requests
  std::vector<double> canary;     // shares of the requests, growing; empty: all at once
  std::optional<Duration> stage;  // that each share lasts at least
  std::string sticky;             // column by whose value a caller stays with one version; empty: none
  struct Limits {
    std::optional<double> errors;       // greatest share of failed predictions
    std::optional<Duration> p99;        // of the latency
    std::optional<double> score_drift;  // PSI against the champion's scores
  };
  Limits limits;
  Place place;
};

/// What of a deployment's predictions reaches the disk, how soon, and for how long.
struct PredictionLog {
  enum class Durability { None, Interval, Sync };
  enum class WhenFull { Drop, Block };
  /// What becomes of a column's values before they reach the disk. Known: numbers as they are, texts that the
  /// model knows as they are, all other texts hashed, since they may be anything.
  struct Column {
    enum class Rule { Known, Keep, Drop, Hash, Bucket };
    Rule rule = Rule::Known;
    double width = 0;  // Bucket: a number becomes the greatest multiple of it that is not above the number
  };
  Durability durability = Durability::Interval;
  Duration interval{1'000'000};  // the longest time that a written row waits for the disk
  WhenFull when_full = WhenFull::Drop;
  double sample = 1;  // share of the predictions whose rows are stored
  Duration retain{30LL * 24 * 3600 * 1'000'000};
  Column others;                          // of columns that are not named: `"*"`
  std::map<std::string, Column> columns;  // by the feature's name
  Place place;
  const Column& column(const std::string& name) const {
    const auto named = columns.find(name);
    return named == columns.end() ? others : named->second;
  }
};

struct Deployment {
  std::string name;
  std::string model;    // "late"
  std::string version;  // alias or number: "champion", "7"
  std::string request;  // source whose rows are the requests; empty: features are sent as they are
  std::vector<std::string> through;
  std::optional<Rollout> rollout;
  std::optional<PredictionLog> log;  // nothing: predictions are not kept
  Place place;
};

/// A rule on a deployment's live traffic.
struct Monitor {
  enum class Kind { Drift, Metric, Traffic, Quality, Fairness, Latency, Attribution };
  enum class Act { Alert, Retrain, Rollback };
  enum class Against { Training, Previous, LastYear };
  struct Rate {
    double count = 0;
    Duration per;
  };
  Kind kind = Kind::Drift;
  std::string measure;               // "psi", "roc_auc", "missing", "p99" …; empty for traffic
  std::string name;                  // "drift psi", "drift psi 2": unique within the deployment
  std::vector<std::string> columns;  // drift and quality; {"*"}: all, "score": the prediction
  std::vector<std::string> slices;   // columns by whose values it is watched as well
  Against against = Against::Training;
  std::optional<double> warn, fail, min, max;  // quality: shares; latency: seconds
  std::optional<Rate> min_rate, max_rate;      // traffic
  std::variant<Duration, int64_t> window =
      Duration{int64_t{7} * 86'400'000'000};   // a span, or the last so many predictions
  Duration every{int64_t{3'600} * 1'000'000};  // at least kLeastEvery
  int fire_after = 1;                          // `for:` evaluations in a row; 3 for drift
  int64_t min_rows = 200;
  bool estimated = false;
  std::vector<Act> on_fail{Act::Alert};
  Place place;
};
inline constexpr Duration kLeastEvery{int64_t{10} * 1'000'000};

/// Where a deployment's truths come from.
struct Labels {
  std::string from;  // a table
  std::vector<std::string> key;
  std::string value;  // a column
  Duration matures_after{0};
  Json missing;  // what a label is that never came, once matured; null: unknown
  Place place;
  Places places;
};

/// Who is told, and of what.
struct Notify {
  enum class Form { Json, Slack };
  Secret webhook;  // URLs; empty: none
  Form form = Form::Json;
  Secret alertmanager;
  std::vector<std::string> on;  // "done", "failed", "rejected", "promoted", "firing", "resolved"
  Place place;
};

struct Export {
  std::string table;  // a source's or transform's name
  std::string path;   // file under the project's folder, or
  std::string connection;
  std::string to_table;
  enum class Mode { Replace, Merge, Append };
  Mode mode = Mode::Replace;
  std::vector<std::string> key;  // merge
  Retry retry;
  std::optional<Duration> timeout;
  Place place;
  Places places;
};

/// When runs begin by themselves: by the clock, or when sources have new data.
struct Schedule {
  std::string name;                         // "0 6 * * * +late": what it does, and by that it is known
  std::string cron;                         // empty: it watches
  std::vector<std::string> watch;           // sources
  Duration every{int64_t{60} * 1'000'000};  // with watch: how often it looks, and runs at most
  std::string run;                          // selector
  enum class Overlap { Skip, Queue };
  Overlap overlap = Overlap::Skip;
  enum class CatchUp { None, Latest, All };
  CatchUp catch_up = CatchUp::Latest;
  Place place;
};

struct Project {
  std::string name;
  Path folder;  // absolute; where tidemill.yaml is
  Path file;
  Path home;  // absolute
  std::string timezone = "UTC";
  std::string environment;       // chosen one; empty: none
  std::optional<double> sample;  // environments: {dev: {sample: 1%}}
  std::map<std::string, std::string> parameters;
  std::map<std::string, Connection> connections;
  std::map<std::string, Source> sources;
  std::map<std::string, Transform> transforms;  // every transforms/*.sql is one
  std::map<std::string, Model> models;
  std::map<std::string, Deployment> deployments;
  std::map<std::string, Export> exports;
  std::vector<Schedule> schedules;
  std::map<std::string, std::vector<Monitor>> monitors;  // by deployment
  std::map<std::string, Labels> labels;                  // by deployment
  std::optional<Notify> notify;
  std::optional<Duration> run_timeout;
  std::optional<int64_t> memory_bytes;  // the budget of the process, where it is said
  std::optional<int> threads;
  std::vector<Secret> secrets;  // every value that holds a ${env:…} or ${file:…}: name is how it was written,
                                // "postgres://${env:USER}@db"
  std::string fingerprint;      // SHA-256 of the project file's text (environment applied)

  /// The deployment through whose rollout a model's new champions go: the first by name that serves its
  /// champion and declares a shadow or canary; null: none does.
  const Deployment* rollout_of(const std::string& model) const;
  /// The columns that name a row to a deployment: the key of its request source; where requests are features,
  /// of what its model learns from. Empty: there is none.
  std::vector<std::string> key_of(const Deployment& deployment) const;
  /// The declared place of a table ("source flights", "transform features"); empty Place when there is none.
  Place place_of_table(const std::string& table) const;
  bool is_table(const std::string& table) const {
    return sources.contains(table) || transforms.contains(table);
  }
};

struct LoadOptions {
  Path file;                                      // tidemill.yaml, or its folder
  std::string environment;                        // --env
  std::optional<Path> home;                       // --home
  std::map<std::string, std::string> parameters;  // --param name=value
};

/// Reads tidemill.yaml and transforms/*.sql. All mistakes at once, in file order, each with file:line:column.
/// Does not read SQL beyond loading it: binding (unknown tables and columns, cycles) is the pipeline's plan.
std::expected<Project, Errors> load(const LoadOptions& options);

/// JSON Schema (draft 2020-12) of tidemill.yaml, made from the same tables that the loader checks with.
Json json_schema();

/// The reference page of tidemill.yaml in Markdown, from the same tables.
std::string reference_markdown();

/// Finds tidemill.yaml in folder or the nearest parent.
Result<Path> find_project_file(const Path& folder);

/// The project as JSON, secrets by name only.
Json to_json(const Project& project);

}  // namespace tidemill::project
