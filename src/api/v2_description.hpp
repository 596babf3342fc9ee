// What the Open Inference Protocol V2's paths take and answer, for the OpenAPI document.
#pragma once

#include "api/description.hpp"
#include "serving/deployments.hpp"

namespace tidemill::api {

/// The protocol's schemas by name.
Json v2_schemas();

Description describe_infer(std::string operation);
/// … of one deployment: its inputs by name and kind, its outputs.
Description describe_infer_of(const serving::LiveModel& live);
/// A look at something: its answer is one of v2_schemas().
Description describe_look(std::string operation, std::string_view summary, std::string_view schema);
/// 200 or 503, both without a body.
Description describe_health(std::string operation, std::string_view summary);
Description describe_repository_index();
/// What of Triton's extensions is not here: 501.
Description describe_unsupported(std::string operation, std::string_view why);

}  // namespace tidemill::api
