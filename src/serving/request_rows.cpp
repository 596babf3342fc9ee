#include "serving/request_rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "serving/infer.hpp"
#include "serving/request_time.hpp"

namespace tidemill::serving {

namespace {

using engine::GivenKind;
using engine::GivenValues;

constexpr size_t kShownBytes = 60;

std::string shown(std::string_view seen) {
  return fmt::format("{}{}", seen.substr(0, kShownBytes), seen.size() > kShownBytes ? "…" : "");
}

void add_missing(GivenKind kind, GivenValues& values) {
  values.missing.push_back(1);
  if (kind == GivenKind::Real)
    values.reals.push_back(0);
  else if (kind == GivenKind::Text)
    values.texts.emplace_back();
  else
    values.wholes.push_back(0);
}

/// The key's member as JSON; what travels as text stays as it was given.
std::string member(const RequestColumn& column, const GivenValues& values, size_t row) {
  Json value;
  switch (column.kind) {
    case GivenKind::Boolean:
      value = values.wholes[row] != 0;
      break;
    case GivenKind::Integer:
      value = values.wholes[row];
      break;
    case GivenKind::Real:
      value = values.reals[row];
      break;
    case GivenKind::Text:
      value = values.texts[row];
      break;
    case GivenKind::Date:
    case GivenKind::Timestamp:
    case GivenKind::TimestampTz:
      value = text_of_time(column.kind, values.wholes[row]);
      break;
  }
  return to_text(Json(column.name)) + ":" + to_text(value);
}

template <class T>
std::vector<T> picked(const std::vector<T>& from, const std::vector<size_t>& chosen) {
  std::vector<T> out;
  if (from.empty()) return out;
  out.reserve(chosen.size());
  for (const size_t row : chosen) out.push_back(from[row]);
  return out;
}

template <class T>
bool read_all(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

/// As DuckDB casts a text to BOOLEAN (v1.5, string to bool): what training reads of a file, a request may
/// have.
std::optional<bool> truth_of(std::string_view text) {
  constexpr size_t kLongest = 5;
  if (text.size() > kLongest) return std::nullopt;
  std::string word;
  for (const char c : text) word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
  };
  if (is_one_of({"true", "t", "yes", "y", "1"})) return true;
  if (is_one_of({"false", "f", "no", "n", "0"})) return false;
  return std::nullopt;
}

/// seen: as the request has it, a JSON string in its quotes.
std::string remedy(const RequestColumn& expected, std::string_view seen) {
  switch (expected.kind) {
    case GivenKind::Date:
    case GivenKind::Timestamp:
    case GivenKind::TimestampTz:
      return "write it as " + std::string(time_example(expected.kind));
    case GivenKind::Boolean:
      return "write true or false";
    case GivenKind::Integer:
    case GivenKind::Real:
      return seen.starts_with('"') ? "a number has no quotes" : "";
    case GivenKind::Text:
      return expected.type == "VARCHAR" ? "put it into quotes" : "";
  }
  return "";
}

}  // namespace

RequestRows RequestRows::pick(const std::vector<size_t>& chosen) const {
  RequestRows out{chosen.size(), {}, picked(keys, chosen)};
  for (const GivenValues& values : columns)
    out.columns.push_back({picked(values.missing, chosen), picked(values.reals, chosen),
                           picked(values.texts, chosen), picked(values.wholes, chosen)});
  return out;
}

void RequestRows::add(const RequestRows& more) {
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  rows += more.rows;
  append(keys, more.keys);
  columns.resize(more.columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    append(columns[c].missing, more.columns[c].missing);
    append(columns[c].reals, more.columns[c].reals);
    append(columns[c].texts, more.columns[c].texts);
    append(columns[c].wholes, more.columns[c].wholes);
  }
}

RowsBuilder::RowsBuilder(const RequestSchema& schema) : schema_(schema) {
  rows_.columns.resize(schema.columns().size());
  set_in_.resize(schema.columns().size());
}

Result<void> RowsBuilder::begin_row() {
  if (rows_.rows >= kMaxRowsPerRequest)
    return user_error("infer.too_many_rows",
                      fmt::format("more than {} rows in one request", kMaxRowsPerRequest), {},
                      "send several requests");
  if ((rows_.rows + 1) * schema_.columns().size() > kMaxValuesPerRequest)
    return user_error(
        "infer.too_large",
        fmt::format("more than {} rows of {} columns in one request", rows_.rows, schema_.columns().size()),
        {}, "send several requests");
  ++rows_.rows;
  for (size_t c = 0; c < rows_.columns.size(); ++c) add_missing(schema_.columns()[c].kind, rows_.columns[c]);
  return {};
}

Result<size_t> RowsBuilder::find(std::string_view name) {
  const auto column = schema_.find(name);
  if (!column) {
    Error error = column.error();
    error.message = fmt::format("row {}: {}", rows_.rows, error.message);
    return std::unexpected(std::move(error));
  }
  if (set_in_[*column] == rows_.rows)
    return user_error("predict.given_twice",
                      fmt::format("row {}: column '{}' is given twice", rows_.rows, name));
  set_in_[*column] = rows_.rows;
  return *column;
}

std::unexpected<Error> RowsBuilder::wrong(size_t column, std::string_view seen) const {
  const RequestColumn& expected = schema_.columns()[column];
  return user_error(
      "predict.type",
      fmt::format("row {}, column '{}': {} is no {}", rows_.rows, expected.name, shown(seen), expected.type),
      {}, remedy(expected, seen));
}

void RowsBuilder::put_whole(size_t column, int64_t value) {
  rows_.columns[column].missing.back() = 0;
  rows_.columns[column].wholes.back() = value;
}

void RowsBuilder::put_real(size_t column, double value) {
  rows_.columns[column].missing.back() = 0;
  rows_.columns[column].reals.back() = value;
}

void RowsBuilder::put_text(size_t column, std::string_view value) {
  rows_.columns[column].missing.back() = 0;
  rows_.columns[column].texts.back() = value;
}

Result<void> RowsBuilder::boolean(size_t column, bool value) {
  if (schema_.columns()[column].kind != GivenKind::Boolean) return wrong(column, value ? "true" : "false");
  put_whole(column, value ? 1 : 0);
  return {};
}

Result<void> RowsBuilder::whole(size_t column, int64_t value, std::string_view token) {
  const RequestColumn& expected = schema_.columns()[column];
  if (expected.kind == GivenKind::Real) return real(column, static_cast<double>(value), token);
  if (expected.cast && !expected.nested) {
    put_text(column, token);
    return {};
  }
  if (expected.kind != GivenKind::Integer || value < expected.least || value > expected.most)
    return wrong(column, token);
  put_whole(column, value);
  return {};
}

Result<void> RowsBuilder::real(size_t column, double value, std::string_view token) {
  const RequestColumn& expected = schema_.columns()[column];
  constexpr double kWhole = 9007199254740992;  // 2^53: a double counts no further in ones
  if (expected.kind == GivenKind::Integer && std::trunc(value) == value && std::abs(value) <= kWhole)
    return whole(column, static_cast<int64_t>(value), token);
  if (expected.cast && !expected.nested) {
    put_text(column, token);
    return {};
  }
  const bool fits =
      expected.type != "FLOAT" || !std::isfinite(value) || std::isfinite(static_cast<float>(value));
  if (expected.kind != GivenKind::Real || !fits) return wrong(column, token);
  put_real(column, value);
  return {};
}

Result<void> RowsBuilder::text(size_t column, std::string_view value) {
  const RequestColumn& expected = schema_.columns()[column];
  switch (expected.kind) {
    case GivenKind::Text:
      if (expected.nested) break;
      put_text(column, value);
      return {};
    case GivenKind::Date:
    case GivenKind::Timestamp:
    case GivenKind::TimestampTz:
      if (const auto time = parse_time(expected.kind, value)) {
        put_whole(column, *time);
        return {};
      }
      break;
    case GivenKind::Boolean:
      if (const auto truth = truth_of(value)) return boolean(column, *truth);
      break;
    default:
      break;
  }
  return wrong(column, to_text(Json(value)));
}

Result<void> RowsBuilder::nested(size_t column, std::string_view json) {
  if (!schema_.columns()[column].nested) return wrong(column, json);
  put_text(column, json);
  return {};
}

Result<void> RowsBuilder::plain(size_t column, std::string_view text_given) {
  const RequestColumn& expected = schema_.columns()[column];
  int64_t number = 0;
  double value = 0;
  switch (expected.kind) {
    case GivenKind::Boolean:
      if (const auto truth = truth_of(text_given)) return boolean(column, *truth);
      return wrong(column, text_given);
    case GivenKind::Integer:
      if (read_all(text_given, number)) return whole(column, number, text_given);
      return read_all(text_given, value) ? real(column, value, text_given) : wrong(column, text_given);
    case GivenKind::Real:
      return read_all(text_given, value) ? real(column, value, text_given) : wrong(column, text_given);
    default:
      break;
  }
  if (!expected.nested) return text(column, text_given);
  return nested(column, text_given);
}

Result<void> RowsBuilder::end_row() {
  std::string key;
  const size_t row = rows_.rows - 1;
  for (const size_t c : schema_.key()) {
    if (rows_.columns[c].missing[row] != 0)
      return user_error("predict.key_missing",
                        fmt::format("row {} has no {}, the key that its answer carries", rows_.rows,
                                    schema_.columns()[c].name));
    key += (key.empty() ? "" : ",") + member(schema_.columns()[c], rows_.columns[c], row);
  }
  if (const auto time = schema_.needed_time(); time && rows_.columns[*time].missing[row] != 0)
    return user_error(
        "predict.time_missing",
        fmt::format("row {} has no {}, and the model's as_of is made from it: what was known by then cannot "
                    "be told",
                    rows_.rows, schema_.columns()[*time].name),
        {}, fmt::format("send it, as {}", time_example(schema_.columns()[*time].kind)));
  const auto [before, fresh] = rows_by_key_.emplace(key, rows_.rows);
  if (!fresh)
    return user_error("predict.key_twice",
                      fmt::format("rows {} and {} have the same key: {}", before->second, rows_.rows, key));
  rows_.keys.push_back(std::move(key));
  return {};
}

Result<RequestRows> RowsBuilder::finish() {
  if (rows_.rows == 0) return user_error("predict.no_rows", "the request has no rows");
  return std::move(rows_);
}

}  // namespace tidemill::serving
