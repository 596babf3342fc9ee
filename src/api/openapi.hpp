// The OpenAPI document: the endpoints that the router has, as they describe themselves, in one place.
#pragma once

#include <vector>

#include "api/endpoint.hpp"
#include "api/inference.hpp"

namespace tidemill::api {

enum class Tokens { Demanded, NotDemanded };

/// OpenAPI 3.1. Beside the paths with {deployment}, each deployment that is live has paths of its own, with
/// the inputs and outputs of its version and the columns of its request source.
Json openapi(const std::vector<Endpoint>& endpoints, const Inference& inference, Tokens tokens);

}  // namespace tidemill::api
