#include "training/split.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/mix.hpp"
#include "training/training.hpp"

namespace tidemill::training {

namespace {

std::string_view kind_name(project::Split::Kind kind) {
  switch (kind) {
    case project::Split::Kind::Time:
      return "time";
    case project::Split::Kind::Group:
      return "group";
    case project::Split::Kind::Hash:
      return "hash";
  }
  return "hash";
}

/// The newest `wanted` of sorted times before the index `end`: the first time that belongs to them. Rows of
/// equal time stay together, on the side that keeps the span nearest to its size.
int64_t newest_share(const std::vector<int64_t>& sorted, size_t end, size_t wanted) {
  const size_t start = end - std::min(wanted, end);
  const int64_t at = sorted[std::min(start, sorted.size() - 1)];
  const auto first = std::lower_bound(sorted.begin(), sorted.end(), at),
             after = std::upper_bound(sorted.begin(), sorted.end(), at);
  const auto from = sorted.begin() + static_cast<std::ptrdiff_t>(start);
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(end);
  return after < last && after - from < from - first ? *after : at;
}

std::optional<double> number(const Json& json, const char* name) {
  if (!json.contains(name) || !json[name].is_number()) return std::nullopt;
  return json[name].get<double>();
}
std::optional<int64_t> instant(const Json& json, const char* name) {
  if (!json.contains(name) || !json[name].is_string()) return std::nullopt;
  const auto result = parse_instant(json[name].get<std::string>());
  if (!result) return std::nullopt;
  return result->micros;
}

}  // namespace

std::string_view to_text(Part part) {
  switch (part) {
    case Part::Train:
      return "train";
    case Part::Validation:
      return "validation";
    case Part::Test:
      return "test";
    case Part::Gap:
      return "gap";
    case Part::New:
      return "new";
  }
  return "?";
}

void SplitHash::add_bytes(std::string_view bytes) {
  for (const char c : bytes) state_ = (state_ ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
}
void SplitHash::add(std::string_view text) {
  for (int shift = 0; shift < 64; shift += 8)
    state_ = (state_ ^ (text.size() >> shift & 0xff)) * 1099511628211ULL;
  add_bytes(text);
}
void SplitHash::add_null() { add_bytes("\xff\xff\xff\xff\xff\xff\xff\xff"); }
uint64_t SplitHash::value() const { return mix(state_); }
double SplitHash::share() const { return static_cast<double>(value() >> 11) * 0x1p-53; }

Part SplitRule::of_time(int64_t t) const {
  if (t > test_to) return Part::New;
  if (t >= test_from) return Part::Test;
  if (t >= test_from - gap) return Part::Gap;
  if (!validation_from) return Part::Train;
  if (t >= *validation_from) return Part::Validation;
  return t >= *validation_from - gap ? Part::Gap : Part::Train;
}

Part SplitRule::of_share(double share) const {
  if (share < test) return Part::Test;
  return share < test + validation ? Part::Validation : Part::Train;
}

Json to_json(const SplitRule& rule) {
  Json json = {{"kind", kind_name(rule.kind)},
               {"column", rule.column.empty() ? Json(nullptr) : Json(rule.column)}};
  if (rule.kind != project::Split::Kind::Time) {
    json["test"] = rule.test;
    json["validation"] = rule.validation;
    return json;
  }
  json["validation_from"] =
      rule.validation_from ? Json(tidemill::to_text(Instant{*rule.validation_from})) : Json(nullptr);
  json["test_from"] = tidemill::to_text(Instant{rule.test_from});
  json["test_to"] = tidemill::to_text(Instant{rule.test_to});
  json["gap"] = tidemill::to_text(Duration{rule.gap});
  json["gap_us"] = rule.gap;
  return json;
}

Result<SplitRule> split_from_json(const Json& json) {
  const auto bad = [](std::string_view what) {
    return data_error("training.bad_split", fmt::format("the package's split has no usable '{}'", what));
  };
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string()) return bad("kind");
  const auto kind = json["kind"].get<std::string>();
  SplitRule rule;
  if (json.contains("column") && json["column"].is_string()) rule.column = json["column"].get<std::string>();
  if (kind == "time") {
    rule.kind = project::Split::Kind::Time;
    const auto test_from = instant(json, "test_from"), test_to = instant(json, "test_to");
    if (!test_from) return bad("test_from");
    if (!test_to) return bad("test_to");
    if (!json.contains("gap_us") || !json["gap_us"].is_number_integer()) return bad("gap_us");
    rule.validation_from = instant(json, "validation_from");
    rule.test_from = *test_from;
    rule.test_to = *test_to;
    rule.gap = json["gap_us"].get<int64_t>();
    return rule;
  }
  if (kind == "group")
    rule.kind = project::Split::Kind::Group;
  else if (kind != "hash")
    return bad("kind");
  const auto test = number(json, "test"), validation = number(json, "validation");
  if (!test) return bad("test");
  if (!validation) return bad("validation");
  rule.test = *test;
  rule.validation = *validation;
  return rule;
}

bool test_rows_overlap(const Json& split, const Json& other) {
  const auto a = split_from_json(split), b = split_from_json(other);
  if (!a || !b) return false;
  using enum project::Split::Kind;
  if (a->kind != Time || b->kind != Time || a->column != b->column) return true;
  return a->test_from <= b->test_to && b->test_from <= a->test_to;
}

Result<SplitRule> plan_split(const project::Split& split, std::span<const int64_t> times) {
  SplitRule rule{.kind = split.kind, .column = split.column};
  const double* test_share = std::get_if<double>(&split.test);
  const double* validation_share = std::get_if<double>(&split.validation);
  if (split.kind != project::Split::Kind::Time) {
    if (!test_share || !validation_share)
      return user_error("training.bad_split", "validation and test are spans, but rows are not split by time",
                        split.place, "give shares such as 20%, or split by a time column");
    rule.test = *test_share;
    rule.validation = *validation_share;
    if (rule.test < 0 || rule.validation < 0 || rule.test + rule.validation >= 1)
      return user_error(
          "training.bad_split",
          fmt::format("validation {} and test {} leave nothing to train on", rule.validation, rule.test),
          split.place);
    return rule;
  }
  if (times.empty()) return data_error("training.too_few_rows", "there are no rows to split", split.place);
  std::vector<int64_t> sorted;
  if (test_share || (validation_share && *validation_share > 0)) {
    sorted.assign(times.begin(), times.end());
    std::sort(sorted.begin(), sorted.end());
  }
  const auto rows_before = [&](int64_t t) {
    return static_cast<size_t>(std::lower_bound(sorted.begin(), sorted.end(), t) - sorted.begin());
  };
  const auto rows_of = [&](double share) {
    return static_cast<size_t>(std::llround(share * static_cast<double>(times.size())));
  };
  rule.gap = split.gap.micros;
  rule.test_to = *std::max_element(times.begin(), times.end());
  // The span is half open at its old end: with test 28d, a row exactly 28 days older than the newest is not
  // in it.
  if (test_share)
    rule.test_from = newest_share(sorted, sorted.size(), rows_of(*test_share));
  else
    rule.test_from = rule.test_to - std::get<Duration>(split.test).micros + 1;
  if (validation_share && *validation_share > 0) {
    const size_t end = rows_before(rule.test_from - rule.gap);
    if (end > 0)
      rule.validation_from = newest_share(sorted, end, rows_of(*validation_share));
    else
      rule.validation_from = rule.test_from - rule.gap;
  } else if (const Duration* span = std::get_if<Duration>(&split.validation); span && span->micros > 0) {
    rule.validation_from = rule.test_from - rule.gap - span->micros;
  }
  return rule;
}

}  // namespace tidemill::training
