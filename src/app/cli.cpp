// Words of the command line to options. Help leads with examples; a near-miss gets a suggestion; nothing ever
// prompts.
#include "app/cli.hpp"

#include <unistd.h>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "app/cli_watching.hpp"
#include "app/commands.hpp"
#include "app/complete.hpp"
#include "app/output.hpp"
#include "base/log.hpp"
#include "base/version.hpp"

namespace tidemill::app {

namespace {

constexpr int kUsageExit = 2;

/// Of --limit. Help does not show it: "UINT" says enough.
CLI::Validator at_least_one() { return CLI::Range(1, 1'000'000'000).description(""); }

// Examples come first: what people look for in help.
class Help final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    if (mode == CLI::AppFormatMode::Sub) return CLI::Formatter::make_help(app, std::move(name), mode);
    std::string out = app->get_description() + "\n\n";
    if (const std::string examples = app->get_footer(); !examples.empty()) out += examples + "\n";
    out += make_usage(app, app->get_parent() == nullptr ? name : "tidemill " + app->get_name());
    out += make_positionals(app);
    out += make_groups(app, mode);
    out += make_subcommands(app, mode);
    return out;
  }
};

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

// "--prot" of `serve` → "did you mean '--port'?"
std::string suggestion(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* app = &root;
  std::vector<std::string> options;
  for (const std::string& word : words) {
    if (word.starts_with("-")) {
      for (const CLI::App* scope : {app, &root})
        for (const CLI::Option* option : scope->get_options())
          for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
      const std::string flag = word.substr(0, word.find('='));
      if (std::find(options.begin(), options.end(), flag) == options.end())
        if (const std::string hint = did_you_mean(flag, options); !hint.empty()) return hint;
      continue;
    }
    const auto subs = app->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
    if (!subs.empty())
      app = subs[0];
    else if (app == &root)
      return did_you_mean(word, names_of(root));
  }
  return "";
}

Result<Duration> duration_option(const std::string& text, const char* name) {
  auto duration = parse_duration(text);
  if (!duration) duration.error().where.what = name;
  return duration;
}

}  // namespace

int run_cli(int argc, char** argv) {
  CLI::App cli{
      "tidemill: from raw data to a served prediction that watches itself. One program, one project file.",
      "tidemill"};
  cli.formatter(std::make_shared<Help>());
  cli.footer(
      "Examples:\n"
      "  tidemill init --from my.csv --target churned   start a project from your own data\n"
      "  tidemill run                                   do what is not up to date\n"
      "  tidemill serve                                 predictions over HTTP and gRPC\n");
  cli.require_subcommand(0, 1);
  cli.set_version_flag("--version", fmt::format("tidemill {}", kVersion));

  GlobalOptions global;
  std::string as_of, home;
  std::vector<std::string> parameters;
  bool verbose = false, no_color = false;
  cli.add_option("-p,--project", global.project,
                 "tidemill.yaml or its folder (default: found upwards from here)");
  cli.add_option("-e,--env", global.environment, "environment of the project file");
  cli.add_option("--home", home,
                 "folder with everything tidemill made (default: .tidemill beside the project file)");
  cli.add_option("--param", parameters, "NAME=VALUE, a parameter of the project")->take_all();
  cli.add_option("--as-of", as_of, "see this time as now: 2013-11-03T05:30:00Z");
  cli.add_flag("--json", global.json, "print data as JSON with a stable schema");
  cli.add_flag("-q,--quiet", global.quiet, "no progress on stderr");
  cli.add_flag("-v,--verbose", verbose, "more on stderr");
  cli.add_flag("--no-color", no_color, "no colours (also NO_COLOR)");
  cli.fallthrough();

  std::function<int()> command;
  const auto sub = [&](const std::string& name, const std::string& description, const std::string& examples) {
    CLI::App* app = cli.add_subcommand(name, description);
    app->formatter(std::make_shared<Help>());
    app->footer(examples.empty() ? "" : "Examples:\n" + examples);
    app->fallthrough();
    return app;
  };

  InitOptions init_options;
  CLI::App* init_app = sub("init", "start a project",
                           "  tidemill init                                   an empty project here\n"
                           "  tidemill init --from my.csv --target churned    one for your own data\n");
  init_app->add_option("example", init_options.example, "name of an example that comes with tidemill");
  init_app->add_option("--from", init_options.from, "data file: CSV, JSON Lines or Parquet");
  init_app->add_option("--target", init_options.target, "column to predict");
  init_app->add_option("--folder", init_options.folder, "where (default: here)");
  init_app->add_option("--name", init_options.name, "the project's name");
  init_app->callback([&] { command = [&] { return init(global, init_options); }; });

  SelectOptions plan_options;
  CLI::App* plan_app =
      sub("plan", "what would run and why", "  tidemill plan\n  tidemill plan +late --json\n");
  plan_app->add_option("select", plan_options.selection,
                       "features, +late (and all it needs), features+ (and all that needs it)");
  plan_app->add_flag("--force", plan_options.force, "as if nothing were up to date");
  plan_app->callback([&] { command = [&] { return plan(global, plan_options); }; });

  RunOptions run_options;
  CLI::App* run_app =
      sub("run", "do what is not up to date",
          "  tidemill run\n  tidemill run +late --as-of 2013-11-01\n  tidemill run features --force\n");
  run_app->add_option("select", run_options.selection,
                      "features, +late (and all it needs), features+ (and all that needs it)");
  run_app->add_flag("--force", run_options.force, "run what is up to date or withdrawn, too");
  CLI::Option* promote_at_once =
      run_app->add_flag("--promote", run_options.promote,
                        "what passes its gate is champion at once, although a rollout is declared");
  run_app
      ->add_flag("--no-promote", run_options.no_promote, "what passes its gate is recorded, and not promoted")
      ->excludes(promote_at_once);
  // A scheduler's words.
  CLI::Option* schedule = run_app->add_option("--schedule", run_options.schedule)->group("");
  CLI::Option* tick = run_app->add_option("--tick", run_options.tick)->group("");
  schedule->needs(tick);
  tick->needs(schedule);
  run_app->add_option("--attempt", run_options.attempt)->group("");
  run_app->callback([&] { command = [&] { return run(global, run_options); }; });

  CheckOptions check_options;
  CLI::App* check_app =
      sub("check", "only the checks", "  tidemill check\n  tidemill check flights --show-rows tailnum\n");
  check_app->add_option("table", check_options.tables, "tables (default: all)");
  check_app->add_option("--show-rows", check_options.show_rows,
                        "print the rows that fail this check, or a check of this column");
  check_app->add_option("--limit", check_options.limit, "rows to print")->check(at_least_one());
  check_app->callback([&] { command = [&] { return check(global, check_options); }; });

  std::string profile_table;
  CLI::App* profile_app =
      sub("profile", "what a table looks like, and checks it would pass", "  tidemill profile flights\n");
  profile_app->add_option("table", profile_table, "table, or a data file")->required();
  profile_app->callback([&] { command = [&] { return profile(global, profile_table); }; });

  ServeOptions serve_options;
  std::string grace = "0s", request_timeout = "30s", idle_timeout = "75s", roll_interval = "1m";
  CLI::App* serve_app = sub("serve", "predictions over HTTP and gRPC, following promotions without a restart",
                            "  tidemill serve\n  tidemill serve --port 9000\n");
  serve_app->add_option("--host", serve_options.host, "address to listen on");
  serve_app->add_option("--port", serve_options.port, "port; 0 takes any free one")
      ->check(CLI::Range(0, 65535));
  serve_app
      ->add_option("--grpc-port", serve_options.grpc_port,
                   "port for gRPC, 0 for any free one, or none (default: the one after --port)")
      ->type_name("PORT")
      ->check((CLI::Range(0, 65535) | CLI::IsMember({"none"})).description(""));
  serve_app
      ->add_option("--threads", serve_options.threads, "threads (default: TIDEMILL_THREADS, or one a core)")
      ->check(CLI::Range(0, 1024));
  serve_app->add_option("--grace", grace, "on SIGTERM, serve on as not ready for so long");
  serve_app->add_option("--request-timeout", request_timeout, "from a request's first byte to its last")
      ->capture_default_str();
  serve_app->add_option("--idle-timeout", idle_timeout, "between two requests of an HTTP connection")
      ->capture_default_str();
  serve_app
      ->add_option("--roll-interval", roll_interval,
                   "predictions are in their log's table after at most so long")
      ->capture_default_str();
  serve_app->add_flag("--no-scheduler", serve_options.no_scheduler,
                      "only serve: schedules and retraining are another process's (tidemill work)");
  serve_app->add_flag("--insecure", serve_options.insecure,
                      "listen beyond this machine although there are no tokens");
  CLI::Option* certificate =
      serve_app
          ->add_option("--tls-cert", serve_options.tls_certificate,
                       "speak TLS with this certificate (PEM, with its chain); read again when it is renewed")
          ->type_name("FILE");
  CLI::Option* certificate_key =
      serve_app->add_option("--tls-key", serve_options.tls_key, "the certificate's private key (PEM)")
          ->type_name("FILE");
  certificate->needs(certificate_key);
  certificate_key->needs(certificate);
  serve_app
      ->add_option("--metrics-compat", serve_options.metrics_compat,
                   "/metrics has nv_inference_* too, as Triton's server")
      ->type_name("triton")
      ->check(CLI::IsMember({"triton"}).description(""));
  serve_app->callback([&] { command = [&] { return serve(global, serve_options); }; });

  CLI::App* work_app = sub("work", "schedules and retraining without a server", "  tidemill work\n");
  work_app->callback([&] { command = [&] { return work(global); }; });

  RetrainOptions retrain_options;
  CLI::App* retrain_app =
      sub("retrain", "have a model trained again, and tell how that goes",
          "  tidemill retrain late --reason \"a new airport\"\n  tidemill retrain late --status\n");
  retrain_app->add_option("model", retrain_options.model, "model")->required();
  CLI::Option* why = retrain_app->add_option("--reason", retrain_options.reason, "kept with the request");
  retrain_app->add_flag("--status", retrain_options.status, "where it stands, why, and what it waits for")
      ->excludes(why);
  retrain_app->callback([&] { command = [&] { return retrain(global, retrain_options); }; });

  PredictOptions predict_options;
  CLI::App* predict_app = sub("predict", "score a file",
                              "  tidemill predict late -i rows.parquet -o scored.parquet\n  tidemill predict "
                              "late@7 -i rows.csv -o scored.csv\n");
  predict_app->add_option("model", predict_options.model, "late, late@champion or late@7")->required();
  predict_app
      ->add_option("-i,--input", predict_options.input,
                   "rows with the model's features: CSV, JSON, Parquet; or a glob")
      ->required();
  predict_app->add_option("-o,--output", predict_options.output, "file to write: .csv, .json, .parquet")
      ->required();
  predict_app->add_option("--log", predict_options.log, "keep the predictions in this deployment's log, too");
  predict_app->callback([&] { command = [&] { return predict(global, predict_options); }; });

  RegistryOptions registry_options;
  const auto registry_sub = [&](const std::string& name, const std::string& description,
                                const std::string& words, const std::string& examples) {
    CLI::App* app = sub(name, description, examples);
    app->add_option("what", registry_options.rest, words);
    app->add_option("--limit", registry_options.limit, "rows to print")->check(at_least_one());
    app->callback([&, name] {
      command = [&, name] {
        registry_options.what = name;
        return registry_command(global, registry_options);
      };
    });
    return app;
  };
  registry_sub("runs", "what ran; show ID", "show ID or latest, diff ID ID, explain TABLE or MODEL",
               "  tidemill runs\n  tidemill runs show latest --log transform:features\n")
      ->add_option("--log", registry_options.log_step, "with show: the log of this step");
  CLI::App* models_app = registry_sub(
      "models", "versions and aliases; show, diff, export, import, retire",
      "show MODEL@VERSION, diff two of them, export, import, retire, explain MODEL",
      "  tidemill models\n  tidemill models show late@champion\n  tidemill models diff late@1 late@2\n"
      "  tidemill models import late model.txt          XGBoost's .json or .ubj, LightGBM's text, an MLflow "
      "folder\n"
      "  tidemill models retire late 1 --reason WHY     never live, never compared with again\n");
  models_app->add_option("--folder", registry_options.folder, "with export: where the package's files go");
  models_app->add_option("--alias", registry_options.alias, "with import: what else to call the version");
  models_app->add_flag("--all-rounds", registry_options.all_rounds,
                       "with import: also those behind the best one of early stopping");
  models_app->add_option("--reason", registry_options.reason, "with retire: kept in the audit trail");
  registry_sub("tables", "live tables; show, diff",
               "show TABLE, diff TABLE@ID TABLE@ID (snapshots, as show lists them), explain TABLE",
               "  tidemill tables\n  tidemill tables show features\n  tidemill tables diff features@12 "
               "features@15\n");
  registry_sub("releases", "what was live together; show, diff", "show ID, diff ID ID",
               "  tidemill releases\n  tidemill releases show 3\n");

  std::string explain_step;
  CLI::App* explain_app = sub("explain", "why a step ran, or was skipped", "  tidemill explain features\n");
  explain_app->add_option("step", explain_step, "a table or model")->required();
  explain_app->callback([&] { command = [&] { return explain(global, explain_step); }; });

  std::string diff_a, diff_b;
  CLI::App* diff_app = sub("diff", "how two versions or runs differ: data, SQL, parameters, metrics",
                           "  tidemill diff late@1 late@2\n");
  diff_app->add_option("a", diff_a, "version (late@1) or run id")->required();
  diff_app->add_option("b", diff_b, "version or run id")->required();
  diff_app->callback([&] { command = [&] { return diff(global, diff_a, diff_b); }; });

  PromoteOptions promote_options;
  CLI::App* promote_app = sub("promote", "move an alias to a version",
                              "  tidemill promote late 7\n  tidemill promote late --release-hold\n");
  promote_app->add_option("model", promote_options.model, "model")->required();
  promote_app->add_option("version", promote_options.version, "version's number or alias");
  promote_app->add_option("--alias", promote_options.alias, "alias (default: champion)");
  promote_app->add_option("--reason", promote_options.reason, "kept in the audit trail");
  promote_app->add_flag("--release-hold", promote_options.release_hold,
                        "allow promotions again after a rollback");
  promote_app->add_flag("--force", promote_options.force,
                        "although callers would have to know, or a deployment could not serve it");
  promote_app->callback([&] { command = [&] { return promote(global, promote_options); }; });

  RollbackOptions rollback_options;
  CLI::App* rollback_app = sub("rollback", "move an alias back, or all that is live to a release",
                               "  tidemill rollback late\n  tidemill rollback --release 3\n");
  rollback_app->add_option("model", rollback_options.model, "model");
  rollback_app->add_option("--alias", rollback_options.alias, "alias (default: champion)");
  rollback_app->add_option("--release", rollback_options.release, "put everything back as in this release");
  rollback_app->add_option("--reason", rollback_options.reason, "kept in the audit trail");
  rollback_app->callback([&] { command = [&] { return rollback(global, rollback_options); }; });

  RolloutOptions rollout_options;
  CLI::App* rollout_app =
      sub("rollout", "have a version challenge what a deployment serves, step by step",
          "  tidemill rollout late --shadow 7                 it predicts what is asked, and answers nobody\n"
          "  tidemill rollout late --canary 7 --percent 10    it answers 10 % of the requests\n"
          "  tidemill rollout late --canary 7                 the next share of the project file\n"
          "  tidemill rollout late --end --reason \"too slow\"\n"
          "  tidemill promote late 7                          all of them, and the rollout is over\n");
  rollout_app->add_option("deployment", rollout_options.deployment, "deployment")->required();
  rollout_app->add_option("--shadow", rollout_options.shadow, "version that gets copies of the requests");
  rollout_app->add_option("--canary", rollout_options.canary, "version that answers a share of the requests");
  rollout_app->add_option("--percent", rollout_options.percent, "the canary's share, above 0 and up to 100");
  rollout_app->add_flag("--end", rollout_options.end, "no version challenges it any more");
  rollout_app->add_option("--reason", rollout_options.reason, "kept in the audit trail");
  rollout_app->callback([&] { command = [&] { return rollout(global, rollout_options); }; });

  DeploymentsOptions deployments_options;
  CLI::App* deployments_app =
      sub("deployments", "what is live: champions, challengers and what is wrong; show NAME",
          "  tidemill deployments\n  tidemill deployments show late\n");
  deployments_app->add_option("what", deployments_options.rest, "show NAME, or nothing to list");
  deployments_app->callback([&] { command = [&] { return deployments(global, deployments_options); }; });

  WatchingWords watching;
  add_watching_commands(global, watching, sub,
                        [&](std::function<int()> chosen) { command = std::move(chosen); });

  TokensOptions tokens_options;
  CLI::App* tokens_app =
      sub("tokens", "who may call the API",
          "  tidemill tokens\n  tidemill tokens create shop --scope predict:late --expires 90d\n"
          "  tidemill tokens revoke shop\n");
  tokens_app->add_option("verb", tokens_options.verb, "create, revoke, or nothing to list")
      ->check(CLI::IsMember({"create", "revoke", "list"}));
  tokens_app->add_option("name", tokens_options.name, "the token's name");
  tokens_app->add_option("--scope", tokens_options.scopes,
                         "predict, predict:DEPLOYMENT, read, write, promote, admin; may be given again");
  tokens_app->add_option("--expires", tokens_options.expires, "after this time: 90d (default: never)");
  tokens_app->add_option("--rate", tokens_options.rate, "requests a second (default: any number)")
      ->check(CLI::PositiveNumber);
  tokens_app->callback([&] { command = [&] { return tokens(global, tokens_options); }; });

  GcOptions gc_options;
  CLI::App* gc_app =
      sub("gc", "drop what no live or kept release needs",
          "  tidemill gc --dry-run\n  tidemill gc --keep 5\n  tidemill gc --subject late 4711\n");
  gc_app->add_option("--keep", gc_options.keep, "releases to keep")->check(CLI::Range(1, 1'000'000));
  gc_app->add_flag("--dry-run", gc_options.dry_run, "only say what would go");
  gc_app
      ->add_option("--subject", gc_options.subject,
                   "a deployment and a key: snapshots and versions that hold its rows go too")
      ->expected(2, 20);
  gc_app->callback([&] { command = [&] { return gc(global, gc_options); }; });

  std::string audit_verb;
  size_t audit_limit = 50;
  CLI::App* audit_app = sub("audit", "who changed what; verify proves the trail",
                            "  tidemill audit\n  tidemill audit verify\n");
  audit_app->add_option("verb", audit_verb, "verify, or nothing to list")
      ->check(CLI::IsMember({"verify", "list"}));
  audit_app->add_option("--limit", audit_limit, "entries to print")->check(at_least_one());
  audit_app->callback([&] { command = [&] { return audit(global, audit_verb == "verify", audit_limit); }; });

  CLI::App* verify_app =
      sub("verify", "prove that all that is live exists and is whole", "  tidemill verify\n");
  verify_app->callback([&] { command = [&] { return verify(global); }; });

  bool schema_markdown = false, schema_openapi = false;
  CLI::App* schema_app =
      sub("schema", "JSON Schema of tidemill.yaml, for editors; or the API's OpenAPI description",
          "  tidemill schema > tidemill.schema.json\n  tidemill schema --openapi > openapi.json\n");
  CLI::Option* markdown_option =
      schema_app->add_flag("--markdown", schema_markdown, "the reference page instead");
  schema_app
      ->add_flag(
          "--openapi", schema_openapi,
          "the API's OpenAPI description, without any deployment's; a server has its own at /openapi.json")
      ->excludes(markdown_option);
  schema_app->callback(
      [&] { command = [&] { return schema_openapi ? openapi_schema() : schema(schema_markdown); }; });

  std::string shell;
  CLI::App* completion_app =
      sub("completion", "shell completion", "  tidemill completion bash > /etc/bash_completion.d/tidemill\n");
  completion_app->add_option("shell", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion_app->callback([&] { command = [&] { return completion(shell); }; });

  std::string help_of;
  CLI::App* help_app = sub("help", "the same as --help", "  tidemill help\n  tidemill help serve\n");
  help_app->add_option("command", help_of, "of which command (default: all)");

  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (!words.empty() && words[0] == "complete") {  // for the shells' scripts: what stands behind it is data
    for (const std::string& one : completions(cli, {words.begin() + 1, words.end()})) print(one);
    return 0;
  }
  const auto usage = [&](const std::string& message, const std::string& hint) {
    global.json = std::find(words.begin(), words.end(), "--json") != words.end();
    return report(global, Error{ErrorKind::User, "usage.arguments", message, {}, {}, {}, hint});
  };
  try {
    cli.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* chosen = cli.get_subcommands().empty() ? &cli : cli.get_subcommands()[0];
    fmt::print("{}", chosen->help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    fmt::print("tidemill {}\n", kVersion);
    return 0;
  } catch (const CLI::ParseError& e) {
    std::string hint = suggestion(cli, words);
    const bool wrong_word = dynamic_cast<const CLI::RequiredError*>(&e) == nullptr;
    if (hint.empty() && !words.empty() && wrong_word) {  // what could stand in the last word's place?
      std::vector<std::string> before(words.begin(), words.end() - 1);
      before.emplace_back();
      hint = did_you_mean(words.back(), completions(cli, before));
    }
    const auto chosen = cli.get_subcommands();
    const std::string help = chosen.empty() ? "" : chosen[0]->get_name() + " ";
    return usage(e.what(), hint.empty() ? fmt::format("see tidemill {}--help", help) : hint);
  }
  if (help_app->parsed()) {
    const auto of = cli.get_subcommands([&](const CLI::App* app) { return app->get_name() == help_of; });
    if (of.empty() && !help_of.empty())
      return usage(fmt::format("there is no command '{}'", help_of), did_you_mean(help_of, names_of(cli)));
    // help() of the program would be the help of its command `help`.
    fmt::print("{}", of.empty() ? Help().make_help(&cli, cli.get_name(), CLI::AppFormatMode::Normal)
                                : of[0]->help());
    return 0;
  }
  if (!command) {
    fmt::print("{}", cli.help());
    return words.empty() ? 0 : kUsageExit;
  }

  global.color = !no_color && std::getenv("NO_COLOR") == nullptr && ::isatty(STDERR_FILENO) != 0;
  if (verbose) log::set_level(log::Level::Debug);
  if (!home.empty()) global.home = std::filesystem::absolute(home);
  if (!as_of.empty()) {
    const auto instant = parse_instant(as_of);
    if (!instant) return report(global, instant.error());
    global.as_of = *instant;
  }
  for (const std::string& parameter : parameters) {
    const size_t equals = parameter.find('=');
    if (equals == 0 || equals == std::string::npos)
      return usage(fmt::format("--param '{}' is not NAME=VALUE", parameter), "");
    global.parameters[parameter.substr(0, equals)] = parameter.substr(equals + 1);
  }
  if (const auto limits = read_limits(global); !limits) return report(global, limits.error());
  const auto grace_duration = duration_option(grace, "--grace");
  if (!grace_duration) return report(global, grace_duration.error());
  serve_options.grace = *grace_duration;
  for (const auto& [text, option, duration] :
       {std::tuple{&request_timeout, "--request-timeout", &serve_options.request_timeout},
        std::tuple{&idle_timeout, "--idle-timeout", &serve_options.idle_timeout},
        std::tuple{&roll_interval, "--roll-interval", &serve_options.roll_every},
        std::tuple{&watching.report_window, "--window", &watching.report.window}}) {
    const auto read = duration_option(*text, option);
    if (!read) return report(global, read.error());
    *duration = *read;
  }
  return command();
}

}  // namespace tidemill::app
