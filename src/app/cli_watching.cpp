#include "app/cli_watching.hpp"

#include <CLI/CLI.hpp>

namespace tidemill::app {

void add_watching_commands(const GlobalOptions& global, WatchingWords& words, const AddCommand& add,
                           const Choose& choose) {
  CLI::App* labels_app = add("labels", "how many predictions have a label; takes what tables have, or a file",
                             "  tidemill labels\n  tidemill labels late -i labels.csv\n");
  labels_app->add_option("deployment", words.labels.deployment, "deployment (default: all)");
  labels_app->add_option(
      "-i,--input", words.labels.input,
      "labels: .csv with prediction_id and row, or the key's columns, and value; or .json");
  labels_app->callback([&global, &words, choose] { choose([&] { return labels(global, words.labels); }); });

  CLI::App* forget_app = add("forget", "take a subject's rows out of the log of predictions and the labels",
                             "  tidemill forget late 4711\n  tidemill forget late carrier=UA flight=15\n");
  forget_app->add_option("deployment", words.forget.deployment, "deployment")->required();
  forget_app
      ->add_option("key", words.forget.key,
                   "the value of its request source's key; COLUMN=VALUE of each column, where it has several")
      ->required();
  forget_app->callback([&global, &words, choose] { choose([&] { return forget(global, words.forget); }); });

  CLI::App* monitors_app =
      add("monitors", "what each monitor found last; of a deployment in full",
          "  tidemill monitors\n  tidemill monitors late\n"
          "  tidemill monitors late --now                     look at once; alerts stay as they are\n");
  monitors_app->add_option("deployment", words.monitors.deployment, "all that its monitors found");
  monitors_app->add_flag("--now", words.monitors.now, "look at the log now, and keep nothing");
  monitors_app->callback(
      [&global, &words, choose] { choose([&] { return monitors(global, words.monitors); }); });

  CLI::App* alerts_app =
      add("alerts", "what fires, or is about to", "  tidemill alerts\n  tidemill alerts --all --json\n");
  alerts_app->add_flag("--all", words.alerts.all, "also what ended within a week, and what is silent");
  alerts_app->callback([&global, &words, choose] { choose([&] { return alerts(global, words.alerts); }); });

  CLI::App* report_app =
      add("report", "how a deployment does, in a few sentences or as a page to look at",
          "  tidemill report late\n  tidemill report late --html late.html\n  tidemill report late "
          "--version 7 --window 7d --json\n");
  report_app->add_option("deployment", words.report.deployment, "the deployment")->required();
  report_app->add_option("--html", words.report.html, "write a page that needs nothing else to be looked at")
      ->type_name("FILE");
  report_app->add_option("--version", words.report.version, "of this version (default: what is live)")
      ->check(CLI::Range(1, 1'000'000'000))
      ->type_name("N");
  report_app->add_option("--window", words.report_window, "live traffic of so long until now")
      ->capture_default_str();
  report_app->callback(
      [&global, &words, choose] { choose([&] { return deployment_report(global, words.report); }); });
}

}  // namespace tidemill::app
