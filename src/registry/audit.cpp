// The audit trail: every act adds an entry whose hash covers the entry before it, in the act's own
// transaction. audit.head beside the database repeats the newest entry's number and hash, written after the
// commit: it may lag behind the chain and never leads it.
#include <fmt/format.h>

#include "base/log.hpp"
#include "base/secret.hpp"
#include "base/sha256.hpp"
#include "registry/impl.hpp"
#include "registry/rows.hpp"

namespace tidemill::registry {

namespace {

std::string entry_hash(std::string_view previous, const AuditEntry& entry) {
  const Json json{{"id", entry.id},
                  {"at", entry.at.micros},
                  {"who", entry.who},
                  {"what", entry.what},
                  {"details", entry.details}};
  return sha256(std::string(previous) + canonical(json));
}

Result<AuditEntry> entry_at(Row row) {
  AuditEntry entry{row.integer(0), row.instant(1), row.text(2), row.text(3)};
  TM_TRY(entry.details, row.json(4));
  entry.hash = row.text(5);
  return entry;
}

struct Head {
  int64_t entries = 0;
  std::string hash;
};
Result<Head> head_of(Database& database) {
  TM_TRY(const auto head, database.first("SELECT entries, hash FROM audit_head", [](Row row) {
    return Result<Head>(Head{row.integer(0), row.text(1)});
  }));
  return head.value_or(Head{});
}

std::unexpected<Error> broken(std::string what) {
  return data_error("registry.audit_broken", "the audit trail does not hold: " + std::move(what), {},
                    "meta.db was changed by something else than tidemill; compare it with a backup");
}

// What the file beside the database claims; nothing when there is no file yet.
Result<std::optional<Head>> head_in_file(const Path& path) {
  const auto text = read_file(path, 4096);
  if (!text && text.error().code == "io.missing") return std::optional<Head>();
  if (!text) return std::unexpected(text.error());
  const auto json = parse_json(*text);
  if (!json || !json->is_object() || !json->contains("entries") || !(*json)["entries"].is_number_integer() ||
      !json->contains("hash") || !(*json)["hash"].is_string())
    return broken("audit.head cannot be read");
  return Head{(*json)["entries"].get<int64_t>(), (*json)["hash"].get<std::string>()};
}

}  // namespace

std::string audit_note(int64_t entries, std::string_view hash) {
  return tidemill::to_text(Json{{"entries", entries}, {"hash", hash}}) + "\n";
}

Result<void> Registry::Impl::add_audit(std::string_view what, const Json& act) {
  Json details = act;
  if (!from.empty()) details["from"] = from;
  TM_TRY(const Head head, head_of(database));
  AuditEntry entry{head.entries + 1, clock->now(), who, std::string(what)};
  const std::string text = stored(details);
  TM_TRY(entry.details, parse_json(text));  // as verify_audit will read it
  entry.hash = entry_hash(head.hash, entry);
  TM_CHECK(
      database.run("INSERT INTO audit (id, at, who, what, details, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   entry.id, entry.at, entry.who, entry.what, text, entry.hash));
  TM_CHECK(database.run("UPDATE audit_head SET entries = ?1, hash = ?2", entry.id, entry.hash));
  audited = true;
  return {};
}

void Registry::Impl::write_audit_head() {
  const auto written = [&]() -> Result<void> {
    TM_TRY(const Head head, head_of(database));
    return write_file(audit_head_path(home), audit_note(head.entries, head.hash));
  }();
  // The act itself is done and durable; the next one writes the file again.
  if (!written) log::warning("cannot note the end of the audit trail: {}", written.error().message);
}

Result<void> Registry::note_act(std::string_view what, const Json& details) {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(Transaction transaction, impl_->begin_write("write the audit trail"));
  TM_CHECK(impl_->add_audit(what, details));
  return impl_->commit(transaction);
}

Result<std::vector<AuditEntry>> Registry::audit(size_t limit) const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<AuditEntry> entries;
  TM_CHECK(impl_->database.each(
      "SELECT id, at, who, what, details, hash FROM audit ORDER BY id DESC LIMIT ?1",
      [&](Row row) -> Result<void> {
        TM_TRY(entries.emplace_back(), entry_at(row));
        return {};
      },
      limit));
  return entries;
}

Result<int64_t> Registry::verify_audit() const {
  const std::lock_guard guard(impl_->mutex);
  TM_TRY(const auto noted,
         head_in_file(audit_head_path(impl_->home)));  // before the rows: it may lag behind them only
  TM_TRY(Transaction transaction, impl_->begin_read());
  std::string previous(kNoHash);
  int64_t count = 0;
  TM_CHECK(impl_->database.each(
      "SELECT id, at, who, what, details, hash FROM audit ORDER BY id", [&](Row row) -> Result<void> {
        ++count;
        const int64_t id = row.integer(0);
        if (id != count) return broken(fmt::format("entry {} is missing", count));
        const auto entry = entry_at(row);
        if (!entry || entry_hash(previous, *entry) != entry->hash)
          return broken(fmt::format("entry {} was changed", id));
        previous = entry->hash;
        if (noted && noted->entries == id && noted->hash != previous)
          return broken(fmt::format("entry {} is another than audit.head noted when it was made", id));
        return {};
      }));
  TM_TRY(const Head head, head_of(impl_->database));
  const int64_t known = std::max(head.entries, noted ? noted->entries : 0);
  if (count < known) return broken(fmt::format("entries {} to {} are missing at its end", count + 1, known));
  if (head.entries != count || head.hash != previous) return broken("its end is not where audit_head says");
  if (count > 0 && !noted) return broken("audit.head is missing");
  return count;
}

}  // namespace tidemill::registry
