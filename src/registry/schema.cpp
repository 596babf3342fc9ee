#include "registry/schema.hpp"

#include <array>

#include <fmt/format.h>

#include "base/id.hpp"

namespace tidemill::registry {

namespace {

// What is live is kept as intervals of releases: live_since ≤ R < live_until were live in release R, no
// live_until is live now. So a release costs what moved in it, not what there is.
constexpr const char* kFormat1 = R"sql(
CREATE TABLE home (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('generation', 0), ('rollbacks', 0);

CREATE TABLE runs (
  id TEXT PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),
  selection TEXT NOT NULL, started_by TEXT NOT NULL, git_commit TEXT NOT NULL, git_dirty INTEGER NOT NULL,
  started_at INTEGER NOT NULL, ended_at INTEGER, report TEXT NOT NULL, rollbacks INTEGER NOT NULL) STRICT;
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_running ON runs (id) WHERE status = 'running';

CREATE TABLE children (
  run TEXT NOT NULL REFERENCES runs (id), pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL, boot TEXT NOT NULL) STRICT;
CREATE INDEX children_by_run ON children (run);

CREATE TABLE tables (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, object TEXT NOT NULL, logical TEXT NOT NULL,
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL, columns TEXT NOT NULL, step TEXT NOT NULL, step_key TEXT NOT NULL,
  run TEXT NOT NULL REFERENCES runs (id), made_at INTEGER NOT NULL, dropped INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX tables_by_name ON tables (name, id);

CREATE TABLE versions (
  model TEXT NOT NULL, number INTEGER NOT NULL CHECK (number > 0), package TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('accepted', 'rejected')), metrics TEXT NOT NULL, gate TEXT NOT NULL,
  data_logical TEXT NOT NULL, step TEXT NOT NULL, step_key TEXT NOT NULL, run TEXT NOT NULL REFERENCES runs (id),
  git_commit TEXT NOT NULL, git_dirty INTEGER NOT NULL, made_at INTEGER NOT NULL,
  PRIMARY KEY (model, number)) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs (id), step TEXT NOT NULL, key TEXT NOT NULL,
  status TEXT NOT NULL, table_id INTEGER REFERENCES tables (id), model TEXT, version INTEGER, key_parts TEXT NOT NULL,
  report TEXT NOT NULL, error TEXT, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
  FOREIGN KEY (model, version) REFERENCES versions (model, number)) STRICT;
CREATE INDEX steps_by_run ON steps (run);
CREATE INDEX steps_by_step ON steps (step);

CREATE TABLE outputs (
  step TEXT NOT NULL, key TEXT NOT NULL, table_id INTEGER REFERENCES tables (id), model TEXT, version INTEGER,
  withdrawn INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (step, key),
  FOREIGN KEY (model, version) REFERENCES versions (model, number)) STRICT, WITHOUT ROWID;

CREATE TABLE releases (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT REFERENCES runs (id), made_at INTEGER NOT NULL, note TEXT NOT NULL) STRICT;

CREATE TABLE live_tables (
  name TEXT NOT NULL, table_id INTEGER NOT NULL REFERENCES tables (id),
  live_since INTEGER NOT NULL REFERENCES releases (id), live_until INTEGER REFERENCES releases (id),
  PRIMARY KEY (name, live_since)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX live_tables_now ON live_tables (name) WHERE live_until IS NULL;

CREATE TABLE alias_moves (
  id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
  before INTEGER REFERENCES alias_moves (id), live_since INTEGER NOT NULL REFERENCES releases (id),
  live_until INTEGER REFERENCES releases (id), reason TEXT NOT NULL,
  FOREIGN KEY (model, version) REFERENCES versions (model, number)) STRICT;
CREATE UNIQUE INDEX alias_moves_now ON alias_moves (model, alias) WHERE live_until IS NULL;

CREATE TABLE holds (model TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE anchors (
  model TEXT PRIMARY KEY, version INTEGER NOT NULL,
  FOREIGN KEY (model, version) REFERENCES versions (model, number)) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, details TEXT NOT NULL,
  hash TEXT NOT NULL) STRICT;
CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TABLE memos (
  kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, set_at INTEGER NOT NULL,
  PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
CREATE TABLE metric_points (
  id INTEGER PRIMARY KEY, subject TEXT NOT NULL, metric TEXT NOT NULL, at INTEGER NOT NULL, run TEXT NOT NULL,
  value REAL NOT NULL) STRICT;
CREATE INDEX metric_points_by_series ON metric_points (subject, metric, at);
)sql";

// --as-of is what a run takes for now, not when it ran: runs are in the order in which they began.
constexpr const char* kFormat2 = R"sql(
ALTER TABLE runs ADD COLUMN as_of INTEGER;
DROP INDEX runs_by_start;
)sql";

// gc may drop a version's package, as it drops a table's object.
constexpr const char* kFormat3 = R"sql(
ALTER TABLE versions ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
)sql";

// Who may call the API. A token itself is kept nowhere: hash is its HMAC with home's 'token_key'.
constexpr const char* kFormat4 = R"sql(
CREATE TABLE tokens (
  name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, scopes TEXT NOT NULL, rate REAL,
  made_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER) STRICT, WITHOUT ROWID;
)sql";

// Why a version is never to be live or compared with again; NULL: it may be.
constexpr const char* kFormat5 = R"sql(
ALTER TABLE versions ADD COLUMN retired TEXT;
)sql";

// The version that challenges what a deployment's alias names.
constexpr const char* kFormat6 = R"sql(
CREATE TABLE rollouts (
  deployment TEXT PRIMARY KEY, model TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
  stage TEXT NOT NULL CHECK (stage IN ('shadow', 'canary')), percent REAL NOT NULL, began_at INTEGER NOT NULL,
  stage_since INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL,
  FOREIGN KEY (model, version) REFERENCES versions (model, number)) STRICT, WITHOUT ROWID;
)sql";

// What works by itself: schedules and their ticks, and the retraining of models. A tick's status is empty
// until it is over.
constexpr const char* kFormat7 = R"sql(
CREATE TABLE schedules (
  name TEXT PRIMARY KEY, state TEXT NOT NULL, tick INTEGER, ended_at INTEGER, succeeded_at INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE ticks (
  schedule TEXT NOT NULL, at INTEGER NOT NULL, run TEXT REFERENCES runs (id), runs INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('', 'done', 'failed', 'rejected', 'given up')), reason TEXT NOT NULL,
  changed_at INTEGER NOT NULL, PRIMARY KEY (schedule, at)) STRICT, WITHOUT ROWID;

CREATE TABLE retrainings (model TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE retraining_steps (
  id INTEGER PRIMARY KEY, model TEXT NOT NULL, at INTEGER NOT NULL, attempt INTEGER NOT NULL, from_stage TEXT NOT NULL,
  to_stage TEXT NOT NULL, version INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE INDEX retraining_steps_by_model ON retraining_steps (model, id);
CREATE TABLE retraining_runs (
  id INTEGER PRIMARY KEY, model TEXT NOT NULL, attempt INTEGER NOT NULL, run TEXT NOT NULL REFERENCES runs (id)) STRICT;
CREATE INDEX retraining_runs_by_model ON retraining_runs (model, id);
CREATE TABLE retraining_requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE INDEX retraining_requests_by_model ON retraining_requests (model, id);
)sql";

// kSteps[n] makes format n + 1 out of format n, inside the opening transaction. Published steps never change.
constexpr std::array<const char*, kFormat> kSteps{kFormat1, kFormat2, kFormat3, kFormat4,
                                                  kFormat5, kFormat6, kFormat7};

Result<int64_t> pragma(Database& database, Sql sql) {
  TM_TRY(const auto value, database.first_integer(sql));
  return value.value_or(0);
}

struct Found {
  int64_t application = 0;
  int64_t format = 0;
  int64_t tables = 0;
};
Result<Found> look(Database& database) {
  Found found;
  TM_TRY(found.application, pragma(database, "PRAGMA application_id"));
  TM_TRY(found.format, pragma(database, "PRAGMA user_version"));
  TM_TRY(found.tables, pragma(database, "SELECT count(*) FROM sqlite_schema"));
  return found;
}

// A file without bytes, or with SQLite's first page and nothing on it: a power cut in the first moment of a
// home's life leaves that.
bool is_fresh(const Found& found) { return found.application == 0 && found.format == 0 && found.tables == 0; }

Result<void> recognise(const Found& found, const Path& path) {
  if (!is_fresh(found) && found.application != kApplicationId)
    return data_error("registry.corrupt",
                      fmt::format("{} is a database of some other program", path.native()), {},
                      "point home at another folder, or move this file away");
  if (found.format > kFormat)
    return environment_error("registry.newer_format",
                             fmt::format("{} has format {}, and this tidemill knows formats up to {}",
                                         path.native(), found.format, kFormat),
                             "use the newer tidemill that wrote it");
  return {};
}

}  // namespace

std::unexpected<Error> no_home(const Path& home) {
  return user_error(
      "registry.no_home", fmt::format("there is no home at {}: nothing has been run here", home.native()), {},
      "`tidemill run` or `tidemill models import` makes it; is this the right project and environment?");
}

Result<void> prepare_schema(Database& database, const Path& path, Instant now) {
  TM_TRY(Found found, look(database));
  TM_CHECK(recognise(found, path));
  if (found.format == kFormat) return {};
  TM_TRY(Transaction transaction, Transaction::begin(database, Transaction::Kind::Write));
  TM_TRY(found, look(database));  // another process may have been faster
  TM_CHECK(recognise(found, path));
  if (found.format == kFormat) return transaction.commit();
  for (int64_t format = found.format; format < kFormat; ++format)
    TM_CHECK(database.script(kSteps[static_cast<size_t>(format)]));
  if (found.format == 0) {
    TM_CHECK(database.run("INSERT INTO home VALUES ('id', ?1), ('made_at', ?2)", random_id(), to_text(now)));
    TM_CHECK(database.script(fmt::format("PRAGMA application_id = {}", kApplicationId)));
  }
  TM_CHECK(database.script(fmt::format("PRAGMA user_version = {}", kFormat)));
  return transaction.commit();
}

Result<void> check_schema(Database& database, const Path& path) {
  TM_TRY(const Found found, look(database));
  TM_CHECK(recognise(found, path));
  if (is_fresh(found)) return no_home(path.parent_path());
  if (found.format < kFormat)
    return environment_error(
        "registry.older_format",
        fmt::format("{} has format {}, this tidemill reads format {}", path.native(), found.format, kFormat),
        "any `tidemill run` on this home brings it up to date");
  return {};
}

}  // namespace tidemill::registry
