// A request's rows as JSON, read in one pass without a tree of values in between.
#include <fmt/format.h>

#include "base/json_reading.hpp"
#include "serving/request_rows.hpp"

namespace tidemill::serving {

namespace {

std::string_view trimmed(std::string_view token) {
  const size_t end = token.find_last_not_of(" \t\r\n");
  return end == token.npos ? std::string_view() : token.substr(0, end + 1);
}

Result<void> take_number(RowsBuilder& builder, size_t column, od::value& value) {
  const std::string_view token = trimmed(value.raw_json_token());
  if (int64_t whole = 0; value.get_int64().get(whole) == SUCCESS) return builder.whole(column, whole, token);
  double real = 0;
  if (const auto error = get_real(value, real); error != SUCCESS) return broken(error);
  return builder.real(column, real, token);
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
  TM_CHECK(each_member(object, [&](std::string_view name, od::value value) -> Result<void> {
    TM_TRY(const size_t column, builder.find(name));
    return take_value(builder, column, value);
  }));
  return builder.end_row();
}

Result<void> take_records(RowsBuilder& builder, od::array array) {
  return each_element(array, [&](od::value value) -> Result<void> {
    od::object record;
    const auto error = value.get_object().get(record);
    if (error == simdjson::INCORRECT_TYPE)
      return user_error("predict.malformed",
                        fmt::format("row {} is no object of columns and values", builder.row() + 1));
    if (error != SUCCESS) return broken(error);
    return take_record(builder, record);
  });
}

Result<RequestRows> read_rows(const RequestSchema& schema, od::document& document) {
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
  return builder.finish();
}

}  // namespace

Result<RequestRows> rows_from_json(const RequestSchema& schema, std::string_view body) {
  return read_json(body, [&](od::document& document) { return read_rows(schema, document); });
}

}  // namespace tidemill::serving
