// A request's rows as JSON, read in one pass without a tree of values in between.
#include <fmt/format.h>
#include <simdjson.h>

#include "base/json.hpp"
#include "serving/request_rows.hpp"

namespace tidemill::serving {

namespace {

namespace od = simdjson::ondemand;
using simdjson::SUCCESS;

constexpr size_t kExplainedBytes = size_t{64} << 10;  // where in longer JSON it is broken is not searched

std::unexpected<Error> broken(simdjson::error_code error) {
  return user_error("json.invalid", fmt::format("not valid JSON: {}", simdjson::error_message(error)));
}

std::string_view trimmed(std::string_view token) {
  const size_t end = token.find_last_not_of(" \t\r\n");
  return end == token.npos ? std::string_view() : token.substr(0, end + 1);
}

Result<void> take_number(RowsBuilder& builder, size_t column, od::value& value) {
  const std::string_view token = trimmed(value.raw_json_token());
  od::number number;
  if (value.get_number().get(number) != SUCCESS) {  // maybe whole and beyond 64 bits: a DECIMAL may hold it
    double real = 0;
    if (const auto error = value.get_double().get(real); error != SUCCESS) return broken(error);
    return builder.real(column, real, token);
  }
  if (number.is_int64()) return builder.whole(column, number.get_int64(), token);
  return builder.real(
      column, number.is_uint64() ? static_cast<double>(number.get_uint64()) : number.get_double(), token);
}

Result<void> take_value(RowsBuilder& builder, size_t column, od::value value) {
  od::json_type type;
  if (const auto error = value.type().get(type); error != SUCCESS) return broken(error);
  switch (type) {
    case od::json_type::null: {
      bool is_null = false;
      if (const auto error = value.is_null().get(is_null); error != SUCCESS) return broken(error);
      return {};
    }
    case od::json_type::boolean: {
      bool truth = false;
      if (const auto error = value.get_bool().get(truth); error != SUCCESS) return broken(error);
      return builder.boolean(column, truth);
    }
    case od::json_type::string: {
      std::string_view text;
      if (const auto error = value.get_string().get(text); error != SUCCESS) return broken(error);
      return builder.text(column, text);
    }
    case od::json_type::number:
      return take_number(builder, column, value);
    case od::json_type::array:
    case od::json_type::object: {
      std::string_view json;
      if (const auto error = simdjson::to_json_string(value).get(json); error != SUCCESS)
        return broken(error);
      TM_TRY(const Json checked, parse_json(json));  // raw is not looked into: its nesting has a limit here
      return builder.nested(column, to_text(checked));
    }
    default:
      return broken(simdjson::TAPE_ERROR);
  }
}

Result<void> take_record(RowsBuilder& builder, od::object object) {
  TM_CHECK(builder.begin_row());
  for (auto item : object) {
    od::field field;
    if (const auto error = std::move(item).get(field); error != SUCCESS) return broken(error);
    std::string_view name;
    if (const auto error = field.unescaped_key().get(name); error != SUCCESS) return broken(error);
    TM_TRY(const size_t column, builder.find(name));
    TM_CHECK(take_value(builder, column, field.value()));
  }
  return builder.end_row();
}

Result<void> take_records(RowsBuilder& builder, od::array array) {
  for (auto item : array) {
    od::value value;
    if (const auto error = item.get(value); error != SUCCESS) return broken(error);
    od::object record;
    const auto error = value.get_object().get(record);
    if (error == simdjson::INCORRECT_TYPE)
      return user_error("predict.malformed",
                        fmt::format("row {} is no object of columns and values", builder.row() + 1));
    if (error != SUCCESS) return broken(error);
    TM_CHECK(take_record(builder, record));
  }
  return {};
}

Result<RequestRows> read_rows(const RequestSchema& schema, std::string_view body) {
  od::parser parser;
  std::string padded;
  padded.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  padded.assign(body).append(simdjson::SIMDJSON_PADDING, '\0');
  od::document document;
  if (const auto error = parser.iterate(padded.data(), body.size(), padded.size()).get(document);
      error != SUCCESS)
    return broken(error);
  od::json_type type;
  if (const auto error = document.type().get(type); error != SUCCESS) return broken(error);
  RowsBuilder builder(schema);
  if (type == od::json_type::array) {
    od::array array;
    if (const auto error = document.get_array().get(array); error != SUCCESS) return broken(error);
    TM_CHECK(take_records(builder, array));
  } else if (type == od::json_type::object) {
    od::object object;
    if (const auto error = document.get_object().get(object); error != SUCCESS) return broken(error);
    TM_CHECK(take_record(builder, object));
  } else {
    return user_error("predict.malformed", "the body must be a record, or a list of records", {},
                      fmt::format("[{{\"{}\": …}}]", schema.columns()[schema.key()[0]].name));
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return broken(simdjson::TRAILING_CONTENT);
  return builder.finish();
}

}  // namespace

Result<RequestRows> rows_from_json(const RequestSchema& schema, std::string_view body) {
  auto rows = read_rows(schema, body);
  if (rows || rows.error().code != "json.invalid" || body.size() > kExplainedBytes) return rows;
  // Where and how it is broken, in the words that all our JSON has.
  if (const auto json = parse_json(body); !json) return std::unexpected(json.error());
  return rows;
}

}  // namespace tidemill::serving
