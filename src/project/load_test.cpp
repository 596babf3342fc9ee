#include "project/load.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "project/testdata.hpp"

namespace tidemill::project {

namespace {

std::string text_of(const Errors& errors) {
  std::string text;
  for (const Error& error : errors) text += to_text(error) + "\n";
  return text;
}

LoadOptions at(const char* folder) {
  set_test_variables();
  return {.file = testdata(folder)};
}

Project loaded(const LoadOptions& options) {
  auto project = load(options);
  if (!project) ADD_FAILURE() << text_of(project.error());
  return project ? *std::move(project) : Project{};
}

/// The errors of a project that has a name and these lines.
std::string mistakes(const std::string& lines, LoadOptions options = {}) {
  auto project = load_text("name: p\n" + lines, testdata("full") / "no-such-folder", options);
  return project ? "" : text_of(project.error());
}

const char* const kModel = "sources: {f: {path: a.csv}}\nmodels:\n  m: {from: f, key: k, target: y, ";

}  // namespace

TEST(Load, a_number_for_a_part_of_the_split_is_a_span_or_a_share) {
  const std::string text = mistakes(std::string(kModel) + "split: {time: t, validation: 26, test: 35d}}\n");
  EXPECT_NE(text.find("hint: write 26d for a span, 26% for a share"), std::string::npos) << text;
}

TEST(Load, reads_the_example_of_the_design) {
  setenv("OPS_DSN", "host=nowhere", 1);
  setenv("ALERT_WEBHOOK", "http://127.0.0.1:1/hook", 1);
  const Project p = loaded(at("design"));
  EXPECT_EQ(p.name, "flight-delays");
  EXPECT_EQ(p.sources.at("flights").columns.at(1).checks.at(0).arguments,
            (Json{{"table", "airports"}, {"column", "faa"}}));
  EXPECT_EQ(p.sources.at("flights").columns.at(1).checks.at(0).mostly, 0.97);
  EXPECT_EQ(p.sources.at("flights").freshness->error_after->micros, int64_t{48} * 3600 * 1'000'000);
  EXPECT_EQ(p.connections.at("ops").dsn.reveal(), "host=nowhere");
  const Model& model = p.models.at("late");
  EXPECT_EQ(model.split.kind, Split::Kind::Time);
  EXPECT_EQ(std::get<Duration>(model.split.test), parse_duration("28d").value());
  EXPECT_EQ(model.decision.threshold, 0.35);
  EXPECT_EQ(model.gate.at(1).against, GateRule::Against::Champion);
  EXPECT_EQ(model.gate.at(1).no_worse_by, 0.005);
  EXPECT_EQ(p.deployments.at("late").through, std::vector<std::string>{"features"});
  EXPECT_EQ(p.schedules.at(0).catch_up, Schedule::CatchUp::Latest);
  EXPECT_EQ(p.home, testdata("design") / ".tidemill");
  EXPECT_EQ(p.place_of_table("flights").line, 6);
  EXPECT_EQ(p.place_of_table("flights").what, "source flights");
  EXPECT_EQ(p.place_of_table("scored").file, "transforms/scored.sql");
}

TEST(Load, a_model_that_was_trained_elsewhere_says_nothing_else) {
  const Project p = loaded(at("full"));
  EXPECT_TRUE(p.models.at("bought").imported);
  EXPECT_FALSE(p.models.at("late").imported);
  const std::string beside = mistakes("models: {m: {imported: true, target: y}}\n");
  EXPECT_NE(beside.find("`target` and `imported: true` exclude each other"), std::string::npos) << beside;
  EXPECT_EQ(beside.find("`from` is missing"), std::string::npos) << beside;
  const std::string denied = mistakes("models: {m: {imported: false, target: y}}\n");
  EXPECT_NE(denied.find("`from` is missing"), std::string::npos) << denied;
  const std::string rows = mistakes(
      "sources: {f: {path: a.csv}}\nmodels: {m: {imported: true}}\n"
      "deployments: {m: {model: m, request: f}}\n");
  EXPECT_NE(rows.find("model m was trained elsewhere"), std::string::npos) << rows;
  const std::string unknown = mistakes("deployments: {d: {model: bought@champion}}\n");
  EXPECT_NE(unknown.find("models: {bought: {imported: true}}"), std::string::npos) << unknown;
}

TEST(Load, reads_how_a_version_takes_over) {
  const Project p = loaded(at("full"));
  const Rollout rollout = p.deployments.at("late").rollout.value();
  EXPECT_EQ(rollout.shadow, 1000);
  EXPECT_EQ(rollout.canary, (std::vector<double>{0.1, 0.5, 1}));
  EXPECT_EQ(rollout.stage, parse_duration("1h").value());
  EXPECT_EQ(rollout.sticky, "tailnum");
  EXPECT_EQ(rollout.limits.errors, 0.01);
  EXPECT_EQ(rollout.limits.p99, parse_duration("50ms").value());
  EXPECT_EQ(rollout.limits.score_drift, 0.2);
  EXPECT_FALSE(p.deployments.at("delay").rollout.has_value());
}

TEST(Load, a_rollouts_shares_grow_and_its_callers_are_told_apart_by_what_they_send) {
  const auto rollout = [](const std::string& keys, const std::string& request = "") {
    return mistakes(std::string(kModel) + "features: {exclude: [gone]}}\ndeployments:\n  m: {model: m, " +
                    request + "rollout: {" + keys + "}}\n");
  };
  EXPECT_EQ(rollout("canary: [1%, 0.5, 100%], sticky: a"), "");
  EXPECT_NE(rollout("canary: [50%, 10%]")
                .find("project.bad_value]: the canary's share does not grow: 0.1 after 0.5"),
            std::string::npos);
  EXPECT_NE(rollout("canary: [10%, 10%]").find("does not grow"), std::string::npos);
  EXPECT_NE(rollout("canary: [0%]").find("a canary gets some of the requests"), std::string::npos);
  EXPECT_NE(rollout("stage: 1h").find("say which shares there are"), std::string::npos);
  EXPECT_NE(rollout("sticky: y").find("it is the target of model m"), std::string::npos);
  EXPECT_NE(rollout("sticky: gone").find("is no feature of model m"), std::string::npos);
  EXPECT_EQ(rollout("sticky: gone", "request: f, "), "");
}

TEST(Load, reads_what_is_kept_of_predictions) {
  using Rule = PredictionLog::Column::Rule;
  const Project p = loaded(at("full"));
  const PredictionLog log = p.deployments.at("late").log.value();
  EXPECT_EQ(log.durability, PredictionLog::Durability::Interval);
  EXPECT_EQ(log.interval, parse_duration("2s").value());
  EXPECT_EQ(log.when_full, PredictionLog::WhenFull::Block);
  EXPECT_EQ(log.sample, 0.1);
  EXPECT_EQ(log.retain, parse_duration("90d").value());
  EXPECT_EQ(log.column("dest").rule, Rule::Hash);
  EXPECT_EQ(log.column("dep_delay").rule, Rule::Bucket);
  EXPECT_EQ(log.column("dep_delay").width, 10);
  EXPECT_EQ(log.column("any other").rule, Rule::Drop);
  EXPECT_EQ(p.deployments.at("delay").log.value().durability, PredictionLog::Durability::Sync);
  EXPECT_EQ(to_json(p)["deployments"]["late"]["log"]["columns"],
            (Json{{"dep_delay", {{"bucket", 10.0}}}, {"dest", "hash"}, {"*", "drop"}}));
}

TEST(Load, a_log_that_says_nothing_keeps_what_the_model_knows_for_a_month) {
  for (const std::string empty : {"", "{}"}) {
    const auto project = load_text(
        "name: p\nmodels: {m: {imported: true}}\ndeployments:\n  m:\n    model: m\n    log: " + empty + "\n",
        testdata("full") / "no-such-folder", {});
    ASSERT_TRUE(project) << text_of(project.error());
    const PredictionLog log = project->deployments.at("m").log.value();
    EXPECT_EQ(log.sample, 1);
    EXPECT_EQ(log.retain, parse_duration("30d").value());
    EXPECT_EQ(log.column("a").rule, PredictionLog::Column::Rule::Known);
    EXPECT_EQ(log.durability, PredictionLog::Durability::Interval);
  }
}

TEST(Load, a_log_that_would_not_protect_what_it_names_is_a_mistake) {
  const auto log = [](const std::string& keys, const std::string& features = "exclude: [gone]") {
    return mistakes(std::string(kModel) + "features: {" + features +
                    "}}\ndeployments:\n  m: {model: m, log: {" + keys + "}}\n");
  };
  EXPECT_EQ(log("columns: {a: hash, \"*\": drop, b: {bucket: 5}}"), "");
  EXPECT_NE(log("columns: {gone: drop}").find("'gone' is no feature of model m"), std::string::npos);
  EXPECT_NE(log("columns: {y: drop}").find("'y' is no feature of model m"), std::string::npos);
  EXPECT_NE(log("columns: {pasport: drop}", "include: [passport]").find("did you mean 'passport'?"),
            std::string::npos);
  EXPECT_NE(log("columns: {a: {bucket: 0}}").find("`bucket`"), std::string::npos);
  EXPECT_NE(log("columns: {a: hsh}").find("did you mean 'hash'?"), std::string::npos);
  EXPECT_NE(log("durability: sync, interval: 1s").find("`interval` has no meaning for durability sync"),
            std::string::npos);
  EXPECT_NE(log("interval: 1ms").find("1ms is too short an interval"), std::string::npos);
  EXPECT_NE(log("retain: 1m").find("1m is too short a time to keep rows"), std::string::npos);
  EXPECT_NE(log("sample: 0%").find("a log of no predictions"), std::string::npos);
}

TEST(Load, reads_monitors_labels_and_who_is_told) {
  const Project p = loaded(at("full"));
  const auto& monitors = p.monitors.at("late");
  ASSERT_EQ(monitors.size(), 8u);
  const Monitor& drift = monitors[0];
  EXPECT_EQ(drift.kind, Monitor::Kind::Drift);
  EXPECT_EQ(drift.name, "drift psi");
  EXPECT_EQ(drift.columns, (std::vector<std::string>{"dest", "score"}));
  EXPECT_EQ(drift.slices, std::vector<std::string>{"carrier"});
  EXPECT_EQ(std::get<Duration>(drift.window), parse_duration("14d").value());
  EXPECT_EQ(drift.fire_after, 4);
  EXPECT_EQ(drift.min_rows, 500);
  EXPECT_EQ(monitors[1].on_fail, (std::vector{Monitor::Act::Alert, Monitor::Act::Retrain}));
  EXPECT_EQ(std::get<int64_t>(monitors[1].window), 20'000);
  EXPECT_EQ(monitors[2].min_rate->count, 100);
  EXPECT_EQ(monitors[2].min_rate->per, parse_duration("1d").value());
  EXPECT_EQ(monitors[3].fail, 0.1);
  EXPECT_EQ(monitors[3].fire_after, 1);
  EXPECT_EQ(monitors[5].max, 0.05);
  EXPECT_EQ(monitors[7].name, "metric roc_auc 2");
  EXPECT_TRUE(monitors[7].estimated);
  EXPECT_EQ(p.labels.at("late").key, std::vector<std::string>{"flight_id"});
  EXPECT_EQ(p.labels.at("late").missing, Json(false));
  EXPECT_EQ(p.notify->webhook.name(), "https://example.test/${env:TIDEMILL_TEST_SECRET}");
  EXPECT_EQ(p.notify->form, Notify::Form::Slack);
  EXPECT_EQ(p.models.at("late").retrain.cooldown, parse_duration("12h").value());
  EXPECT_EQ(p.models.at("late").retrain.every_labels, 5'000);
  EXPECT_EQ(p.models.at("delay").retrain.cooldown, parse_duration("24h").value());
}

TEST(Load, a_limit_of_no_time_and_a_receiver_without_a_url_are_mistakes) {
  EXPECT_NE(mistakes("sources: {s: {path: s.csv, timeout: 0s}}\n").find("'0s' leaves no time at all"),
            std::string::npos);
  EXPECT_EQ(mistakes("notify: {webhook: https://example.test/hook}\n"), "");
  for (const char* word : {"example.test/hook", "https:///no-host", "ftp://example.test/hook"})
    EXPECT_NE(mistakes(fmt::format("notify: {{webhook: \"{}\"}}\n", word)).find("is not a URL"),
              std::string::npos)
        << word;
}

TEST(Load, a_monitor_whose_limits_mean_nothing_is_a_mistake) {
  const auto monitor = [](const std::string& keys, const std::string& model = "imported: true") {
    return mistakes("models: {m: {" + model + "}}\ndeployments: {m: {model: m}}\nmonitors: {m: [{" + keys +
                    "}]}\n");
  };
  EXPECT_EQ(monitor("drift: psi, warn: 0.1, fail: 0.2"), "");
  EXPECT_NE(monitor("drift: psi, warn: 0.3, fail: 0.2").find("`warn` is past `fail`"), std::string::npos);
  EXPECT_NE(monitor("drift: psi, fail: 5m").find("`fail` is a number here"), std::string::npos);
  EXPECT_NE(monitor("drift: psi, max: 5").find("`max`"), std::string::npos);
  EXPECT_NE(monitor("quality: missing, fail: 5").find("is a share"), std::string::npos);
  EXPECT_EQ(monitor("quality: missing, fail: 5%"), "");
  EXPECT_NE(monitor("latency: p99, max: 0.05").find("is a time"), std::string::npos);
  EXPECT_NE(monitor("metric: roc_auc, fail: 0.5").find("`fail`"), std::string::npos);
  EXPECT_NE(monitor("metric: roc_auc, min: 0.9, max: 0.5").find("`min` is above `max`"), std::string::npos);
  EXPECT_NE(monitor("metric: roc_auc, min: 0.5, every: 1s").find("at least 10s"), std::string::npos);
  EXPECT_NE(monitor("metric: roc_auc, min: 0.5, window: 0s").find("the window is empty"), std::string::npos);
  EXPECT_NE(monitor("traffic: {min: 100 per day}, window: 500").find("is a span"), std::string::npos);
  EXPECT_NE(monitor("traffic: {min: 100 per hour, max: 1000 per day}").find("`min` is above `max`"),
            std::string::npos);
  EXPECT_NE(
      monitor("metric: roc_auc, min: 0.5, estimated: true, on_fail: [alert, retrain]").find("can only alert"),
      std::string::npos);
  EXPECT_NE(monitor("metric: roc_auc, min: 0.5, on_fail: retrain").find("cannot be retrained here"),
            std::string::npos);
}

TEST(Load, reads_the_flights_example) {
  const Project p = loaded({.file = Path(TIDEMILL_ROOT) / "examples/flights/tidemill.yaml"});
  EXPECT_EQ(p.sources.size(), 5u);
  EXPECT_TRUE(p.transforms.contains("features"));
}

TEST(Load, reads_every_key) {
  const Project p = loaded(at("full"));
  EXPECT_EQ(p.parameters.at("region"), "north");
  EXPECT_EQ(p.sources.at("flights").paths.at(1), "data/north/*.parquet");
  EXPECT_EQ(p.models.at("late").train.rounds, 300);
  EXPECT_EQ(p.memory_bytes, 4'000'000'000);
  EXPECT_EQ(p.connections.at("other").dsn.reveal(), "postgres://tester:from-a-file@db/other");
  EXPECT_EQ(p.transforms.at("made").scripts.at(0), testdata("full") / "make.py");
  EXPECT_EQ(p.models.at("delay").conformal_coverage, 0.9);
  EXPECT_EQ(p.models.at("late").gate.at(1).slice.at("hour"), "7");
  EXPECT_EQ(p.sources.at("airports").options.at("null"), (Json{"NA", "-", "999"}));
}

TEST(Load, reports_every_mistake_at_once_in_file_order) {
  unsetenv("TIDEMILL_TEST_UNSET");
  auto project = load(at("broken"));
  ASSERT_FALSE(project);
  const Path golden = testdata("broken") / "errors.txt";
  const std::string text = text_of(project.error());
  if (std::getenv("TIDEMILL_ACCEPT") != nullptr) {
    ASSERT_TRUE(write_file(golden, text));
  }
  EXPECT_EQ(text, read_file(golden).value_or(""));
  EXPECT_GE(project.error().size(), 60u);
  int line = 0;
  for (const Error& error : project.error()) {
    EXPECT_GT(error.where.line, 0) << to_text(error);
    EXPECT_GT(error.where.column, 0) << to_text(error);
    if (error.where.file != "tidemill.yaml") break;
    EXPECT_GE(error.where.line, line);
    line = error.where.line;
    EXPECT_EQ(exit_code(error), 2);
  }
}

TEST(Load, lays_the_environment_over_the_project) {
  LoadOptions options = at("full");
  options.environment = "dev";
  const Project dev = loaded(options);
  EXPECT_EQ(dev.sample, 0.01);
  EXPECT_EQ(dev.parameters.at("region"), "south");
  EXPECT_EQ(dev.sources.at("flights").paths.at(1), "data/south/*.parquet");
  EXPECT_EQ(dev.connections.at("ops").dsn.reveal(), "host=dev.example");
  EXPECT_EQ(dev.connections.at("ops").dsn.name(), "host=${env:TIDEMILL_TEST_DEV_HOST}");
  EXPECT_EQ(dev.connections.size(), 2u);
  EXPECT_EQ(dev.threads, 1);
  EXPECT_EQ(dev.run_timeout, parse_duration("6h").value());
  EXPECT_FALSE(dev.notify);
  EXPECT_EQ(dev.home, testdata("full") / "made/environments/dev");
  options.environment = "prod";
  EXPECT_EQ(loaded(options).home, "/srv/flights");
  EXPECT_NE(loaded(options).fingerprint, dev.fingerprint);
  options.home = "/elsewhere";
  EXPECT_EQ(loaded(options).home, "/elsewhere");
}

TEST(Load, needs_no_secret_of_an_environment_that_is_not_chosen) {
  LoadOptions options = at("full");
  unsetenv("TIDEMILL_TEST_DEV_HOST");
  EXPECT_TRUE(load(options));
  options.environment = "dev";
  const auto project = load(options);
  ASSERT_FALSE(project);
  ASSERT_EQ(project.error().size(), 1u) << text_of(project.error());
  EXPECT_EQ(project.error()[0].code, "project.unset_variable");
}

TEST(Load, names_the_nearest_environment_and_parameter) {
  LoadOptions options = at("full");
  options.environment = "deb";
  options.parameters = {{"regon", "x"}};
  const auto project = load(options);
  ASSERT_FALSE(project);
  const std::string text = text_of(project.error());
  EXPECT_NE(text.find("did you mean 'dev'?"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean 'region'?"), std::string::npos) << text;
}

TEST(Load, parameters_of_the_command_line_win) {
  LoadOptions options = at("full");
  options.parameters = {{"region", "west"}, {"rounds", "11"}};
  const Project p = loaded(options);
  EXPECT_EQ(p.sources.at("flights").paths.at(1), "data/west/*.parquet");
  EXPECT_EQ(p.models.at("late").train.rounds, 11);
  options.parameters = {{"rounds", "many"}};
  const auto broken = load(options);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().at(0).code, "project.wrong_type") << text_of(broken.error());
}

TEST(Load, shows_secrets_by_name_only) {
  const Project p = loaded(at("full"));
  const std::string json = to_text(to_json(p));
  EXPECT_EQ(json.find("hunter2-and-more"), std::string::npos);
  EXPECT_EQ(json.find("db.example"), std::string::npos);
  EXPECT_EQ(json.find("from-a-file"), std::string::npos);
  EXPECT_NE(json.find("host=${env:TIDEMILL_TEST_HOST} dbname=ops"), std::string::npos);
  EXPECT_EQ(p.notify->webhook.reveal(), "https://example.test/hunter2-and-more");
}

TEST(Load, fingerprint_follows_meaning_and_not_secrets_or_comments) {
  const auto print = [](const std::string& text) {
    const auto p = load_text(text, "/nowhere", {});
    return p ? p->fingerprint : text_of(p.error());
  };
  set_test_variables();
  const std::string dsn = "connections: {ops: {type: postgres, dsn: \"${env:TIDEMILL_TEST_HOST}\"}}\n";
  const std::string before = print("name: p\n" + dsn);
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(before, print("# a comment\nname:   p\n" + dsn));
  EXPECT_NE(before, print("name: q\n" + dsn));
  setenv("TIDEMILL_TEST_HOST", "another.example", 1);
  EXPECT_EQ(before, print("name: p\n" + dsn));
  set_test_variables();
}

TEST(Load, finds_the_project_file_in_a_parent) {
  const auto found = find_project_file(testdata("full") / "transforms");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, testdata("full") / "tidemill.yaml");
  EXPECT_EQ(find_project_file("/").error().code, "project.not_found");
  EXPECT_EQ(load({.file = "/no/such/folder"}).error().at(0).code, "project.not_found");
}

// What only several values together can tell
// ---------------------------------------------------------------------------

TEST(Load, early_stopping_needs_validation_rows) {
  EXPECT_NE(mistakes(std::string(kModel) + "split: {time: t, test: 1d}, train: {early_stopping: 5}}\n")
                .find("needs validation rows"),
            std::string::npos);
  EXPECT_EQ(mistakes(std::string(kModel) + "train: {early_stopping: 5}}\n"), "");
}

TEST(Load, a_time_split_has_spans_and_others_have_shares) {
  EXPECT_NE(mistakes(std::string(kModel) + "split: {time: t, test: 20%}}\n").find("is a span, not a share"),
            std::string::npos);
  EXPECT_NE(mistakes(std::string(kModel) + "split: {test: 28d}}\n").find("is a share unless"),
            std::string::npos);
  EXPECT_NE(mistakes(std::string(kModel) + "split: {time: t}}\n").find("`time` needs `test`"),
            std::string::npos);
}

TEST(Load, requests_must_pass_the_models_table) {
  LoadOptions options = at("full");
  const std::string text =
      "name: p\nsources: {flights: {path: a.csv}}\nmodels: {m: {from: features, key: k, target: "
      "y}}\ndeployments: {d: {model: m, request: flights, through: [history]}}\n";
  const auto broken = load_text(text, testdata("full"), options);
  ASSERT_FALSE(broken);
  EXPECT_NE(text_of(broken.error()).find("requests do not pass the model's table 'features'"),
            std::string::npos);
}

TEST(Load, no_deployment_has_the_name_of_a_path_beside_it) {
  const std::string found = mistakes(std::string(kModel) + "}\ndeployments: {stats: {model: m}}\n");
  EXPECT_NE(found.find("/v2/models/stats is another path of the API"), std::string::npos) << found;
}

TEST(Load, through_is_the_models_table_unless_said) {
  const auto p = load_text(
      "name: p\nsources: {flights: {path: a.csv}}\nmodels: {m: {from: features, key: k, target: "
      "y}}\ndeployments: {d: {model: m, request: flights}}\n",
      testdata("full"), {});
  ASSERT_TRUE(p) << text_of(p.error());
  EXPECT_EQ(p->deployments.at("d").through, std::vector<std::string>{"features"});
  EXPECT_EQ(p->deployments.at("d").version, "champion");
}

TEST(Load, merge_takes_the_key_of_a_source) {
  const std::string c = "connections: {c: {type: postgres, dsn: x}}\n";
  EXPECT_EQ(
      mistakes(
          c + "sources: {s: {path: a.csv, key: id}}\nexports: {s: {connection: c, table: t, mode: merge}}\n"),
      "");
  EXPECT_NE(
      mistakes(c + "sources: {s: {path: a.csv}}\nexports: {s: {connection: c, table: t, mode: merge}}\n")
          .find("`mode: merge` needs `key`"),
      std::string::npos);
}

TEST(Load, says_that_a_target_among_the_features_is_a_leak) {
  EXPECT_NE(mistakes(std::string(kModel) + "features: {include: [a, y]}}\n")
                .find("the target 'y' is among the features"),
            std::string::npos);
}

TEST(Load, a_secret_stands_only_where_secrets_belong) {
  setenv("TIDEMILL_TEST_SECRET", "hunter2-and-more", 1);
  const std::string model =
      "sources: {s: {path: a.csv}}\nmodels: {m: {from: s, key: k, target: y, where: \"id < ";
  for (const std::string& text :
       {model + "${env:TIDEMILL_TEST_SECRET}\"}}\n",
        "parameters: {cut: \"${env:TIDEMILL_TEST_SECRET}\"}\n" + model + "${param:cut}\"}}\n",
        std::string("sources: {s: {path: \"${env:TIDEMILL_TEST_SECRET}/a.csv\"}}\n"),
        std::string(
            "sources: {s: {path: a.csv, checks: [{expression: \"id < ${env:TIDEMILL_TEST_SECRET}\"}]}}\n")}) {
    const std::string found = mistakes(text);
    EXPECT_NE(found.find("error[project.secret_here]"), std::string::npos) << found;
    EXPECT_NE(found.find("--> tidemill.yaml:"), std::string::npos) << found;
    EXPECT_NE(found.find("--param NAME=VALUE"), std::string::npos) << found;
    EXPECT_EQ(found.find("hunter2"), std::string::npos) << found;
  }
}

TEST(Load, dollar_dollar_is_a_plain_dollar) {
  const auto p = load_text("name: p\nsources: {s: {path: \"a$${b}.csv\"}}\n", "/nowhere", {});
  ASSERT_TRUE(p) << text_of(p.error());
  EXPECT_EQ(p->sources.at("s").paths.at(0), "a${b}.csv");
  EXPECT_TRUE(p->secrets.empty());
  EXPECT_NE(mistakes("sources: {s: {path: \"${HOME}/a.csv\"}}\n").find("write ${param:HOME}"),
            std::string::npos);
}

TEST(Load, a_file_that_is_no_project_is_one_clear_error) {
  const auto code = [](std::string_view text) {
    const auto p = load_text(text, "/nowhere", {});
    return p ? ""
             : p.error().at(0).code +
                   fmt::format(":{}:{}", p.error().at(0).where.line, p.error().at(0).where.column);
  };
  EXPECT_EQ(code(""), "project.empty:1:1");
  EXPECT_EQ(code("# only a comment\n"), "project.empty:1:1");
  EXPECT_EQ(code("- a\n- b\n"), "project.wrong_type:1:1");
  EXPECT_EQ(code("just text"), "project.wrong_type:1:1");
  EXPECT_EQ(code("name: p\nsources:\n\tf: {path: a.csv}\n"), "project.tab:3:1");
  EXPECT_EQ(code("name: p\nhome: caf\xE9\n"), "project.not_utf8:2:10");
  EXPECT_EQ(code("name: p\n---\nname: q\n"), "project.yaml:2:1");
  EXPECT_EQ(code("name: [p\n").substr(0, 12), "project.yaml");
  EXPECT_EQ(code(std::string(60, '[')).substr(0, 8), "project.");
  EXPECT_EQ(code("name: p\n"), "");
}

}  // namespace tidemill::project
