// Every command of the CLI as a function of its options; each returns the exit code. cli.cpp fills the
// options in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/session.hpp"

namespace tidemill::app {

struct InitOptions {
  std::string example;
  Path from;
  std::string target;
  Path folder = ".";
  std::string name;
};
struct SelectOptions {
  std::vector<std::string> selection;
  bool force = false;
};
struct RunOptions : SelectOptions {
  bool promote = false, no_promote = false;  // at most one
  // What a scheduler says of a run that it begins:
  std::string schedule, tick;  // both or neither
  std::string attempt;         // "late:3"
};
struct CheckOptions {
  std::vector<std::string> tables;
  std::string show_rows;  // a check's name or a column: prints the rows that fail it
  size_t limit = 20;
};
struct ServeOptions {
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string grpc_port = {};  // empty: the one after `port`; "none": no gRPC
  int threads = 0;
  bool insecure = false;
  Path tls_certificate = {}, tls_key = {};  // both or neither
  Duration request_timeout{30'000'000};
  Duration idle_timeout{75'000'000};
  std::string metrics_compat = {};  // "triton", too
  Duration grace{0};
  Duration poll{200'000};
  Duration roll_every{60'000'000};  // of the prediction logs
  bool no_scheduler = false;
};
struct RetrainOptions {
  std::string model;
  std::string reason;
  bool status = false;
};
struct PredictOptions {
  std::string model;
  Path input;
  Path output;
  std::string log;  // of this deployment; empty: of none
};
struct RegistryOptions {
  std::string what;               // runs | models | tables | releases
  std::vector<std::string> rest;  // show ID | diff A B | explain ID | nothing
  std::string log_step;           // runs show ID --log STEP
  Path folder;                    // models export
  std::string alias;              // models import
  bool all_rounds = false;        // models import
  std::string reason;             // models retire
  size_t limit = 20;
};
struct ImportOptions {
  std::string model;
  Path path;  // model.json, model.ubj, model.txt, or a folder with MLmodel
  std::string alias;
  bool all_rounds = false;  // not only those up to the best one
};
struct PromoteOptions {
  std::string model;
  std::string version;
  std::string alias = "champion";
  std::string reason;
  bool release_hold = false;
  bool force = false;  // although its callers would have to know, or a deployment could not serve it
};
struct RollbackOptions {
  std::string model;
  std::string alias = "champion";
  std::string reason;
  int64_t release = 0;
};
struct RolloutOptions {
  std::string deployment;
  std::string shadow, canary;     // a version's number or alias
  std::optional<double> percent;  // of the canary; empty: the project file's next
  bool end = false;
  std::string reason;
};
struct DeploymentsOptions {
  std::vector<std::string> rest;  // show NAME | nothing
};
struct MonitorsOptions {
  std::string deployment;  // empty: all, each monitor in one line
  bool now = false;        // look at once, and keep nothing
};
struct AlertsOptions {
  bool all = false;  // also those that ended, and silent ones
};
struct ReportOptions {
  std::string deployment;
  Path html;        // empty: no page
  int version = 0;  // 0: what is live
  Duration window{int64_t{28} * 86'400'000'000};
};
struct TokensOptions {
  std::string verb;  // "", "list", "create" or "revoke"
  std::string name;
  std::vector<std::string> scopes;
  std::string expires;  // "90d"; empty: never
  double rate = 0;      // requests a second; 0: any number
};
struct LabelsOptions {
  std::string deployment;  // empty: all
  Path input;              // .csv or .json; empty: what tables have
};
struct ForgetOptions {
  std::string deployment;
  std::vector<std::string> key;  // a value, or COLUMN=VALUE of each column
};
struct GcOptions {
  size_t keep = 10;
  bool dry_run = false;
  std::vector<std::string> subject;  // a deployment, and a key of its rows
};

int init(const GlobalOptions& global, const InitOptions& options);
int plan(const GlobalOptions& global, const SelectOptions& options);
int run(const GlobalOptions& global, const RunOptions& options);
int check(const GlobalOptions& global, const CheckOptions& options);
int profile(const GlobalOptions& global, const std::string& table);
int work(const GlobalOptions& global);
int retrain(const GlobalOptions& global, const RetrainOptions& options);
int serve(const GlobalOptions& global, const ServeOptions& options);
int predict(const GlobalOptions& global, const PredictOptions& options);
int registry_command(const GlobalOptions& global, const RegistryOptions& options);
Result<int> import_model(const GlobalOptions& global, const Session& session, const ImportOptions& options);
int explain(const GlobalOptions& global, const std::string& step);
int diff(const GlobalOptions& global, const std::string& a, const std::string& b);
int diff_releases(const GlobalOptions& global, const std::string& a, const std::string& b);
int promote(const GlobalOptions& global, const PromoteOptions& options);
int rollback(const GlobalOptions& global, const RollbackOptions& options);
int rollout(const GlobalOptions& global, const RolloutOptions& options);
int deployments(const GlobalOptions& global, const DeploymentsOptions& options);
int deployment_report(const GlobalOptions& global, const ReportOptions& options);
int labels(const GlobalOptions& global, const LabelsOptions& options);
int forget(const GlobalOptions& global, const ForgetOptions& options);
int monitors(const GlobalOptions& global, const MonitorsOptions& options);
int alerts(const GlobalOptions& global, const AlertsOptions& options);
int gc(const GlobalOptions& global, const GcOptions& options);
int audit(const GlobalOptions& global, bool verify, size_t limit);
int verify(const GlobalOptions& global);
int tokens(const GlobalOptions& global, const TokensOptions& options);
int schema(bool markdown);
int openapi_schema();
int completion(const std::string& shell);

}  // namespace tidemill::app
