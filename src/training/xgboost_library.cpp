#include "training/xgboost_library.hpp"

#include "base/shared_library.hpp"

namespace tidemill::training {

#define TIDEMILL_DEFINE(name) decltype(&::name) name = nullptr;
TIDEMILL_XGBOOST_FUNCTIONS(TIDEMILL_DEFINE)
#undef TIDEMILL_DEFINE

namespace {

#define TIDEMILL_ENTRY(name) {#name, &name},
constexpr LibraryFunction kFunctions[] = {TIDEMILL_XGBOOST_FUNCTIONS(TIDEMILL_ENTRY)};
#undef TIDEMILL_ENTRY

}  // namespace

Result<void> load_xgboost() {
  static const Result<void> loaded = load_library(TIDEMILL_XGBOOST_LIBRARY, kFunctions);
  return loaded;
}

}  // namespace tidemill::training
