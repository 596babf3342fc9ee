// All rules of a table that are aggregates, as one SELECT. If that does not bind or run, each rule is asked
// alone, so that one wrong pattern spoils its own result only.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "engine/names.hpp"
#include "engine/sql_text.hpp"
#include "quality/anomaly.hpp"
#include "quality/judge.hpp"
#include "quality/row_rule.hpp"
#include "quality/verdict.hpp"

namespace tidemill::quality {
namespace {

using engine::quote_name;
using project::Check;

/// Name of an observed number: "row_count", "mean(dep_delay)", with the check's condition where it has one.
std::string metric_name(const Check& check) {
  const std::string metric = check.arguments.value("metric", "");
  std::string name = check.arguments.contains("column")
                         ? fmt::format("{}({})", metric, check.arguments["column"].get<std::string>())
                         : metric;
  if (!check.where.empty()) name += " where " + check.where;
  return name;
}

Result<std::string> metric_aggregate(const Check& check) {
  const std::string metric = check.arguments.value("metric", "");
  if (metric == "row_count") return std::string("count(*)");
  const std::string column = quote_name(check.arguments.value("column", ""));
  if (metric == "null_share") return fmt::format("(count(*) - count({})) / nullif(count(*), 0)", column);
  if (metric == "distinct_count") return fmt::format("count(DISTINCT {})", column);
  const std::array<std::pair<std::string_view, std::string_view>, 5> kFunctions{
      {{"mean", "avg"}, {"sum", "sum"}, {"min", "min"}, {"max", "max"}, {"stddev", "stddev_samp"}}};
  for (const auto& [name, function] : kFunctions)
    if (metric == name) return fmt::format("{}(CAST({} AS DOUBLE))", function, column);
  return user_error("check.anomaly", fmt::format("there is no metric '{}'", metric), check.place);
}

std::string filtered(const std::string& aggregate, const std::string& where) {
  return where.empty() ? aggregate : fmt::format("{} FILTER (WHERE {})", aggregate, engine::bracketed(where));
}

std::string metric_question(const Check& check, const std::string& aggregate) {
  if (check.where.empty() || check.arguments.value("metric", "") != "null_share")
    return fmt::format("CAST({} AS DOUBLE)", filtered(aggregate, check.where));
  // A quotient takes the filter inside each of its counts.
  const std::string all = filtered("count(*)", check.where);
  const std::string present =
      filtered(fmt::format("count({})", quote_name(check.arguments.value("column", ""))), check.where);
  return fmt::format("CAST(({} - {}) / nullif({}, 0) AS DOUBLE)", all, present, all);
}

/// Clocks of other machines may run ahead by so much: a time within it is now, a later one says nothing.
constexpr Duration kMaxClockSkew{300'000'000};

std::string instant_literal(Instant instant) { return fmt::format("make_timestamptz({})", instant.micros); }

/// The newest time that is not in the future of `now` beyond the skew of clocks, and the newest of all, as
/// microseconds.
std::vector<std::string> freshness_aggregates(const Check& check, Instant now) {
  const std::string time =
      fmt::format("CAST({} AS TIMESTAMPTZ)", quote_name(check.arguments.value("column", "")));
  const std::string past =
      fmt::format("{} <= {}", time, instant_literal({now.micros + kMaxClockSkew.micros}));
  return {fmt::format("epoch_us(max({}) FILTER (WHERE {}))", time,
                      check.where.empty() ? past : both(check.where, past)),
          fmt::format("epoch_us({})", filtered(fmt::format("max({})", time), check.where))};
}

/// What a column of the declared type is in a table.
Result<std::string> stored_type(engine::Connection& connection, const std::string& type) {
  TM_TRY(const std::vector<engine::Column> columns,
         connection.describe_stored(fmt::format("SELECT CAST(NULL AS {}) AS t", type)));
  return columns.at(0).type;
}

/// Answers to the aggregates of one question, in their order.
using Answers = std::vector<engine::Value>;

/// How a rule is written that lets some rows fail.
std::string how_to_allow(const Check& check) {
  if (check.error_if || check.warn_if) return "or raise the limit";
  if (check.mostly < 1) return "or lower `mostly`";
  return fmt::format("or let some fail: {{{}: {}, mostly: 99%}}", check.kind,
                     check.arguments.empty() ? "{}" : "…");
}

CheckResult judge_rows(const CheckContext& context, const Check& check, int64_t rows, int64_t failing,
                       std::string failing_where) {
  CheckResult result = result_of(check);
  const Verdict verdict = judge(check, rows, failing);
  result.rows = rows;
  result.failing = failing;
  result.status = verdict.status;
  result.message = sentence(check, rows, failing, verdict);
  result.failing_where = std::move(failing_where);
  result.numbers["share"] = rows > 0 ? static_cast<double>(failing) / static_cast<double>(rows) : 0.0;
  if (result.status != CheckStatus::Passed)
    result.hint =
        fmt::format("look at them: tidemill check {} --show-rows {}; {}", context.table,
                    check.columns.empty() ? "'" + result.name + "'" : check.columns[0], how_to_allow(check));
  return result;
}

CheckResult judge_row_count(const CheckContext& context, const Check& check, int64_t rows) {
  CheckResult result = result_of(check);
  const double share = context.sample.value_or(1.0);
  result.rows = rows;
  result.message = fmt::format("{} rows", grouped(rows));
  const auto limit = [&](const char* key) -> std::optional<double> {
    if (!check.arguments.contains(key)) return {};
    return check.arguments[key].get<double>() * share;
  };
  const std::optional<double> least = limit("min"), most = limit("max");
  const std::string scaled = share < 1 ? fmt::format(" of a sample of {}", percent(share)) : "";
  if (least) result.numbers["min"] = *least;
  if (most) result.numbers["max"] = *most;
  if (least && static_cast<double>(rows) < std::floor(*least)) {
    result.status = failure(check);
    result.message = fmt::format("{} rows are fewer than {}{}", grouped(rows),
                                 grouped(static_cast<int64_t>(*least)), scaled);
  } else if (most && static_cast<double>(rows) > std::ceil(*most)) {
    result.status = failure(check);
    result.message = fmt::format("{} rows are more than {}{}", grouped(rows),
                                 grouped(static_cast<int64_t>(*most)), scaled);
  }
  return result;
}

CheckResult judge_freshness(const CheckContext& context, const Check& check, const Answers& answers) {
  CheckResult result = result_of(check);
  const bool past = std::holds_alternative<int64_t>(answers[0]),
             any = std::holds_alternative<int64_t>(answers[1]);
  const std::string column = check.arguments.value("column", "");
  if (!any) {
    result.status = failure(check);
    result.message = fmt::format("no row has a {}: nothing is known of how fresh the table is", column);
    return result;
  }
  if (!past) {
    result.status = failure(check);
    result.numbers = {{"newest", tidemill::to_text(Instant{to_count(answers[1])})}};
    result.message = fmt::format(
        "every {} lies in the future, the newest is {}: nothing is known of how fresh "
        "the table is",
        column, tidemill::to_text(Instant{to_count(answers[1])}));
    result.hint = "is it the column that says when a row begins, and in the right time zone?";
    return result;
  }
  const Instant newest{to_count(answers[0])};
  const Duration age{std::max<int64_t>(0, context.now.micros - newest.micros)};
  result.numbers = {{"newest", tidemill::to_text(newest)}, {"age_seconds", age.seconds()}};
  const auto older_than = [&](const char* key) {
    return check.arguments.contains(key) && age.micros > check.arguments[key].get<int64_t>();
  };
  const auto limit = [&](const char* key) {
    return tidemill::to_text(Duration{check.arguments[key].get<int64_t>()});
  };
  const std::string aged = fmt::format("the newest {} is {}, {} old", column, tidemill::to_text(newest),
                                       tidemill::to_text(Duration{age.micros / 60'000'000 * 60'000'000}));
  result.message = aged;
  if (older_than("error_after")) {
    result.status = failure(check);
    result.message = fmt::format("{} (limit {})", aged, limit("error_after"));
  } else if (older_than("warn_after")) {
    result.status = CheckStatus::Warned;
    result.message = fmt::format("{} (limit {})", aged, limit("warn_after"));
  }
  if (result.status != CheckStatus::Passed)
    result.hint = "is what fills the source still running? for old data: --as-of TIME";
  return result;
}

Result<CheckResult> judge_anomaly(const CheckContext& context, const Check& check, const engine::Value& value,
                                  std::map<std::string, double>& observed) {
  CheckResult result = result_of(check);
  const std::string metric = metric_name(check);
  const std::optional<double> today = to_double(value);
  const bool has_value = today && std::isfinite(*today);
  if (has_value) observed[metric] = *today;
  AnomalyQuestion question{
      .today = has_value ? *today : 0, .now = context.now, .season = check.arguments.value("season", "none")};
  if (check.arguments.value("metric", "") == "null_share") question.least_scale = kLeastShareScale;
  if (context.history) {
    TM_TRY(question.history, context.history(metric));
  }
  const AnomalyAnswer answer = judge_history(question);
  if (!has_value) {
    // Only a past that is missing is no verdict: a column that lost its values fails.
    result.status = answer.enough ? failure(check) : CheckStatus::NotEnoughHistory;
    result.numbers = {{"points", answer.points}, {"season", question.season}};
    result.message = fmt::format("{} has no value today; it had {} earlier", metric, answer.points);
    return result;
  }
  result.numbers = {{"value", *today}, {"points", answer.points}, {"season", question.season}};
  if (!answer.enough) {
    result.status = CheckStatus::NotEnoughHistory;
    result.message = fmt::format("{} is {:.6g}; {} of the {} earlier values that are needed", metric, *today,
                                 answer.points, answer.needed);
    return result;
  }
  const double limit = check.arguments.value("z", 3.0);
  result.numbers.update({{"expected", answer.expected},
                         {"low", answer.expected - limit * answer.scale},
                         {"high", answer.expected + limit * answer.scale},
                         {"z", std::isfinite(answer.z) ? Json(answer.z) : Json(answer.z > 0 ? 1e9 : -1e9)}});
  result.message = fmt::format("{} is {:.6g}, expected {:.6g} to {:.6g} from {} earlier values", metric,
                               *today, answer.expected - limit * answer.scale,
                               answer.expected + limit * answer.scale, answer.points);
  if (!(std::abs(answer.z) <= limit)) result.status = failure(check);
  return result;
}

/// A rule of type: decided without data when the types agree.
Result<CheckResult> judge_type(const CheckContext& context, const Check& check, int64_t rows) {
  const engine::Column* column = engine::find_column(context.columns, check.columns.at(0));
  const std::string declared = check.arguments.value("type", "");
  const Result<std::string> stored = stored_type(*context.connection, declared);
  if (!stored) {
    if (!is_users_sql(stored.error())) return std::unexpected(stored.error());
    if (stored.error().code == "sql.unstorable_type")
      return broken(check, fmt::format("no table can hold a column of type '{}'", declared));
    return broken(check, fmt::format("there is no type '{}'", declared));
  }
  CheckResult result = result_of(check);
  result.rows = rows;
  result.message = fmt::format("{} is {}", column->name, column->type);
  if (*stored == column->type) return result;
  result.failing = rows;
  result.status = failure(check);
  result.message = fmt::format("{} is {}, not {}", column->name, column->type, *stored);
  result.hint = "declare the type it has, or CAST it in the transform";
  return result;
}

class OneScan {
 public:
  OneScan(const CheckContext& context, Results& results, std::map<std::string, double>& observed)
      : context_(context), results_(results), observed_(observed) {}

  Result<void> run(const std::vector<Numbered>& checks) {
    std::vector<ScanQuestion> questions;
    for (const Numbered& of : checks) {
      Result<ScanQuestion> question = ask(of);
      if (question)
        questions.push_back(std::move(*question));
      else if (question.error().kind == ErrorKind::Internal)
        return std::unexpected(question.error());
      else
        results_[of.index] = broken(*of.check, question.error().message, question.error().hint);
    }
    Result<std::vector<Answers>> all = answers_of(questions);
    if (all) {
      for (size_t i = 0; i < questions.size(); ++i) TM_CHECK(judge_one(questions[i], (*all)[i]));
      return {};
    }
    if (!is_users_sql(all.error())) return std::unexpected(all.error());
    return run_each_alone(questions);
  }

 private:
  Result<ScanQuestion> ask(const Numbered& of) {
    const Check& check = *of.check;
    ScanQuestion question{.of = of, .aggregates = {count_judged(check)}};
    if (is_row_rule(check)) {
      TM_TRY(const std::string condition, failing_condition(check, context_.columns));
      question.aggregates.push_back(count_failing(check, condition));
      question.failing_where = both(check.where, condition);
    } else if (check.kind == "freshness") {
      for (std::string& aggregate : freshness_aggregates(check, context_.now))
        question.aggregates.push_back(std::move(aggregate));
    } else if (check.kind == "anomaly") {
      TM_TRY(const std::string aggregate, metric_aggregate(check));
      question.aggregates.push_back(metric_question(check, aggregate));
    }
    return question;
  }

  /// One SELECT; equal aggregates once. The number of rows comes along always: it is history for later.
  Result<std::vector<Answers>> answers_of(const std::vector<ScanQuestion>& questions) {
    std::vector<std::string> list{"count(*)"};
    std::vector<std::vector<size_t>> places;
    for (const ScanQuestion& question : questions) {
      places.emplace_back();
      for (const std::string& aggregate : question.aggregates) {
        const auto found = std::find(list.begin(), list.end(), aggregate);
        places.back().push_back(static_cast<size_t>(found - list.begin()));
        if (found == list.end()) list.push_back(aggregate);
      }
    }
    TM_TRY(const engine::Rows rows, context_.connection->query(fmt::format(
                                        "SELECT {} FROM {}", fmt::join(list, ", "), context_.relation)));
    if (rows.rows.size() != 1 || rows.rows[0].size() != list.size())
      return internal_error("check.scan",
                            fmt::format("a scan of {} gave {} rows", context_.table, rows.rows.size()));
    observed_["row_count"] = static_cast<double>(to_count(rows.rows[0][0]));
    std::vector<Answers> answers;
    for (const std::vector<size_t>& of_question : places) {
      answers.emplace_back();
      for (const size_t place : of_question) answers.back().push_back(rows.rows[0][place]);
    }
    return answers;
  }

  /// Rules that don't even bind are told apart first, so that the others still share their scan.
  Result<void> run_each_alone(const std::vector<ScanQuestion>& questions) {
    std::vector<ScanQuestion> sound;
    for (const ScanQuestion& question : questions) {
      const auto bound = context_.connection->describe(
          fmt::format("SELECT {} FROM {}", fmt::join(question.aggregates, ", "), context_.relation));
      if (bound)
        sound.push_back(question);
      else if (is_users_sql(bound.error()))
        results_[question.of.index] = broken_by(*question.of.check, bound.error());
      else
        return std::unexpected(bound.error());
    }
    if (sound.size() < questions.size()) {
      Result<std::vector<Answers>> all = answers_of(sound);
      if (all) {
        for (size_t i = 0; i < sound.size(); ++i) TM_CHECK(judge_one(sound[i], (*all)[i]));
        return {};
      }
      if (!is_users_sql(all.error())) return std::unexpected(all.error());
    }
    for (const ScanQuestion& question : sound) {
      Result<std::vector<Answers>> one = answers_of({question});
      if (one) {
        TM_CHECK(judge_one(question, one->at(0)));
      } else if (is_users_sql(one.error())) {
        results_[question.of.index] = broken_by(*question.of.check, one.error());
      } else {
        return std::unexpected(one.error());
      }
    }
    return {};
  }

  Result<void> judge_one(const ScanQuestion& question, const Answers& answers) {
    const Check& check = *question.of.check;
    CheckResult& result = results_[question.of.index];
    const int64_t rows = to_count(answers[0]);
    if (is_row_rule(check)) {
      result = judge_rows(context_, check, rows, to_count(answers[1]), question.failing_where);
    } else if (check.kind == "row_count") {
      result = judge_row_count(context_, check, rows);
    } else if (check.kind == "freshness") {
      result = judge_freshness(context_, check, {answers[1], answers[2]});
    } else if (check.kind == "type") {
      TM_TRY(result, judge_type(context_, check, rows));
    } else {
      TM_TRY(result, judge_anomaly(context_, check, answers[1], observed_));
      result.rows = rows;
    }
    return {};
  }

  const CheckContext& context_;
  Results& results_;
  std::map<std::string, double>& observed_;
};

}  // namespace

bool fits_one_scan(const Check& check) {
  return is_row_rule(check) || check.kind == "row_count" || check.kind == "freshness" ||
         check.kind == "type" || check.kind == "anomaly";
}

Result<void> judge_in_one_scan(const CheckContext& context, const std::vector<Numbered>& checks,
                               Results& results, std::map<std::string, double>& observed) {
  return OneScan(context, results, observed).run(checks);
}

}  // namespace tidemill::quality
