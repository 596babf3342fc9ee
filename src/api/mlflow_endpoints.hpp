// MLflow's scoring server over HTTP: its paths. What its bodies say is mlflow.hpp's.
#pragma once

#include <vector>

#include "api/endpoint.hpp"
#include "api/inference.hpp"

namespace tidemill::api {

/// The protocol knows one model: /invocations asks the only deployment; where there are several,
/// /invocations/{deployment} names one. The inference must outlive what is returned.
std::vector<Endpoint> mlflow_endpoints(Inference& inference);

}  // namespace tidemill::api
