// The SQL around a version's transforms that lets requests pass them. Pure text.
#pragma once

#include <string>
#include <vector>

#include "engine/column_reading.hpp"
#include "engine/given_rows.hpp"
#include "serving/request_path.hpp"

namespace tidemill::serving {

/// What is handed to SQL for each row: its number, the values of the schema's columns, and for each holder
/// whether what it dates is known.
std::vector<engine::GivenColumn> given_columns(const RequestPath& path);

/// The request source as transforms see it: what is not known is NULL. relation: of the given rows.
std::string request_view(const RequestPath& path, const std::string& relation);

/// A transform as a view, in the types that its table is stored with. columns and stored: of its SELECT.
std::string transform_view(const RequestPath::Transform& transform,
                           const std::vector<engine::Column>& columns,
                           const std::vector<engine::Column>& stored);

/// A row's number (NULL: its key is no request's), then the features, then whether each holder lies no later
/// than as_of.
struct FeatureColumn {
  std::string name;
  engine::Reading reading = engine::Reading::Number;
};
std::string features_select(const RequestPath& path, const std::vector<FeatureColumn>& features,
                            const std::vector<engine::Column>& from_columns, const std::string& relation);

/// Number and column of every value that is none of its column's type; nothing when SQL casts no column.
std::optional<std::string> misfits_select(const RequestPath& path, const std::string& relation);

}  // namespace tidemill::serving
