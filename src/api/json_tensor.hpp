// A tensor's values as JSON: flat or nested exactly as its shape says.
#pragma once

#include "api/datatype.hpp"
#include "api/json_reading.hpp"
#include "api/text_writer.hpp"

namespace tidemill::api {

/// Reads so many values into the tensor's empty column; a null is missing. type is find_datatype()'s, values
/// what serving::values_of_shape() said. Stops at the first that does not fit. Errors: infer.shape,
/// v2.datatype, json.invalid.
Result<void> read_tensor_json(od::array data, const DataType& type, size_t values, serving::Tensor& tensor);

/// One value of a tensor, as JSON; a number keeps its point, NaN and a missing text are null.
void append_json(TextWriter& out, const serving::Tensor& tensor, size_t i);
/// Appends the text as a JSON string, quotes included; as to_text() would write it.
void append_json_text(TextWriter& out, std::string_view text);

}  // namespace tidemill::api
