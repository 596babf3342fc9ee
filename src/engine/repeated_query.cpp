#include "engine/repeated_query.hpp"

#include <fmt/format.h>

#include "engine/cell.hpp"
#include "engine/connection_impl.hpp"

namespace tidemill::engine {

struct RepeatedQuery::Impl {
  Connection::Impl* connection = nullptr;
  std::string select;
  std::optional<Statement> kept;  // nothing: the plan is good for one run
};

namespace {

/// Whether the plan as DuckDB runs it has an operator that cannot be run twice.
Result<bool> runs_once(Connection& connection, const std::string& select) {
  TM_TRY(const Rows plan, connection.query("EXPLAIN " + select));
  for (const auto& row : plan.rows)
    for (const Value& value : row)
      if (const auto* text = std::get_if<std::string>(&value); text && text->find("ASOF") != text->npos)
        return true;
  return false;
}

}  // namespace

RepeatedQuery::RepeatedQuery(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RepeatedQuery::RepeatedQuery(RepeatedQuery&&) noexcept = default;
RepeatedQuery& RepeatedQuery::operator=(RepeatedQuery&&) noexcept = default;
RepeatedQuery::~RepeatedQuery() = default;

Result<RepeatedQuery> RepeatedQuery::prepare(Connection& connection, std::string select) {
  auto impl = std::make_unique<Impl>();
  impl->connection = connection.impl();
  impl->select = std::move(select);
  TM_TRY(Statement statement, impl->connection->prepare_select(impl->select));
  TM_TRY(const bool once, runs_once(connection, impl->select));
  if (!once) impl->kept = std::move(statement);
  return RepeatedQuery(std::move(impl));
}

Result<int64_t> RepeatedQuery::run(const std::function<Result<void>(const Chunk&)>& callback, Plan plan) {
  Connection::Impl& connection = *impl_->connection;
  const Operation operation(connection);
  const UserSql user{.text = impl_->select};
  std::optional<Statement> fresh;
  if (!impl_->kept || plan == Plan::Fresh) {
    TM_TRY(fresh, connection.prepare(impl_->select, user));
  }
  const Statement& statement = fresh ? *fresh : *impl_->kept;
  TM_TRY(ResultSet result, connection.run(statement, user, Connection::Impl::Delivery::Streamed));
  int64_t rows = 0;
  const auto take = [&](duckdb_data_chunk chunk) -> Result<void> {
    rows += static_cast<int64_t>(duckdb_data_chunk_get_size(chunk));
    return callback(ChunkView(chunk, statement.ids));
  };
  TM_CHECK(connection.fetch_all(result, user, take));
  return rows;
}

}  // namespace tidemill::engine
