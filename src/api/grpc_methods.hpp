// The methods of inference.GRPCInferenceService and grpc.health.v1.Health: the Open Inference Protocol with
// Triton's extensions, and the probe of gRPC's own tools.
#pragma once

#include <vector>

#include "api/grpc_method.hpp"
#include "api/inference.hpp"

namespace tidemill::api {

/// The inference must outlive what is returned.
std::vector<GrpcMethod> grpc_methods(Inference& inference);

}  // namespace tidemill::api
