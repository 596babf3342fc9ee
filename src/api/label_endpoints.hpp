// POST /labels/DEPLOYMENT: what turned out to be true of predictions.
#pragma once

#include <memory>
#include <vector>

#include "api/endpoint.hpp"
#include "monitoring/labels.hpp"
#include "serving/deployments.hpp"

namespace tidemill::api {

/// Both must outlive what is returned. clock: when labels come.
std::vector<Endpoint> label_endpoints(monitoring::Labels& labels, const serving::Deployments& deployments,
                                      std::shared_ptr<const Clock> clock);

}  // namespace tidemill::api
