#include "app/example_request.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "serving/request_time.hpp"
#include "serving/row_features.hpp"

namespace tidemill::app {

namespace {

using engine::GivenKind;

constexpr size_t kMostValues = 8;

/// The median of training (0 where it is not known) or the first level; null: it is no feature.
Json typical(const forest::Package& package, const std::string& name) {
  const auto feature = std::ranges::find(package.features, name, &forest::Feature::name);
  if (feature == package.features.end()) return {};
  if (feature->category) return feature->levels.empty() ? Json("text") : Json(feature->levels.front());
  const Json* median = &package.baseline;
  for (const std::string& member :
       {std::string("inputs"), name, std::string("quantiles"), std::string("0.5")}) {
    if (!median->is_object() || !median->contains(member)) return 0;
    median = &(*median)[member];
  }
  const double number = median->is_number() ? median->get<double>() : 0;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::trunc(number) == number && std::abs(number) < kExact) return static_cast<int64_t>(number);
  return number;
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find(' ')); }

Json any_of(const serving::RequestColumn& column) {
  if (column.nested) return Json::array();
  switch (column.kind) {
    case GivenKind::Boolean:
      return true;
    case GivenKind::Integer:
    case GivenKind::Real:
      return 1;
    case GivenKind::Date:
    case GivenKind::Timestamp:
    case GivenKind::TimestampTz:
      return first_word(serving::time_example(column.kind));
    case GivenKind::Text:
      break;
  }
  return column.cast ? Json(1) : Json("text");
}

bool fits(const serving::RequestColumn& column, const Json& value) {
  if (column.kind == GivenKind::Text) return value.is_string() && !column.cast;
  if (column.kind == GivenKind::Integer) return value.is_number_integer();
  return column.kind == GivenKind::Real && value.is_number();
}

/// {"id": 1, "plan": "basic"}: as people write it, in the order of the columns.
std::string text_of(const std::vector<std::pair<std::string, Json>>& row) {
  std::string out;
  for (const auto& [name, value] : row)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", to_text(Json(name)), to_text(value));
  return "{" + out + "}";
}

std::string for_the_shell(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// The key, the time and then the others.
std::vector<std::pair<std::string, Json>> row_of(const serving::RequestSchema& schema,
                                                 const forest::Package& package) {
  std::vector<size_t> order = schema.key();
  for (size_t c = 0; c < schema.columns().size(); ++c)
    if (schema.needed_time() == c && std::ranges::find(order, c) == order.end()) order.push_back(c);
  for (size_t c = 0; c < schema.columns().size(); ++c)
    if (order.size() < kMostValues && schema.columns()[c].name != package.target &&
        std::ranges::find(order, c) == order.end())
      order.push_back(c);
  std::vector<std::pair<std::string, Json>> row;
  for (const size_t c : order) {
    const serving::RequestColumn& column = schema.columns()[c];
    const Json known = typical(package, column.name);
    row.emplace_back(column.name, fits(column, known) ? known : any_of(column));
  }
  return row;
}

}  // namespace

std::string example_request(const serving::LiveModel& live, const Api& api) {
  const forest::Package& package = live.predictor->package();
  std::string path, body;
  if (live.row_features != nullptr) {
    path = "/predict/" + live.deployment;
    body = text_of(row_of(live.row_features->schema(), package));
  } else {
    path = "/invocations/" + live.deployment;
    std::vector<std::pair<std::string, Json>> row;
    for (const forest::Feature& feature : package.features)
      if (row.size() < kMostValues) row.emplace_back(feature.name, typical(package, feature.name));
    body = fmt::format("{{\"dataframe_records\": [{}]}}", text_of(row));
  }
  return fmt::format("curl -s {}{} -H 'Content-Type: application/json'{} -d {}", api.url, path,
                     api.token ? " -H \"Authorization: Bearer $TOKEN\"" : "", for_the_shell(body));
}

}  // namespace tidemill::app
