// What happens with tables and models once they are made: deployments, exports, schedules, environments.
#include "project/describe.hpp"

namespace tidemill::project {

using Target = Scalar::Target;

namespace {

constexpr size_t kMaxNames = 1'000;

const Object& limits_object() {
  static const Object described{
      "rollout limits",
      "What each stage of a rollout must hold, once the version made 200 predictions in it. A number that "
      "stays missing for 15 minutes counts as failed; without a server in the scheduler's process all are "
      "missing.",
      {{"errors", scalar(share()), "The greatest share of failed predictions."},
       {"p99", scalar(duration()), "The greatest 99th percentile of the latency."},
       {"score_drift", scalar(real(0)),
        "The greatest PSI of the scores against the champion's, without what only the steps of a calibration "
        "make."}}};
  return described;
}

const Object& rollout_object() {
  static const Object described{
      "rollout",
      "How a new version takes over: it shadows, then gets growing shares of the traffic. A retraining goes "
      "through the steps by itself; `tidemill rollout` takes each by hand. Where it is declared, a version "
      "that passes its gate is not champion at once, unless there is none yet.",
      {{"shadow", scalar(whole(0)),
        "How many predictions it makes beside the champion, unseen, before it gets traffic.", "0"},
       {"canary", list_of(scalar(share()), 0, 20),
        "The shares of traffic it gets, one after the other, each greater than the last; "
        "`tidemill rollout NAME --canary VERSION` takes the next one.",
        "100% at once"},
       {"stage", scalar(duration()), "How long each share lasts at least.", "1h"},
       {"sticky", scalar(column_name()),
        "A column of the request's rows, a feature or a column of the key, by whose value a caller stays "
        "with one version.",
        "each request for itself"},
       {"limits", object(limits_object()), "What each stage must hold."}},
      {},
      {},
      "rollout: {shadow: 1000, canary: [10%, 50%, 100%], stage: 1h, sticky: tailnum}",
      {{"stage", {"canary"}, "say which shares there are: canary: [10%, 50%, 100%]"}}};
  return described;
}

const Object& logged_column_object() {
  static const Object described{
      "logged column",
      "What is stored of a column's numbers; a text in it is not stored.",
      {{"bucket", scalar(real(1e-300)),
        "The greatest multiple of this that is not above the number: with 10, 37 is stored as 30.", "",
        Key::Need::Required}}};
  return described;
}

const Object& log_object() {
  const auto rules = [] { return scalar(words({"known", "keep", "drop", "hash"})); };
  static const Object described{
      "log",
      "The prediction log: what of each prediction is stored in the home, how soon and for how long. An "
      "empty "
      "map keeps all predictions for 30 days. What a column may hold is decided before anything reaches a "
      "disk, and what nobody decided is denied where it could be anything: a text that the model does not "
      "know is stored hashed. The hash is HMAC-SHA256 with a key that the home makes for itself "
      "(`predictions/hash.key`): equal values have equal hashes in this home and no other, and nobody "
      "without the key can try values out. Who has the key can: it protects what is copied out of the home, "
      "not the home.",
      {{"durability", scalar(words({"none", "interval", "sync"})),
        "`none`: written when the system sees fit; `interval`: on the disk after at most `interval`; `sync`: "
        "on the disk before the prediction is answered.",
        "interval"},
       {"interval", scalar(positive_duration()),
        "With durability interval: how much time a power cut may lose.", "1s"},
       {"when_full", scalar(words({"drop", "block"})),
        "When predictions come faster than they can be written: `drop` leaves rows out and counts them, "
        "`block` lets predictions wait.",
        "drop"},
       {"sample", scalar(share()),
        "The share of predictions that are stored, by a hash of the prediction's id: all rows of a request "
        "or "
        "none.",
        "100%"},
       {"retain", scalar(duration()), "How long rows are kept.", "30d"},
       {"columns", map_of(text(), either(rules(), object(logged_column_object())), "column"),
        "By the feature's name, or `\"*\"` for all that are not named: `known` stores numbers and the texts "
        "that "
        "the model knows, and hashes other texts; `keep` stores all as it is; `drop` stores nothing; `hash` "
        "stores the keyed hash; `{bucket: 10}` stores numbers coarsely.",
        "known"}},
      {},
      {},
      "log: {durability: interval, sample: 10%, retain: 30d, columns: {tailnum: hash, age: {bucket: 10}}}"};
  return described;
}

}  // namespace

const Object& deployment_object() {
  static const Object described{
      "deployment",
      "What an API path serves: a model, and how requests become features.",
      {{"model", scalar({Scalar::Kind::ModelReference}),
        "The model and an alias or version: `late@champion`, `late@7`; the alias is champion when none is "
        "said.",
        "", Key::Need::Required},
       {"request", scalar(reference(Target::Source)), "The source whose rows requests are.",
        "requests carry the features themselves"},
       {"through", list_of(scalar(reference(Target::Transform)), 0, kMaxNames),
        "The transforms that requests pass; every other table is as it was published.", "the model's `from`"},
       {"rollout", object(rollout_object()), "How a new version takes over.", "at once"},
       {"log", nullable(object(log_object())), "The prediction log.", "predictions are not kept"}},
      {},
      {},
      "late: {model: late@champion, request: flights, through: [features]}",
      {{"through", {"request"}, "say which source's rows the requests are"}}};
  return described;
}

const Object& export_object() {
  static const Object described{
      "export",
      "A table that is written out, to a file or into a database, once it is live.",
      {{"path", scalar(path_text()),
        "The file, relative to the project's folder: .parquet, .csv, .csv.gz, .json or .jsonl; none that a "
        "source reads."},
       {"connection", scalar(reference(Target::Connection)), "The database."},
       {"table", scalar(text()), "With a connection: the table, with its schema."},
       {"mode", scalar(words({"replace", "merge", "append"})),
        "With a connection: replace the table, merge by key, or append exactly once.", "replace"},
       {"key", one_or_list(column_name()), "For merge: the columns that name a row.", "the key of a source"},
       {"retries", object(retries_object()), "How often writing is tried."},
       {"timeout", scalar(positive_duration()), "The longest time that writing may take.", "no limit"}},
      {{"path", "connection"}, {"path", "table"}, {"path", "mode"}},
      {{"path", "connection"}},
      "scored: {path: out/scored.parquet}",
      {{"connection", {"table"}, "say where the rows go: table: public.scored"},
       {"table", {"connection"}, "name the database"},
       {"mode", {"connection"}, "a file is always replaced"},
       {"key", {"mode"}, "a key is for mode: merge"}}};
  return described;
}

const Object& schedule_object() {
  static const Object described{
      "schedule",
      "Runs that begin by themselves, by the clock in the project's time zone or when a source has new "
      "data. `tidemill serve` and `tidemill work` begin them.",
      {{"cron", scalar({Scalar::Kind::Cron}), "When: minute, hour, day of month, month, day of week."},
       {"watch", one_or_list(reference(Target::Source)),
        "Instead of a time: run when these sources have new data. Of files, their content counts; a database "
        "is read at every look, and what is below it runs only if it has new rows."},
       {"every", scalar(positive_duration()),
        "With `watch`: how often it looks, and so how often it runs at most.", "1m"},
       {"run", scalar({Scalar::Kind::Selector}), "What: a selection as `tidemill run` takes it.",
        "everything"},
       {"overlap", scalar(words({"skip", "queue"})), "What happens when the last run is not over.", "skip"},
       {"catchup", scalar(words({"none", "latest", "all"})),
        "Which missed runs are made up for after downtime.", "latest"}},
      {{"cron", "watch"}},
      {{"cron", "watch"}},
      "- {cron: \"0 6 * * *\", run: \"+late\", overlap: skip, catchup: latest}\n- {watch: flights, run: "
      "\"+late\", every: 10m}",
      {{"every", {"watch"}, "a cron expression says when itself"},
       {"overlap", {"cron"}, "what is new while a run goes on is looked at after it"},
       {"catchup", {"cron"}, "data that came meanwhile are new data"}}};
  return described;
}

const Object& run_object() {
  static const Object described{
      "run",
      "Limits of a run.",
      {{"timeout", scalar(positive_duration()), "The longest time a run may take.", "no limit"},
       {"memory", scalar({.kind = Scalar::Kind::Bytes, .min = kLeastMemory}),
        "The memory that parallel steps share. `TIDEMILL_MEMORY` in the environment comes before it.",
        "60 % of the machine's"},
       {"threads", scalar(whole(1, kMostThreads)),
        "The threads that parallel steps share. `TIDEMILL_THREADS` in the environment comes before it.",
        "the machine's cores"}}};
  return described;
}

}  // namespace tidemill::project
