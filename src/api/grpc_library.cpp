#include "api/grpc_library.hpp"

#include "base/log.hpp"
#include "base/shared_library.hpp"

namespace tidemill::api {

#define TIDEMILL_DEFINE(name) decltype(&::name) name = nullptr;
TIDEMILL_GRPC_FUNCTIONS(TIDEMILL_DEFINE)
#undef TIDEMILL_DEFINE

namespace {

#define TIDEMILL_ENTRY(name) {#name, &name},
constexpr LibraryFunction kFunctions[] = {TIDEMILL_GRPC_FUNCTIONS(TIDEMILL_ENTRY)};
#undef TIDEMILL_ENTRY

Result<void> load() {
  TM_CHECK(load_library(TIDEMILL_GRPC_LIBRARY, kFunctions));
  // What it has to say is about single connections, and anybody who can connect can make it say it.
  gpr_set_log_function([](gpr_log_func_args* said) { log::debug("grpc: {}", said->message); });
  grpc_init();
  return {};
}

}  // namespace

Result<void> load_grpc() {
  static const Result<void> loaded = load();
  return loaded;
}

}  // namespace tidemill::api
