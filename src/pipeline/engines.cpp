#include "pipeline/engines.hpp"

#include <unistd.h>
#include <thread>

#include <fmt/format.h>

namespace tidemill::pipeline {

namespace {

constexpr double kShareOfMachine = 0.6;
constexpr int64_t kSlotMemory = int64_t{512} << 20;
constexpr int64_t kLeastMemory = int64_t{128} << 20;
constexpr int64_t kSpillPerMemory = 16;  // spilling sorts and joins need several times the data

int64_t machine_memory() {
  const int64_t physical = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  // A container's limit is what counts inside of it.
  if (const auto limit = read_file("/sys/fs/cgroup/memory.max", 64);
      limit && !limit->empty() && (*limit)[0] != 'm')
    return std::min<int64_t>(physical, std::strtoll(limit->c_str(), nullptr, 10));
  return physical;
}

}  // namespace

int Budget::slots() const {
  return std::clamp<int>(static_cast<int>(memory_bytes / kSlotMemory), 1, std::max(threads, 1));
}

Budget budget_of(const project::Project& project) {
  Budget budget;
  budget.threads =
      project.threads.value_or(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  budget.memory_bytes = project.memory_bytes.value_or(
      static_cast<int64_t>(kShareOfMachine * static_cast<double>(machine_memory())));
  budget.memory_bytes = std::max(budget.memory_bytes, kLeastMemory);
  return budget;
}

Engines::Engines(const project::Project& project, Path staging, const Budget& budget, Predictors& predictors)
    : project_(project), staging_(std::move(staging)), budget_(budget), predictors_(predictors) {}

Result<std::shared_ptr<engine::Database>> Engines::open(Kind kind) {
  engine::DatabaseOptions options;
  options.timezone = project_.timezone;
  options.threads = kind == Kind::OneThread ? 1 : budget_.threads;
  // Reading streams; transforming sorts and joins.
  options.memory_bytes =
      kind == Kind::Reading ? std::max(budget_.memory_bytes / 4, kLeastMemory) : budget_.memory_bytes;
  options.spill_folder = staging_ / fmt::format("spill{}", static_cast<int>(kind));
  options.spill_cap_bytes = budget_.memory_bytes * kSpillPerMemory;
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
