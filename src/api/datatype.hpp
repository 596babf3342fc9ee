// The protocol's datatypes: their names, their width in bytes and what whole numbers they hold. One table for
// JSON, binary tensors and gRPC. A value becomes the double nearest to it, which is what training makes of a
// BIGINT column too.
#pragma once

#include <cstdint>
#include <string_view>

#include "serving/infer.hpp"

namespace tidemill::api {

enum class Kind { Bool, Unsigned, Signed, Real, Text };

struct DataType {
  std::string_view name;
  Kind kind;
  size_t bytes;  // of one value; 0: as long as it is
  int64_t least = 0;
  uint64_t most = 0;

  bool holds(int64_t whole) const {
    return whole >= least && (whole < 0 || static_cast<uint64_t>(whole) <= most);
  }
  bool holds(uint64_t whole) const { return whole <= most; }
};

/// The datatype that an input says it has. Error v2.datatype, with the nearest known one.
Result<const DataType*> find_datatype(const serving::Tensor& input);

}  // namespace tidemill::api
