// POST /labels/DEPLOYMENT: what turned out to be true of predictions.
#pragma once

#include <vector>

#include "api/endpoint.hpp"
#include "monitoring/labels.hpp"
#include "serving/deployments.hpp"

namespace tidemill::api {

/// Both must outlive what is returned.
std::vector<Endpoint> label_endpoints(monitoring::Labels& labels, const serving::Deployments& deployments);

}  // namespace tidemill::api
