// The Open Inference Protocol V2 over HTTP: its paths. What its bodies say is v2.hpp's.
#pragma once

#include <vector>

#include "api/endpoint.hpp"
#include "api/inference.hpp"

namespace tidemill::api {

/// The inference must outlive what is returned.
std::vector<Endpoint> v2_endpoints(Inference& inference);

}  // namespace tidemill::api
