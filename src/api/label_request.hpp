// Labels in the body of a request, as JSON or CSV.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitoring/labels.hpp"

namespace tidemill::api {

/// {"labels": [{"prediction_id": "…", "row": 0, "value": true}, {"key": {"id": 7}, "value": 1}]}; row is 0
/// where it is not said. Errors: label.malformed, with what is wrong with which label, the first of them;
/// label.too_many; json.*.
Result<std::vector<monitoring::GivenLabel>> labels_from_json(std::string_view body);

/// A line of names: prediction_id, row or the key's columns, and value. A value that is written as a number
/// is one. Errors: label.malformed, label.too_many, csv.*.
Result<std::vector<monitoring::GivenLabel>> labels_from_csv(std::string_view body,
                                                            const std::vector<std::string>& key);

}  // namespace tidemill::api
