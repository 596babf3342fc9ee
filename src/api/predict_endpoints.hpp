// POST /predict/DEPLOYMENT: raw rows of the deployment's request source in, predictions out.
#pragma once

#include <vector>

#include "api/endpoint.hpp"
#include "api/inference.hpp"

namespace tidemill::api {

/// The inference must outlive what is returned.
std::vector<Endpoint> predict_endpoints(Inference& inference);

}  // namespace tidemill::api
