// What MLflow's paths take and answer, for the OpenAPI document.
#pragma once

#include "api/description.hpp"
#include "serving/deployments.hpp"

namespace tidemill::api {

/// The protocol's schemas by name.
Json mlflow_schemas();

Description describe_invocations(std::string operation);
/// … of one deployment: its columns.
Description describe_invocations_of(const serving::LiveModel& live);
Description describe_version();

}  // namespace tidemill::api
