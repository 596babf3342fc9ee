// A prediction request as protocol/inference.proto has it, from its bytes to a value, in one pass and without
// an object for every field in between.
#pragma once

#include "api/v2.hpp"

namespace tidemill::api {

/// Inputs have either typed contents or, all of them, their share of raw_input_contents. As the JSON's
/// reader: it stops at the first value that shape or datatype do not hold, and a shape beyond the limits is
/// refused before its values are read. The model's name and version are left to others. Errors:
/// grpc.malformed, v2.* and infer.* (User), with the input's name.
Result<V2Request> read_infer_request(std::string_view message);

}  // namespace tidemill::api
