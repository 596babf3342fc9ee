// What the protocols tell of all deployments together: the repository's index and the statistics, as JSON.
#pragma once

#include "api/inference.hpp"
#include "base/json.hpp"

namespace tidemill::api {

/// {"model_stats": […]} of one deployment, or of every one that serves where the name is empty.
/// Errors as Inference::check().
Result<Json> repository_statistics(const Inference& inference, const std::string& deployment,
                                   std::string_view version);

/// model_metadata() with every version that the deployment serves now. Errors as Inference::check().
Result<Json> repository_metadata(const Inference& inference, const std::string& deployment,
                                 std::string_view version);

enum class Listed { All, ReadyOnly };
/// [{"name", "version", "state", "reason"}, …]
Json repository_index(const Inference& inference, Listed listed);

/// Why models are not loaded and unloaded from outside.
inline constexpr std::string_view kLoadUnsupported =
    "what is served follows the registry's aliases: use `tidemill promote` and `tidemill rollback`";

}  // namespace tidemill::api
