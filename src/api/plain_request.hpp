// The usual form of a request in the Open Inference Protocol's JSON, read in one pass over its bytes: about a
// third of what the general reader takes for one row. What is in another form is the general reader's
// (v2_request.cpp), which also says what is wrong with what is wrong.
#pragma once

#include <string_view>

#include "api/v2.hpp"

namespace tidemill::api {

/// Usual: {"id": …, "inputs": [{"name": …, "shape": …, "datatype": …, "data": …}, …]}, nothing else, each
/// once, "data" the last of its input; texts are printable ASCII without escapes. Then it is exactly what the
/// general reader makes of it, whatever was in `out`, whose memory is used again. False: in another form, or
/// wrong, and `out` is of no use.
bool read_plain_request(std::string_view body, V2Request& out);

}  // namespace tidemill::api
