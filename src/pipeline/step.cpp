#include "pipeline/step.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/secret.hpp"

namespace tidemill::pipeline {

namespace {
constexpr size_t kMaxPendingBytes = size_t{64} << 10;
}

void Snapshots::set(const std::string& name, registry::Table table) {
  const std::lock_guard lock(mutex_);
  tables_[name] = std::move(table);
}

std::optional<registry::Table> Snapshots::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(name);
  return found == tables_.end() ? std::nullopt : std::optional(found->second);
}

StepLog::~StepLog() {
  write_pending();
  if (fd_ >= 0) ::close(fd_);
}

void StepLog::line(std::string_view text) {
  append(fmt::format("{}  {}\n", to_text(system_clock()->now()), redact(text)));
}

void StepLog::append(std::string_view text) {
  const std::lock_guard lock(mutex_);
  pending_ += text;
  if (pending_.size() >= kMaxPendingBytes) write_locked();
}

void StepLog::write_pending() {
  const std::lock_guard lock(mutex_);
  write_locked();
}

void StepLog::write_locked() {
  if (pending_.empty()) return;
  if (fd_ < 0) fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  // A log that cannot be written, on a full disk say, must not fail the step.
  if (fd_ < 0 || ::write(fd_, pending_.data(), pending_.size()) < 0) {
  }
  pending_.clear();
}

Path StepContext::staged(std::string_view ending) const {
  return run.staging / fmt::format("{}.{}{}", to_text(outline.kind), outline.name, ending);
}

Result<void> StepContext::view_table(engine::Connection& connection, const std::string& table) const {
  const auto snapshot = run.snapshots.find(table);
  if (!snapshot)
    return internal_error("run.no_snapshot", fmt::format("{} has no snapshot of {}", outline.id, table));
  return connection.view_parquet(table, {registry().object_path(snapshot->object)});
}

Result<void> StepContext::view_inputs(engine::Connection& connection) const {
  for (const std::string& need : outline.needs)
    TM_CHECK(view_table(connection, need.substr(need.find(':') + 1)));
  return {};
}

}  // namespace tidemill::pipeline
