#include "serving/sql_row_features.hpp"

#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/repeated_query.hpp"
#include "engine/sql_text.hpp"
#include "serving/feature_tensors.hpp"
#include "serving/request_sql.hpp"

namespace tidemill::serving {

using engine::GivenValues;
using engine::quote_name;

namespace {

constexpr size_t kRowsOfKeptPlan = 4096;
// DuckDB makes a loop over the table of an ASOF join with few rows, and a sort of one with many.
constexpr size_t kRowsOfKeptAsofPlan = 64;

std::unexpected<Error> about(Error error, const std::string& what) {
  error.message = fmt::format("{}: {}", what, error.message);
  return std::unexpected(std::move(error));
}

/// What the user's SQL is not fit for becomes the deployment's error; that a disk or the memory is full does
/// not.
std::unexpected<Error> unfit(Error error, const std::string& what) {
  if (error.code.starts_with("sql.")) error.code = "serving.request_sql";
  return about(std::move(error), what);
}

bool has_asof(const RequestPath& path) {
  for (const RequestPath::Transform& transform : path.transforms)
    for (const engine::SqlToken& token : engine::sql_tokens(transform.sql))
      if (token.kind == engine::SqlToken::Kind::Word &&
          engine::same_name(transform.sql.substr(token.begin, token.end - token.begin), "asof"))
        return true;
  return false;
}

}  // namespace

struct SqlRowFeatures::Instance {
  std::unique_ptr<engine::Database> database;

  static Result<std::shared_ptr<Instance>> open(const SqlRowFeaturesOptions& options,
                                                int64_t most_held_bytes) {
    engine::DatabaseOptions opening;
    opening.threads = 1;  // a request's thread runs its own query: as many at a time as there are workers
    opening.memory_bytes =
        options.memory_bytes > 0 ? std::min(options.memory_bytes, kMostMemoryBytes) : kMostMemoryBytes;
    opening.timezone = options.path.timezone;
    opening.allowed_folders = options.allowed_folders;
    auto instance = std::make_shared<Instance>();
    TM_TRY(instance->database, engine::Database::open(opening));
    TM_TRY(engine::Connection connection, instance->database->connect());
    int64_t held = 0;
    for (const PublishedTable& table : options.tables) {
      const bool hold = table.bytes <= kMostHeldTableBytes && held + table.bytes <= most_held_bytes;
      held += hold ? table.bytes : 0;
      if (auto made = connection.execute(fmt::format("CREATE {} {} AS SELECT * FROM read_parquet({})",
                                                     hold ? "TABLE" : "VIEW", quote_name(table.name),
                                                     engine::quote_text(table.file.native())));
          !made)
        return about(std::move(made).error(), "table " + table.name);
      if (engine::is_log_table(table.name)) TM_CHECK(connection.execute(engine::log_schema_sql(table.name)));
    }
    return instance;
  }
};

/// Members are destroyed last to first: queries before what they read.
struct SqlRowFeatures::Session {
  std::shared_ptr<Instance> instance;
  engine::Connection connection;
  engine::GivenRows given;
  std::optional<engine::RepeatedQuery> features;
  std::optional<engine::RepeatedQuery> misfits;
  std::vector<FeatureColumn> columns;
  size_t rows_of_kept_plan = kRowsOfKeptPlan;

  static Result<std::unique_ptr<Session>> open(std::shared_ptr<Instance> instance,
                                               const SqlRowFeaturesOptions& options) {
    const RequestPath& path = options.path;
    TM_TRY(engine::Connection connection, instance->database->connect());
    for (const auto& [name, value] : path.parameters)
      TM_CHECK(connection.execute(
          fmt::format("SET VARIABLE {} = {}", quote_name(name), engine::quote_text(value))));
    TM_TRY(engine::GivenRows given, engine::GivenRows::offer(connection, given_columns(path)));
    TM_TRY(const std::vector<engine::Column> made, make_views(connection, path, given.relation()));
    TM_TRY(std::vector<FeatureColumn> columns, columns_of(options, made));
    auto session = std::make_unique<Session>(std::move(instance), std::move(connection), std::move(given));
    auto features = engine::RepeatedQuery::prepare(
        session->connection, features_select(path, columns, made, session->given.relation()));
    if (!features) return unfit(std::move(features).error(), "as_of of the model");
    session->features = std::move(*features);
    if (const auto misfits = misfits_select(path, session->given.relation())) {
      TM_TRY(session->misfits, engine::RepeatedQuery::prepare(session->connection, *misfits));
    }
    session->columns = std::move(columns);
    if (has_asof(path)) session->rows_of_kept_plan = kRowsOfKeptAsofPlan;
    return session;
  }

  /// Returns the columns of the model's table.
  static Result<std::vector<engine::Column>> make_views(engine::Connection& connection,
                                                        const RequestPath& path,
                                                        const std::string& relation) {
    TM_CHECK(connection.execute(request_view(path, relation)));
    TM_TRY(std::vector<engine::Column> made,
           connection.describe("SELECT * FROM " + quote_name(path.schema.source())));
    for (const RequestPath::Transform& transform : path.transforms) {
      const std::string what = fmt::format("transforms/{}.sql does not run over requests", transform.name);
      auto columns = connection.describe(transform.sql);
      if (!columns) return unfit(std::move(columns).error(), what);
      auto stored = connection.describe_stored(transform.sql);
      if (!stored) return unfit(std::move(stored).error(), what);
      auto view = connection.execute(transform_view(transform, *columns, *stored));
      if (!view) return unfit(std::move(view).error(), what);
      if (engine::same_name(transform.name, path.from)) made = std::move(*stored);
    }
    return made;
  }

  static Result<std::vector<FeatureColumn>> columns_of(const SqlRowFeaturesOptions& options,
                                                       const std::vector<engine::Column>& made) {
    std::vector<std::string> names;
    for (const engine::Column& column : made) names.push_back(column.name);
    const RequestPath& path = options.path;
    for (const size_t c : path.schema.key())
      if (const std::string& key = path.schema.columns()[c].name; !engine::find_column(made, key))
        return user_error(
            "serving.request_sql",
            fmt::format("{} does not carry {}, the key of {}: no row of it could be told to be a "
                        "request's",
                        path.from, key, path.schema.source()),
            {}, did_you_mean(key, names));
    std::vector<FeatureColumn> out;
    for (const forest::Feature& feature : options.predictor->package().features) {
      const engine::Column* column = engine::find_column(made, feature.name);
      if (column == nullptr)
        return user_error("serving.request_sql",
                          fmt::format("{} has no column {}, a feature", path.from, feature.name), {},
                          did_you_mean(feature.name, names));
      const engine::ColumnKind kind = engine::kind_of(column->type);
      if (kind == engine::ColumnKind::Time || kind == engine::ColumnKind::Other)
        return user_error("serving.request_sql",
                          fmt::format("the feature {} was {} in training and is {} here", feature.name,
                                      feature.sql_type, column->type));
      out.push_back({column->name, engine::reading_of(kind, feature.category)});
    }
    return out;
  }

  /// Which values are no values of their columns is asked only where some travel as texts.
  Result<void> refuse_misfits(const RequestSchema& schema) {
    std::optional<std::pair<int64_t, int64_t>> first;
    TM_CHECK(misfits->run([&](const engine::Chunk& chunk) -> Result<void> {
      for (size_t r = 0; r < chunk.rows(); ++r) {
        const std::pair one(chunk.bigints(0)[r], chunk.bigints(1)[r]);
        if (!first || one < *first) first = one;
      }
      return {};
    }));
    if (!first) return {};
    const RequestColumn& column = schema.columns()[static_cast<size_t>(first->second)];
    return user_error("predict.type", fmt::format("row {}, column '{}': the value is no {}", first->first + 1,
                                                  column.name, column.type));
  }

  /// Takes the rows' values; what is returned needs their keys.
  Result<FeatureTensors> make(const SqlRowFeaturesOptions& options, RequestRows& rows) {
    const RequestPath& path = options.path;
    bool texts = false, dated = false;
    std::vector<GivenValues> values(1);
    for (size_t r = 0; r < rows.rows; ++r) values[0].wholes.push_back(static_cast<int64_t>(r));
    values[0].missing.assign(rows.rows, 0);
    for (size_t c = 0; c < rows.columns.size(); ++c) {
      const auto& missing = rows.columns[c].missing;
      const bool any = std::ranges::find(missing, 0) != missing.end();
      texts |= any && path.schema.columns()[c].cast;
      dated |= any && path.known_by[c].has_value();
      values.push_back(std::move(rows.columns[c]));
    }
    const size_t first_holder = values.size();
    for (size_t h = 0; h < path.holders.size(); ++h) {
      values.emplace_back().missing.assign(rows.rows, 0);
      values.back().wholes.assign(rows.rows, 0);
    }
    given.give(values, rows.rows);
    if (texts && misfits) TM_CHECK(refuse_misfits(path.schema));
    const auto once = [&]() -> Result<FeatureTensors> {
      FeatureTensors made(*options.predictor, columns, path, rows.keys);
      TM_CHECK(features->run([&](const engine::Chunk& chunk) { return made.take(chunk); },
                             rows.rows > rows_of_kept_plan ? engine::RepeatedQuery::Plan::Fresh
                                                           : engine::RepeatedQuery::Plan::Kept));
      TM_CHECK(made.finish());
      return made;
    };
    // The instant of a prediction is known once its row is made: what is dated is left out first, and what
    // was known by then let in after.
    TM_TRY(FeatureTensors made, once());
    if (!dated || !made.knows_more()) return made;
    for (size_t h = 0; h < path.holders.size(); ++h) values[first_holder + h].wholes = made.known(h);
    return once();
  }
};

Result<std::shared_ptr<const SqlRowFeatures>> SqlRowFeatures::open(SqlRowFeaturesOptions options) {
  std::shared_ptr<SqlRowFeatures> features(new SqlRowFeatures(std::move(options)));
  TM_TRY(std::unique_ptr<Session> session, features->borrow());
  features->give_back(std::move(session));
  return std::shared_ptr<const SqlRowFeatures>(std::move(features));
}

SqlRowFeatures::SqlRowFeatures(SqlRowFeaturesOptions options) : options_(std::move(options)) {}
SqlRowFeatures::~SqlRowFeatures() = default;

Result<std::shared_ptr<SqlRowFeatures::Instance>> SqlRowFeatures::instance() const {
  {
    const std::lock_guard lock(mutex_);
    if (instance_) return instance_;
    if (opening_ || options_.clock->now() < reopen_at_)
      return environment_error("predict.reopening",
                               "the SQL engine is being started again; ask again in a moment");
    opening_ = true;
  }
  auto opened = Instance::open(options_, kMostHeldBytes);
  if (!opened && opened.error().code == "engine.memory") opened = Instance::open(options_, 0);
  const std::lock_guard lock(mutex_);
  opening_ = false;
  if (opened) instance_ = *opened;
  return opened;
}

Result<std::unique_ptr<SqlRowFeatures::Session>> SqlRowFeatures::borrow() const {
  TM_TRY(std::shared_ptr<Instance> of, instance());
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Session> session = std::move(idle_.back());
      idle_.pop_back();
      return session;
    }
  }
  auto session = Session::open(of, options_);
  if (!session && session.error().code == "engine.fatal") note_broken(of);
  return session;
}

void SqlRowFeatures::give_back(std::unique_ptr<Session> session) const {
  session->given.give({}, 0);
  const std::lock_guard lock(mutex_);
  if (session->instance == instance_ && idle_.size() < kMostIdleSessions) idle_.push_back(std::move(session));
}

void SqlRowFeatures::note_broken(const std::shared_ptr<Instance>& broken) const {
  std::vector<std::unique_ptr<Session>> closed;  // outside of the lock
  const std::lock_guard lock(mutex_);
  if (instance_ != broken) return;
  instance_.reset();
  closed.swap(idle_);
  reopen_at_ = {options_.clock->now().micros + options_.reopen_pause.micros};
}

Result<std::vector<Tensor>> SqlRowFeatures::features(RequestRows rows) const {
  TM_TRY(std::unique_ptr<Session> session, borrow());
  Result<FeatureTensors> made = session->make(options_, rows);
  if (!made && made.error().code == "engine.fatal")
    note_broken(session->instance);
  else
    give_back(std::move(session));
  if (!made) return std::unexpected(std::move(made).error());
  return std::move(*made).tensors();
}

}  // namespace tidemill::serving
