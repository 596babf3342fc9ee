// What the endpoints that change something take and answer, for the OpenAPI document.
#pragma once

#include "api/description.hpp"

namespace tidemill::api {

Json change_schemas();

Description describe_promote();
Description describe_rollback();
Description describe_rollout();
Description describe_deployments();
Description describe_deployment();

}  // namespace tidemill::api
