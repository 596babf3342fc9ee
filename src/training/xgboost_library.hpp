// The functions of XGBoost's C API that this room calls, as pointers of the same names, and how they are
// loaded: as in engine/duckdb_library.hpp, inside tidemill::training a name finds the pointer, and the
// program is not linked with XGBoost.
#pragma once

#include <xgboost/c_api.h>

#include "base/error.hpp"

// clang-format off: a list, sorted
#define TIDEMILL_XGBOOST_FUNCTIONS(CALL) \
  CALL(XGBGetLastError) CALL(XGBRegisterLogCallback) CALL(XGBoostVersion) CALL(XGBoosterCreate) \
  CALL(XGBoosterEvalOneIter) CALL(XGBoosterFree) CALL(XGBoosterSaveModelToBuffer) CALL(XGBoosterSetParam) \
  CALL(XGBoosterSetStrFeatureInfo) CALL(XGBoosterSlice) CALL(XGBoosterUpdateOneIter) \
  CALL(XGDMatrixCreateFromDense) CALL(XGDMatrixFree) CALL(XGDMatrixSetFloatInfo) \
  CALL(XGDMatrixSetStrFeatureInfo)
// clang-format on

namespace tidemill::training {

// Null until load_xgboost() has succeeded; never written again.
#define TIDEMILL_DECLARE(name) extern decltype(&::name) name;
TIDEMILL_XGBOOST_FUNCTIONS(TIDEMILL_DECLARE)
#undef TIDEMILL_DECLARE

/// Loads the library, once in a process; every later call gives the first one's answer.
/// Errors: library.missing, library.function.
Result<void> load_xgboost();

}  // namespace tidemill::training
