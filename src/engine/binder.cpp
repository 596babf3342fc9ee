// Two looks at a SQL. Its syntax tree tells the names it mentions, and what no transform may do. Then DuckDB
// prepares it, with a replacement scan that answers each table with a function of no rows and the table's
// columns; names that WITH may define are looked up only when DuckDB asks for them: the first prepare fails,
// the lookup is made outside of DuckDB, and another follows.
#include "engine/binder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "engine/connection_impl.hpp"
#include "engine/names.hpp"
#include "engine/predict_function.hpp"
#include "engine/sql_shape.hpp"
#include "engine/sql_text.hpp"
#include "engine/transform_rules.hpp"

namespace tidemill::engine {

namespace {

constexpr int64_t kBinderMemory = int64_t{64} << 20;  // it plans and reads nothing
constexpr std::string_view kStubFunction = "tidemill_table";
/// A table whose columns are known to one bind.
struct KnownTable {
  std::string name;  // as written
  std::vector<std::pair<std::string, duckdb_logical_type>> columns;
};

/// One bind in progress; they nest when lookup binds.
struct Frame {
  std::map<std::string, KnownTable> known;  // by folded name
  std::set<std::string> used;               // folded names DuckDB asked for
  std::string missing;                      // as written: asked for, not known
};

}  // namespace

struct Binder::Impl {
  ~Impl() {
    sessions.clear();
    types.clear();
  }
  Result<Connection::Impl*> session(size_t depth);
  Result<duckdb_logical_type> logical_type(const std::string& text);
  Result<SqlShape> shape(std::string_view sql, const Place& place);
  Result<void> look_up(Frame& frame, const std::string& name, const TableLookup& lookup, const Place& at);

  std::unique_ptr<Database> database;
  std::vector<Connection> sessions;  // one a depth; [0] reads syntax trees and types
  std::map<std::string, LogicalType> types;
  std::vector<Frame*> frames;
};

namespace {

void replace(duckdb_replacement_scan_info info, const char* table_name, void* data) {
  const auto* binder = static_cast<Binder::Impl*>(data);
  if (binder->frames.empty()) return;
  Frame& frame = *binder->frames.back();
  const std::string folded = folded_name(table_name);
  if (!frame.known.contains(folded)) {
    if (frame.missing.empty()) frame.missing = table_name;
    return;
  }
  frame.used.insert(folded);
  duckdb_replacement_scan_set_function_name(info, kStubFunction.data());
  const DuckdbValue parameter(duckdb_create_varchar(folded.c_str()));
  duckdb_replacement_scan_add_parameter(info, parameter.get());
}

void bind_stub(duckdb_bind_info info) {
  const auto* binder = static_cast<Binder::Impl*>(duckdb_bind_get_extra_info(info));
  const DuckdbValue parameter(duckdb_bind_get_parameter(info, 0));
  const std::string name = take_text(duckdb_get_varchar(parameter.get()));
  const auto found = binder->frames.empty() ? std::map<std::string, KnownTable>::iterator{}
                                            : binder->frames.back()->known.find(name);
  if (binder->frames.empty() || found == binder->frames.back()->known.end()) {
    duckdb_bind_set_error(info, "no such table");
    return;
  }
  for (const auto& [column, type] : found->second.columns)
    duckdb_bind_add_result_column(info, column.c_str(), type);
}

void start_stub(duckdb_init_info) {}
void run_stub(duckdb_function_info, duckdb_data_chunk output) { duckdb_data_chunk_set_size(output, 0); }

Result<void> register_stub(duckdb_connection connection, Binder::Impl* binder) {
  const TableFunction function(duckdb_create_table_function());
  const LogicalType varchar(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
  duckdb_table_function_set_name(function.get(), kStubFunction.data());
  duckdb_table_function_add_parameter(function.get(), varchar.get());
  duckdb_table_function_set_extra_info(function.get(), binder, nullptr);
  duckdb_table_function_set_bind(function.get(), bind_stub);
  duckdb_table_function_set_init(function.get(), start_stub);
  duckdb_table_function_set_function(function.get(), run_stub);
  if (duckdb_register_table_function(connection, function.get()) != DuckDBSuccess)
    return internal_error("engine.setup", "DuckDB refused the binder's table function");
  return {};
}

Error placed(Error error, const Place& place) {
  error.where.file = place.file;
  error.where.what = place.what;
  return error;
}

}  // namespace

Result<Connection::Impl*> Binder::Impl::session(size_t depth) {
  while (sessions.size() <= depth) {
    TM_TRY(Connection connection, database->connect());
    // Binding is all that is wanted; plans are thrown away.
    TM_CHECK(connection.execute("PRAGMA disable_optimizer"));
    sessions.push_back(std::move(connection));
  }
  return sessions[depth].impl();
}

Result<duckdb_logical_type> Binder::Impl::logical_type(const std::string& text) {
  if (const auto found = types.find(text); found != types.end()) return found->second.get();
  TM_TRY(Connection::Impl* const connection, session(0));
  const std::string sql = fmt::format("SELECT NULL::{}", text);
  TM_TRY(const Statement statement, connection->prepare(sql, {.text = sql}));
  LogicalType type(duckdb_prepared_statement_column_logical_type(statement.prepared.get(), 0));
  return types.emplace(text, std::move(type)).first->second.get();
}

Result<SqlShape> Binder::Impl::shape(std::string_view sql, const Place& place) {
  if (sql.find('\0') != std::string_view::npos)
    return user_error("sql.syntax", "the SQL contains a zero byte", place_at(place, sql, sql.find('\0')));
  if (statement_body(sql).empty()) return std::unexpected(not_select(sql, place));
  TM_CHECK(session(0));
  const auto text = sessions[0].scalar(fmt::format(
      "SELECT json_serialize_sql({}, skip_default := true, skip_null := true, skip_empty := true)",
      quote_text(sql)));
  if (!text) {
    Error error = text.error();
    error.where = place_at(place, sql, 0);
    return std::unexpected(std::move(error));
  }
  const Json tree = Json::parse(std::get<std::string>(*text), nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object())
    return internal_error("engine.syntax_tree", "DuckDB gave a syntax tree that is no JSON");
  if (!tree.value("error", false)) return shape_of(tree);
  if (tree.value("error_type", "") == "not implemented") return std::unexpected(not_select(sql, place));
  // The tree's error lacks the exception's class; DuckDB's own parser says the same with it.
  return std::unexpected(placed(
      error_from_duckdb(Json{{"exception_type", "Parser"},
                             {"exception_message", tree.value("error_message", "the SQL does not parse")},
                             {"position", tree.value("position", "")}}
                            .dump(-1, ' ', false, Json::error_handler_t::replace),
                        {.text = sql}),
      place));
}

Result<void> Binder::Impl::look_up(Frame& frame, const std::string& name, const TableLookup& lookup,
                                   const Place& at) {
  const std::string folded = folded_name(name);
  if (frame.known.contains(folded)) return {};
  auto found = lookup(name);
  if (!found) {
    Error error = std::move(found).error();
    if (error.where.file.empty() || (error.where.file == at.file && error.where.line == 0)) error.where = at;
    return std::unexpected(std::move(error));
  }
  KnownTable table{.name = name, .columns = {}};
  for (const Column& column : *found) {
    TM_TRY(const duckdb_logical_type type, logical_type(column.type));
    table.columns.emplace_back(column.name, type);
  }
  if (table.columns.empty())
    return internal_error("engine.no_columns", fmt::format("table {} was found without columns", table.name));
  frame.known.emplace(folded, std::move(table));
  return {};
}

Binder::Binder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Binder::~Binder() = default;

Result<std::unique_ptr<Binder>> Binder::open(const std::string& timezone) {
  auto impl = std::make_unique<Impl>();
  const DatabaseOptions options{.threads = 1, .memory_bytes = kBinderMemory, .timezone = timezone};
  TM_TRY(impl->database, Database::open(options));
  TM_CHECK(impl->database->register_predict([](const PredictBatch& batch) -> Result<std::vector<double>> {
    return std::vector<double>(batch.rows);  // planning calls nothing; a folded constant would
  }));
  TM_TRY(Connection::Impl* const first, impl->session(0));
  TM_CHECK(register_stub(first->raw, impl.get()));
  duckdb_add_replacement_scan(first->instance->raw, replace, impl.get(), nullptr);
  return std::unique_ptr<Binder>(new Binder(std::move(impl)));
}

Result<BoundQuery> Binder::bind(std::string_view sql, const Place& place, const TableLookup& lookup) {
  const size_t depth = impl_->frames.size() + 1;
  if (depth > kMaxDepth)
    return user_error(
        "sql.too_deep",
        fmt::format("more than {} transforms are chained before any of them is known", kMaxDepth), place);
  TM_TRY(const SqlShape shape, impl_->shape(sql, place));
  TM_CHECK(refuse_forbidden(shape, sql, place));
  Frame frame;
  impl_->frames.push_back(&frame);
  struct Leave {
    std::vector<Frame*>& frames;
    ~Leave() { frames.pop_back(); }
  } const leave{impl_->frames};
  TM_TRY(Connection::Impl* const session, impl_->session(depth));
  for (const MentionedTable& table : shape.tables) {
    const std::string full = folded_name(table.schema) + "." + table.name;
    const bool is_log = is_log_table(full);
    if (!is_log && shape.ctes.contains(folded_name(table.name))) continue;
    const Place spot = place_at(place, sql, table.offset);
    TM_CHECK(impl_->look_up(frame, is_log ? full : table.name, lookup, spot));
    if (is_log) TM_CHECK(impl_->sessions[depth].execute(log_schema_sql(full)));
  }
  while (true) {
    frame.used.clear();
    frame.missing.clear();
    auto statement = session->prepare_select(sql);
    if (!statement && !frame.missing.empty() && !frame.known.contains(folded_name(frame.missing))) {
      const auto mention =
          std::ranges::find(shape.tables, folded_name(frame.missing),
                            [](const MentionedTable& table) { return folded_name(table.name); });
      const Place spot = mention == shape.tables.end() ? place : place_at(place, sql, mention->offset);
      TM_CHECK(impl_->look_up(frame, frame.missing, lookup, spot));
      continue;
    }
    if (!statement) return std::unexpected(placed(std::move(statement).error(), place));
    TM_CHECK(refuse_other_functions(shape, sql, place));
    BoundQuery bound;
    for (size_t i = 0; i < statement->columns.size(); ++i) {
      if (statement->stored_types[i].empty())
        return user_error("sql.unstorable_type",
                          fmt::format("column {} has type {}, which a table cannot hold",
                                      quote_name(statement->columns[i].name), statement->columns[i].type),
                          place, "cast it, for example to VARCHAR");
      bound.columns.push_back({statement->columns[i].name, statement->stored_types[i]});
    }
    std::set<std::string> names;
    for (const std::string& folded : frame.used) names.insert(frame.known.at(folded).name);
    bound.tables.assign(names.begin(), names.end());
    bound.volatile_reasons.assign(shape.volatile_reasons.begin(), shape.volatile_reasons.end());
    bound.models.assign(shape.models.begin(), shape.models.end());
    return bound;
  }
}

}  // namespace tidemill::engine
