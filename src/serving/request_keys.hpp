// Keys of requests that are features: inputs of their own, beside the features, that name the rows. So a
// label finds such a prediction by its key, as it finds one of a source's rows.
#pragma once

#include "serving/infer.hpp"

namespace tidemill::serving {

/// Takes the inputs that are columns of the key, and no features, out of the request, and keeps each row's
/// key in request.keys. A column of the key that is a feature counts, and stays. Nothing happens without any
/// such input, and to one tensor of all features. Errors: infer.key (a column of the key is not there, or a
/// row has no value, or a number that a double does not hold), infer.shape, infer.duplicate_input,
/// infer.no_inputs.
Result<void> take_keys(InferRequest& request, const LiveModel& live);

}  // namespace tidemill::serving
