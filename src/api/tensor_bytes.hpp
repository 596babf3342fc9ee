// A tensor's values as the protocol's raw bytes, in HTTP's binary tensors and gRPC's raw contents alike:
// little-endian and row-major, BOOL one byte, BYTES each a u32 length and so many bytes.
#pragma once

#include <string>
#include <string_view>

#include "api/datatype.hpp"

namespace tidemill::api {

/// Reads so many values into the tensor's empty column. type is find_datatype()'s, values what
/// serving::values_of_shape() said: nothing is set aside before the bytes are known to be that many.
/// A NaN is missing. Errors: infer.shape (more or fewer bytes than the shape says), v2.datatype (a BOOL that
/// is neither 0 nor 1, text that is not UTF-8).
Result<void> read_tensor_bytes(std::string_view bytes, const DataType& type, size_t values,
                               serving::Tensor& tensor);

/// Behind what `out` holds. For the datatypes that predictions have: FP64, BOOL, BYTES.
void append_tensor_bytes(std::string& out, const serving::Tensor& tensor);

}  // namespace tidemill::api
