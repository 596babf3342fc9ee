#include "quality/verdict.hpp"

#include <cmath>

#include <fmt/format.h>

namespace tidemill::quality {
namespace {

using project::Check;
using project::FailLimit;

bool crossed(const FailLimit& limit, int64_t rows, int64_t failing) {
  if (limit.count && failing > *limit.count) return true;
  return limit.share && static_cast<double>(failing) > *limit.share * static_cast<double>(rows);
}

std::string text_of(const FailLimit& limit) {
  if (limit.count) return fmt::format("limit {}", grouped(*limit.count));
  return limit.share ? fmt::format("limit {}", percent(*limit.share)) : "";
}

/// Passing rows ≥ mostly × rows, with room for the rounding of a share such as 0.07 × 100.
bool too_few_pass(const Check& check, int64_t rows, int64_t failing) {
  const double needed = check.mostly * static_cast<double>(rows);
  return static_cast<double>(rows - failing) < needed - 1e-9 * static_cast<double>(rows);
}

std::string bound_text(const Json& bound) {
  return bound.is_string() ? bound.get<std::string>() : bound.dump();
}

std::string outside(const Json& arguments, const char* below, const char* above) {
  const bool low = arguments.contains("min"), high = arguments.contains("max");
  std::string text = low ? fmt::format("{} {}", below, bound_text(arguments["min"])) : "";
  if (high) text += fmt::format("{}{} {}", low ? " or " : "", above, bound_text(arguments["max"]));
  return text;
}

std::string text_argument(const Check& check, const char* key) {
  return check.arguments.contains(key) ? bound_text(check.arguments[key]) : "";
}

}  // namespace

std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t place = text.size(); place > first + 3;) text.insert(place -= 3, 1, ' ');
  return text;
}

std::string percent(double share) {
  const double value = share * 100;
  if (value > 0 && value < 1e-6) return "< 0.000001 %";
  const double magnitude = value > 0 ? std::floor(std::log10(value)) : 0;
  const int decimals = std::max(0, static_cast<int>(1 - magnitude));
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (value < 100 && std::stod(text) >= 100) return "> 99 %";
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text + " %";
}

CheckStatus failure(const Check& check) {
  return check.severity == project::Severity::Warn ? CheckStatus::Warned : CheckStatus::Failed;
}

Verdict judge(const Check& check, int64_t rows, int64_t failing) {
  const bool limits = check.error_if || check.warn_if;
  if (check.error_if && crossed(*check.error_if, rows, failing))
    return {failure(check), text_of(*check.error_if)};
  const std::string mostly_text = check.mostly < 1 ? fmt::format("limit {}", percent(1 - check.mostly)) : "";
  if ((!limits || check.mostly < 1) && too_few_pass(check, rows, failing))
    return {failure(check), mostly_text};
  if (check.warn_if && crossed(*check.warn_if, rows, failing))
    return {CheckStatus::Warned, text_of(*check.warn_if)};
  return {CheckStatus::Passed, check.error_if  ? text_of(*check.error_if)
                               : check.warn_if ? text_of(*check.warn_if)
                                               : mostly_text};
}

std::string complaint(const Check& check, bool one) {
  const std::string column = fmt::format("{}", fmt::join(check.columns, ", "));
  const std::string have = one ? "has" : "have";
  if (check.kind == "not_null") return fmt::format("{} no {}", have, column);
  if (check.kind == "unique")
    return fmt::format("{} {} {} with another row", one ? "shares" : "share", one ? "its" : "their", column);
  if (check.kind == "accepted_values")
    return fmt::format("{} {} that is not an accepted value", have, column);
  if (check.kind == "range")
    return fmt::format("{} {} {}", have, column, outside(check.arguments, "below", "above"));
  if (check.kind == "length")
    return fmt::format("{} {} {}", have, column, outside(check.arguments, "shorter than", "longer than"));
  if (check.kind == "regex")
    return fmt::format("{} {} that does not match {}", have, column, text_argument(check, "pattern"));
  if (check.kind == "relationships")
    return fmt::format("{} {} that is not in {}.{}", have, column, text_argument(check, "table"),
                       text_argument(check, "column"));
  if (check.kind == "expression")
    return fmt::format("{} {}", one ? "breaks" : "break", text_argument(check, "sql"));
  return one ? "fails" : "fail";
}

std::string sentence(const Check& check, int64_t rows, int64_t failing, const Verdict& verdict) {
  if (failing == 0) return fmt::format("0 of {} rows {}", grouped(rows), complaint(check, false));
  std::string text =
      fmt::format("{} of {} rows {}, {}", grouped(failing), grouped(rows), complaint(check, failing == 1),
                  percent(static_cast<double>(failing) / static_cast<double>(rows)));
  if (!verdict.limit.empty()) text += fmt::format(" ({})", verdict.limit);
  return text;
}

CheckResult result_of(const Check& check) {
  CheckResult result;
  result.name = check.name;
  if (result.name.empty())
    result.name = check.columns.empty() ? check.kind
                                        : fmt::format("{}({})", check.kind, fmt::join(check.columns, ", "));
  result.kind = check.kind;
  result.columns = check.columns;
  result.on_fail = check.on_fail;
  result.severity = check.severity;
  result.place = check.place;
  return result;
}

CheckResult broken(const Check& check, std::string message, std::string hint) {
  CheckResult result = result_of(check);
  result.status = CheckStatus::Error;
  result.message = std::move(message);
  result.hint = std::move(hint);
  return result;
}

std::string_view to_text(CheckStatus status) {
  switch (status) {
    case CheckStatus::Passed:
      return "passed";
    case CheckStatus::Warned:
      return "warned";
    case CheckStatus::Failed:
      return "failed";
    case CheckStatus::NotEnoughHistory:
      return "not_enough_history";
    case CheckStatus::Error:
      return "error";
  }
  return "error";
}

tidemill::Error CheckResult::as_error() const {
  tidemill::Error error{.kind = status == CheckStatus::Error ? ErrorKind::User : ErrorKind::Data,
                        .code = "check." + kind,
                        .message = message,
                        .where = place,
                        .hint = hint};
  if (kind != "point_in_time" && numbers.contains("examples"))
    for (const Json& example : numbers["examples"])
      error.seen += (error.seen.empty() ? "" : ", ") + example.get<std::string>();
  return error;
}

bool CheckResult::stops() const {
  if (status == CheckStatus::Error) return severity == project::Severity::Error;
  if (status != CheckStatus::Failed || on_fail == project::OnFail::Continue) return false;
  return on_fail == project::OnFail::Stop || failing_where.empty();
}

bool CheckReport::failed() const {
  for (const CheckResult& result : results)
    if (result.status == CheckStatus::Failed ||
        (result.status == CheckStatus::Error && result.severity == project::Severity::Error))
      return true;
  return false;
}

bool CheckReport::stops() const {
  for (const CheckResult& result : results)
    if (result.stops()) return true;
  return false;
}

Json to_json(const CheckResult& result) {
  Json json{{"name", result.name},
            {"kind", result.kind},
            {"columns", result.columns},
            {"status", to_text(result.status)},
            {"severity", result.severity == project::Severity::Error ? "error" : "warn"},
            {"rows", result.rows},
            {"failing", result.failing},
            {"message", result.message}};
  if (!result.hint.empty()) json["hint"] = result.hint;
  if (!result.numbers.empty()) json["numbers"] = result.numbers;
  if (!result.place.file.empty()) json["place"] = tidemill::to_text(result.place);
  return json;
}

}  // namespace tidemill::quality
