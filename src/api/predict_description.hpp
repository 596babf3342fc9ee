// What /predict takes and answers, for the OpenAPI document.
#pragma once

#include <optional>

#include "api/description.hpp"
#include "serving/deployments.hpp"

namespace tidemill::api {

Json predict_schemas();

Description describe_predict();
/// … of one deployment: the columns of its request source. Nothing where requests are the features.
std::optional<Description> describe_predict_of(const serving::LiveModel& live);

}  // namespace tidemill::api
