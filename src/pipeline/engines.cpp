#include "pipeline/engines.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidemill::pipeline {

namespace {

OneThread one_thread_of(const project::Project& project) {
  const bool needed = std::any_of(project.transforms.begin(), project.transforms.end(),
                                  [](const auto& each) { return each.second.deterministic; });
  return needed ? OneThread::Needed : OneThread::NotNeeded;
}

}  // namespace

Engines::Engines(const project::Project& project, Path staging, const Budget& budget, Predictors& predictors)
    : project_(project), staging_(std::move(staging)), budget_(budget), predictors_(predictors) {}

Result<std::shared_ptr<engine::Database>> Engines::open(Kind kind) {
  const MemoryParts parts = parts_of(budget_.memory_bytes, one_thread_of(project_));
  const int64_t memory_bytes = kind == Kind::Reading     ? parts.reading_bytes
                               : kind == Kind::OneThread ? parts.one_thread_bytes
                                                         : parts.transforming_bytes;
  const int threads = kind == Kind::OneThread ? 1 : budget_.threads;
  engine::DatabaseOptions options =
      engine_within({threads, memory_bytes}, staging_ / fmt::format("spill{}", static_cast<int>(kind)));
  options.timezone = project_.timezone;
  options.access = kind == Kind::Reading ? engine::DatabaseOptions::Access::Open
                                         : engine::DatabaseOptions::Access::Sandboxed;
  options.allowed_folders = {project_.home};
  TM_TRY(std::unique_ptr<engine::Database> database, engine::Database::open(options));
  if (kind != Kind::Reading)
    TM_CHECK(database->register_predict(
        [this](const engine::PredictBatch& batch) { return predictors_.predict(batch); }));
  return std::shared_ptr<engine::Database>(std::move(database));
}

Result<Engines::Session> Engines::new_session(Kind kind) {
  std::shared_ptr<engine::Database> database;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<engine::Database>& slot = databases_[static_cast<size_t>(kind)];
    if (!slot) {
      TM_TRY(slot, open(kind));
    }
    database = slot;
  }
  TM_TRY(engine::Connection connection, database->connect());
  for (const auto& [name, value] : project_.parameters)
    TM_CHECK(connection.execute(
        fmt::format("SET VARIABLE {} = {}", engine::quote_name(name), engine::quote_text(value))));
  return Session{std::move(database), std::move(connection)};
}

Result<std::unique_ptr<Watched>> Engines::connect(Kind kind, Cancellation& cancellation) {
  TM_CHECK(cancellation.check());
  TM_TRY(Session session, new_session(kind));
  return std::make_unique<Watched>(std::move(session.database), std::move(session.connection), cancellation);
}

Result<std::unique_ptr<Watched>> Engines::borrow(Kind kind, Cancellation& cancellation) {
  TM_CHECK(cancellation.check());
  std::optional<Session> session;
  {
    const std::lock_guard lock(mutex_);
    std::vector<Session>& idle = idle_[static_cast<size_t>(kind)];
    if (!idle.empty()) {
      session = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!session) {
    TM_TRY(session, new_session(kind));
  }
  return std::make_unique<Watched>(
      std::move(session->database), std::move(session->connection), cancellation,
      [this, kind](std::shared_ptr<engine::Database> database, engine::Connection connection) {
        take_back(kind, {std::move(database), std::move(connection)});
      });
}

void Engines::take_back(Kind kind, Session session) {
  if (!session.connection.drop_views()) return;
  const std::lock_guard lock(mutex_);
  if (databases_[static_cast<size_t>(kind)] != session.database) return;  // given up meanwhile
  idle_[static_cast<size_t>(kind)].push_back(std::move(session));  // never more than were lent at a time
}

void Engines::drop_broken() {
  const std::lock_guard lock(mutex_);
  for (size_t kind = 0; kind < std::size(databases_); ++kind) {
    std::shared_ptr<engine::Database>& database = databases_[kind];
    if (!database) continue;
    if (auto connection = database->connect(); connection && connection->scalar("SELECT 1")) continue;
    idle_[kind].clear();
    database.reset();
  }
}

}  // namespace tidemill::pipeline
