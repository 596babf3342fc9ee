#include "serving/replay.hpp"

#include <bit>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"
#include "base/mix.hpp"
#include "serving/snapshot_rows.hpp"

namespace tidemill::serving {

namespace {

using engine::GivenKind;
using engine::GivenValues;
using engine::quote_name;

constexpr size_t kNewestRows = 16, kOtherRows = 16;
constexpr size_t kRowsWithTwins = 2;

bool same_value(const GivenValues& values, size_t a, size_t b) {
  if (values.missing[a] != values.missing[b]) return false;
  return values.missing[a] != 0 || ((values.reals.empty() || values.reals[a] == values.reals[b]) &&
                                    (values.texts.empty() || values.texts[a] == values.texts[b]) &&
                                    (values.wholes.empty() || values.wholes[a] == values.wholes[b]));
}

void set_value(GivenValues& values, size_t to, const GivenValues& from, size_t at) {
  values.missing[to] = from.missing[at];
  if (!values.reals.empty()) values.reals[to] = from.reals[at];
  if (!values.texts.empty()) values.texts[to] = from.texts[at];
  if (!values.wholes.empty()) values.wholes[to] = from.wholes[at];
}

/// Another key than any row has. False where its type has none that can be made up.
bool set_new_key(const RequestColumn& column, const GivenValues& taken, GivenValues& values, size_t number) {
  const auto wholes = static_cast<int64_t>(number);
  switch (column.kind) {
    case GivenKind::Text:
      if (column.cast) return false;
      values.texts[0] += fmt::format("~{}", number);
      return true;
    case GivenKind::Integer:
      values.wholes[0] = column.most - wholes;
      break;
    case GivenKind::Real:
      values.reals[0] += 0.5 + static_cast<double>(number);
      return true;
    case GivenKind::Date:
    case GivenKind::Timestamp:
    case GivenKind::TimestampTz:
      values.wholes[0] += wholes;
      break;
    case GivenKind::Boolean:
      return false;
  }
  return std::ranges::find(taken.wholes, values.wholes[0]) == taken.wholes.end();
}

/// A row that is another's but for its key, and for one column where another has another value.
void add_twins(const RequestSchema& schema, RequestRows& rows) {
  const size_t real = rows.rows, key = schema.key().back();
  size_t number = 0;
  const auto add = [&](size_t base, std::optional<size_t> column, size_t other) {
    RequestRows twin = rows.pick({base});
    if (!set_new_key(schema.columns()[key], rows.columns[key], twin.columns[key], ++number)) return;
    twin.keys[0] += " under another key";
    if (column) {
      set_value(twin.columns[*column], 0, rows.columns[*column], other);
      twin.keys[0] += fmt::format(" with another {}", schema.columns()[*column].name);
    }
    rows.add(twin);
  };
  for (size_t base = 0; base < std::min(kRowsWithTwins, real); ++base) {
    add(base, std::nullopt, base);
    for (size_t c = 0; c < schema.columns().size(); ++c) {
      if (std::ranges::find(schema.key(), c) != schema.key().end()) continue;
      size_t other = 0;
      while (other < real && same_value(rows.columns[c], base, other)) ++other;
      if (other < real) add(base, c, other);
    }
  }
}

std::string value_text(const Tensor& tensor, size_t row) {
  if (tensor.datatype == "BYTES") {
    const auto text = tensor.texts.at(row);
    return text ? to_text(Json(*text)) : "missing";
  }
  return std::isnan(tensor.numbers[row]) ? "missing" : fmt::format("{}", tensor.numbers[row]);
}

bool same_bits(const Tensor& a, size_t row_a, const Tensor& b, size_t row_b) {
  if (a.datatype == "BYTES") return a.texts.at(row_a) == b.texts.at(row_b);
  return std::bit_cast<uint64_t>(a.numbers[row_a]) == std::bit_cast<uint64_t>(b.numbers[row_b]);
}

/// order[i]: which of the rows stands at place i.
Result<void> compare(const RowFeatures& features, const RequestRows& rows, const std::vector<size_t>& order,
                     const std::vector<std::vector<Tensor>>& alone) {
  TM_TRY(const std::vector<Tensor> together, features.features(rows.pick(order)));
  for (size_t f = 0; f < together.size(); ++f)
    for (size_t i = 0; i < order.size(); ++i) {
      const Tensor& single = alone[order[i]][f];
      if (same_bits(single, 0, together[f], i)) continue;
      return user_error(
          "serving.rows_leak",
          fmt::format("the feature {} of {} is {} alone and {} among {} requests: it depends on other "
                      "callers' rows",
                      together[f].name, rows.keys[order[i]], value_text(single, 0),
                      value_text(together[f], i), order.size()),
          {},
          "a window or an aggregate over the request's source, or a random value? history belongs in "
          "a transform of its own, which `through` does not name");
    }
  return {};
}

}  // namespace

Result<RequestRows> rows_to_replay(const RequestSchema& schema, const Path& snapshot) {
  std::vector<std::string> key;
  for (const size_t c : schema.key()) key.push_back(quote_name(schema.columns()[c].name));
  const std::string by_hash = fmt::format("hash({})", fmt::join(key, ", "));
  std::string newest = by_hash + " DESC";
  if (!schema.time_column().empty())
    newest = fmt::format("{} DESC NULLS LAST, {}", quote_name(schema.time_column()), by_hash);
  TM_TRY(RequestRows rows, rows_of_snapshot(schema, snapshot,
                                            {fmt::format("ORDER BY {} LIMIT {}", newest, kNewestRows),
                                             fmt::format("ORDER BY {} LIMIT {}", by_hash, kOtherRows)}));
  if (rows.rows > 0) add_twins(schema, rows);
  return rows;
}

Result<void> replay(const RowFeatures& features, const RequestRows& rows) {
  std::vector<std::vector<Tensor>> alone(rows.rows);
  std::vector<size_t> order;
  std::optional<Error> unanswered;
  for (size_t r = 0; r < rows.rows; ++r) {
    auto made = features.features(rows.pick({r}));
    if (made) {
      alone[r] = std::move(*made);
      order.push_back(r);
      continue;
    }
    // SQL may fail on the values of one row, or drop it; what is doubled or made up, or a failing engine, is
    // no row's own.
    const std::string& code = made.error().code;
    if (code != "predict.no_row" && !code.starts_with("sql.")) return std::unexpected(made.error());
    if (!unanswered) unanswered = std::move(made).error();
  }
  if (order.empty() && unanswered) return std::unexpected(std::move(*unanswered));
  if (order.empty()) return {};
  if (unanswered) log::warning("some requests will get no answer: {}", unanswered->message);
  TM_CHECK(compare(features, rows, order, alone));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[mix(i) % i]);
  return compare(features, rows, order, alone);
}

}  // namespace tidemill::serving
