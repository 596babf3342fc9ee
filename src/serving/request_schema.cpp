#include "serving/request_schema.hpp"

#include <fmt/format.h>

#include "engine/names.hpp"

namespace tidemill::serving {

namespace {

using engine::GivenKind;

void whole(RequestColumn& column, int64_t least, int64_t most) {
  column.kind = GivenKind::Integer;
  column.least = least;
  column.most = most;
}

RequestColumn column_of(engine::Column declared) {
  RequestColumn column;
  column.name = std::move(declared.name);
  column.type = std::move(declared.type);
  const std::string& type = column.type;
  if (type == "TINYINT")
    whole(column, INT8_MIN, INT8_MAX);
  else if (type == "SMALLINT")
    whole(column, INT16_MIN, INT16_MAX);
  else if (type == "INTEGER")
    whole(column, INT32_MIN, INT32_MAX);
  else if (type == "BIGINT")
    whole(column, INT64_MIN, INT64_MAX);
  else if (type == "UTINYINT")
    whole(column, 0, UINT8_MAX);
  else if (type == "USMALLINT")
    whole(column, 0, UINT16_MAX);
  else if (type == "UINTEGER")
    whole(column, 0, UINT32_MAX);
  else if (type == "BOOLEAN")
    column.kind = GivenKind::Boolean;
  else if (type == "FLOAT" || type == "DOUBLE")
    column.kind = GivenKind::Real;
  else if (type == "DATE")
    column.kind = GivenKind::Date;
  else if (type == "TIMESTAMP")
    column.kind = GivenKind::Timestamp;
  else if (type == "TIMESTAMP WITH TIME ZONE")
    column.kind = GivenKind::TimestampTz;
  else if (type != "VARCHAR")
    column.cast = true;
  column.nested = type.ends_with(']') || type.starts_with("STRUCT(") || type.starts_with("MAP(");
  return column;
}

}  // namespace

std::string RequestColumn::expression(const std::string& given) const {
  const bool as_it_is = type == "BIGINT" || type == "DOUBLE" || type == "VARCHAR";
  const bool exact = kind != GivenKind::Integer && kind != GivenKind::Real && !cast;
  if (as_it_is || exact) return given;
  return nested ? fmt::format("CAST(CAST({} AS JSON) AS {})", given, type)
                : fmt::format("CAST({} AS {})", given, type);
}

std::string RequestColumn::try_expression(const std::string& given) const {
  return nested ? fmt::format("TRY_CAST(TRY_CAST({} AS JSON) AS {})", given, type)
                : fmt::format("TRY_CAST({} AS {})", given, type);
}

Result<RequestSchema> RequestSchema::make(Source source) {
  RequestSchema schema;
  schema.source_ = std::move(source.name);
  schema.time_column_ = std::move(source.time_column);
  for (engine::Column& column : source.columns) {
    schema.by_name_.emplace(engine::folded_name(column.name), schema.columns_.size());
    schema.columns_.push_back(column_of(std::move(column)));
  }
  if (const auto time = schema.by_name_.find(engine::folded_name(schema.time_column_));
      source.needs_time && time != schema.by_name_.end())
    schema.needed_time_ = time->second;
  for (const std::string& name : source.key) {
    const auto found = schema.by_name_.find(engine::folded_name(name));
    if (found == schema.by_name_.end())
      return user_error("serving.request",
                        fmt::format("the key {} is no column of {}: no answer could be told from another",
                                    name, schema.source_));
    schema.key_.push_back(found->second);
  }
  if (schema.key_.empty())
    return user_error(
        "serving.request",
        fmt::format("source {} has no key: no answer could be told from another", schema.source_));
  return schema;
}

Result<size_t> RequestSchema::find(std::string_view name) const {
  if (const auto found = by_name_.find(engine::folded_name(name)); found != by_name_.end())
    return found->second;
  std::vector<std::string> known;
  for (const RequestColumn& column : columns_) known.push_back(column.name);
  return user_error("predict.unknown_column", fmt::format("{} has no column '{}'", source_, name), {},
                    did_you_mean(name, known));
}

}  // namespace tidemill::serving
