// tidemill check, profile, predict, explain, diff: looking at what there is, and scoring files.
#include <algorithm>

#include <fmt/format.h>

#include "app/batch_log.hpp"
#include "app/commands.hpp"
#include "app/diff_text.hpp"
#include "app/output.hpp"
#include "app/references.hpp"
#include "app/retraining_status.hpp"
#include "app/shadow_status.hpp"
#include "app/stop_signals.hpp"
#include "pipeline/batch.hpp"
#include "pipeline/check_tables.hpp"
#include "pipeline/diff.hpp"
#include "pipeline/explain.hpp"

namespace tidemill::app {

namespace {

constexpr size_t kRetrainingSteps = 10;  // that explain shows

using registry::Options;

Json value_json(const engine::Value& value) {
  return std::visit(
      [](const auto& v) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          return nullptr;
        else
          return v;
      },
      value);
}

Json rows_json(const engine::Rows& rows) {
  Json list = Json::array();
  for (const auto& row : rows.rows) {
    Json object = Json::object();
    for (size_t c = 0; c < rows.columns.size(); ++c) object[rows.columns[c].name] = value_json(row[c]);
    list.push_back(std::move(object));
  }
  return list;
}

std::string rows_text(const engine::Rows& rows) {
  std::vector<TextTable::Heading> headings;
  for (const engine::Column& column : rows.columns)
    headings.push_back({column.name, column.type != "VARCHAR" && !column.type.starts_with("TIMESTAMP")});
  TextTable text(std::move(headings));
  for (const auto& row : rows.rows) {
    std::vector<std::string> cells;
    for (const engine::Value& value : row)
      cells.push_back(std::holds_alternative<std::monostate>(value) ? "NULL" : engine::to_text(value));
    text.add(std::move(cells));
  }
  return text.text();
}

/// And says of how many, where the limit cut them.
void print_failing_rows(const GlobalOptions& global, const pipeline::CheckedTable& table) {
  print(rows_text(table.rows));
  for (const quality::CheckResult& result : table.report.results)
    if (result.name == table.shown_check && !global.quiet &&
        result.failing > static_cast<int64_t>(table.rows.rows.size()))
      fmt::print(stderr, "{} of {} rows; --limit {} shows all\n", table.rows.rows.size(),
                 grouped(result.failing), result.failing);
}

std::string in_words(std::string_view status) {
  std::string out(status);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

}  // namespace

int check(const GlobalOptions& global, const CheckOptions& options) {
  auto session = open_session(global, Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  const auto checked =
      pipeline::check_tables(session->project, *session->registry,
                             {options.tables, session->clock->now(), options.show_rows, options.limit});
  if (!checked) return report(global, checked.error());
  Errors failures;
  Json json = Json::array();
  TextTable text({{"table"}, {"check"}, {"status"}, {"failing", true}, {"rows", true}, {"message"}});
  for (const pipeline::CheckedTable& table : *checked) {
    Json entry{{"table", table.table},
               {"rejected_by", table.rejected_by.empty() ? Json() : Json(table.rejected_by)},
               {"set_aside", table.set_aside},
               {"set_aside_by", table.set_aside_by.empty() ? Json() : Json(table.set_aside_by)},
               {"checks", Json::array()}};
    for (const quality::CheckResult& result : table.report.results) {
      entry["checks"].push_back(quality::to_json(result));
      text.add({table.table, result.name, in_words(quality::to_text(result.status)), grouped(result.failing),
                grouped(result.rows), result.message});
      if (result.stops()) failures.push_back(result.as_error());
    }
    if (!table.shown_check.empty()) entry["failing_rows"] = rows_json(table.rows);
    json.push_back(std::move(entry));
  }
  if (global.json) {
    print_json({{"tables", json}});
    return failures.empty() ? 0 : gravest_exit_code(failures);
  }
  if (options.show_rows.empty()) {
    print(text.text());
  } else {
    for (const pipeline::CheckedTable& table : *checked) print_failing_rows(global, table);
  }
  for (const pipeline::CheckedTable& table : *checked)
    if (!table.rejected_by.empty() && !global.quiet)
      fmt::print(stderr, "{}: this is the table that run {} rejected; the live one is older\n", table.table,
                 table.rejected_by);
  for (const pipeline::CheckedTable& table : *checked)
    if (table.set_aside > 0 && !global.quiet)
      fmt::print(stderr, "{}: {}{} rows that run {} set aside{}\n", table.table,
                 table.shows_set_aside ? "these are of the " : "", grouped(table.set_aside),
                 table.set_aside_by,
                 table.shows_set_aside ? "" : " are not in the live table: --show-rows CHECK shows them");
  return failures.empty() ? 0 : report(global, failures);
}

int profile(const GlobalOptions& global, const std::string& table) {
  // A data file can be profiled without a project.
  auto session = open_session(global, Options::Mode::ReadOnly);
  if (!session && !std::filesystem::is_regular_file(table)) return report(global, session.error());
  const auto profile = pipeline::profile_table(
      session ? &session->project : nullptr, session ? session->registry.get() : nullptr, table,
      session ? pipeline::budget_of(session->project) : budget_of(global));
  if (!profile) return report(global, profile.error());
  if (global.json) {
    print_json({{"table", table},
                {"rows", profile->rows},
                {"columns", profile->columns},
                {"suggested_checks", profile->suggested_checks}});
    return 0;
  }
  print(fmt::format("{}: {} rows", table, grouped(profile->rows)));
  TextTable text({{"column"},
                  {"type"},
                  {"nulls", true},
                  {"distinct", true},
                  {"min"},
                  {"max"},
                  {"mean", true},
                  {"suggested checks"}});
  const auto field = [](const Json& column, const char* name) {
    return column.contains(name) ? cell_text(column[name]) : std::string();
  };
  for (const Json& column : profile->columns) {
    const std::string name = field(column, "name");
    const auto suggested = profile->suggested_checks.find(name);
    const std::string mark = column.contains("distinct_is_estimated") ? "~" : "";
    text.add({name, field(column, "type"), field(column, "nulls"), mark + field(column, "distinct"),
              field(column, "min"), field(column, "max"), field(column, "mean"),
              suggested == profile->suggested_checks.end() ? "" : to_text(*suggested)});
  }
  print(text.text());
  return 0;
}

int predict(const GlobalOptions& global, const PredictOptions& options) {
  auto session = open_session(global, Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  if (const auto known = find_version(*session, options.model); !known) return report(global, known.error());
  pipeline::BatchOptions batch;
  batch.model = options.model;
  batch.input = options.input;
  batch.output = options.output;
  batch.timezone = session->project.timezone;
  batch.stop = &end_in_order_on_signals();
  batch.budget = pipeline::budget_of(session->project);
  const std::string model = options.model.substr(0, options.model.find('@'));
  if (const auto declared = session->project.models.find(model); declared != session->project.models.end())
    batch.table = declared->second.from;
  BatchLogOptions log{options.log, options.model, 0, options.input};
  if (!options.log.empty())
    if (const auto can = check_batch_log(*session, log); !can) return report(global, can.error());
  const auto result = pipeline::predict_file(*session->registry, batch);
  if (!result) return report(global, result.error());
  Json json = result->to_json();
  std::string text =
      fmt::format("{} row{} scored by {} version {} into {}", grouped(result->rows),
                  result->rows == 1 ? "" : "s", result->model, result->version, options.output.native());
  if (!options.log.empty()) {
    log.version = result->version;
    const auto logged = log_batch(*session, log);
    if (!logged) return report(global, logged.error());
    json["log"] = {{"deployment", options.log}, {"prediction_id", logged->prediction_id}};
    text += fmt::format(", and logged for {} as prediction {}", options.log, logged->prediction_id);
  }
  if (global.json)
    print_json(json);
  else
    print(text);
  return 0;
}

int explain(const GlobalOptions& global, const std::string& step) {
  auto session = open_session_to_look(global);
  if (!session) return report(global, session.error());
  const Instant now = session->clock->now();
  auto fingerprints = pipeline::fingerprint(session->project, *session->registry, now);
  if (!fingerprints) return report(global, fingerprints.error());
  const auto planned =
      pipeline::plan({&session->project, session->registry.get(), std::move(*fingerprints), {}, false, now});
  if (!planned) return report(global, planned.error());
  auto why = pipeline::explain(*session->registry, step, &*planned);
  if (!why) {
    Error error = why.error();
    if (error.code == "usage.unknown_step" && error.hint.empty())
      error.hint = "explain takes a table or model, or a step as tidemill plan names it";
    return report(global, error);
  }
  const auto id = why->value("step", "");
  const std::string model = id.starts_with("model:") ? id.substr(std::string_view("model:").size()) : "";
  if (session->project.models.contains(model)) {
    auto retraining = retraining_status(session->project, *session->registry, model, kRetrainingSteps);
    if (!retraining) return report(global, retraining.error());
    if (!(*retraining)["attempt"].is_null()) {
      if (!(*retraining)["deployment"].is_null()) {
        auto agreement = shadow_agreement(*session, (*retraining)["deployment"].get<std::string>());
        if (!agreement) return report(global, agreement.error());
        (*retraining)["agreement"] = *std::move(agreement);
      }
      (*why)["retraining"] = *std::move(retraining);
    }
  }
  if (global.json) {
    print_json(*why);
    return 0;
  }
  const auto changes = [](const Json& part) {
    std::string out;
    for (const Json& change : part.value("changes", Json::array()))
      out += fmt::format("    {}: {} → {}\n", cell_text(change.value("part", Json())),
                         cell_text(change.value("before", Json())), cell_text(change.value("after", Json())));
    return out;
  };
  std::string out = cell_text(why->value("step", Json(step))) + "\n";
  if (const auto last = why->find("last"); last != why->end() && last->is_object())
    out += fmt::format("  last: {} in run {}: {}\n{}", cell_text(last->value("status", Json())),
                       cell_text(last->value("run", Json())), cell_text(last->value("why", Json())),
                       changes(*last));
  if (const auto current = why->find("now"); current != why->end() && current->is_object())
    out += fmt::format("  now: {}: {}\n{}", cell_text(current->value("state", Json())),
                       cell_text(current->value("reason", Json())), changes(*current));
  if (const auto retraining = why->find("retraining"); retraining != why->end()) {
    out += retraining_text(*retraining) + "\n";
    if (const Json agreement = retraining->value("agreement", Json()); !agreement.is_null())
      out += "  " + agreement_text(agreement) + "\n";
  }
  print(out);
  return 0;
}

int diff(const GlobalOptions& global, const std::string& a, const std::string& b) {
  auto session = open_session(global, Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  for (const std::string& reference : {a, b})
    if (const auto known = check_compared(*session, reference); !known) return report(global, known.error());
  const auto difference = pipeline::diff(*session->registry, a, b);
  if (!difference) return report(global, difference.error());
  if (global.json)
    print_json(*difference);
  else
    print(diff_text(*difference));
  return 0;
}

int diff_releases(const GlobalOptions& global, const std::string& a, const std::string& b) {
  auto session = open_session(global, Options::Mode::ReadOnly);
  if (!session) return report(global, session.error());
  const auto difference = pipeline::diff_releases(*session->registry, a, b);
  if (!difference) return report(global, difference.error());
  if (global.json)
    print_json(*difference);
  else
    print(diff_text(*difference));
  return 0;
}

}  // namespace tidemill::app
