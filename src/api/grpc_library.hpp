// The functions of gRPC's C library that this room calls, as pointers of the same names, and how they are
// loaded: as in engine/duckdb_library.hpp, inside tidemill::api a name finds the pointer, and the program is
// not linked with gRPC, whose fifty shared libraries would cost every start more than all else together. The
// only header that includes gRPC's.
#pragma once

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "base/error.hpp"

// clang-format off: a list, sorted
#define TIDEMILL_GRPC_FUNCTIONS(CALL) \
  CALL(gpr_inf_future) CALL(gpr_now) CALL(gpr_set_log_function) CALL(gpr_time_cmp) CALL(gpr_time_sub) CALL(grpc_byte_buffer_destroy) \
  CALL(grpc_call_details_destroy) CALL(grpc_call_details_init) CALL(grpc_call_start_batch) CALL(grpc_call_unref) \
  CALL(grpc_completion_queue_create_for_next) CALL(grpc_completion_queue_destroy) CALL(grpc_completion_queue_next) \
  CALL(grpc_completion_queue_shutdown) CALL(grpc_init) CALL(grpc_insecure_server_credentials_create) \
  CALL(grpc_metadata_array_destroy) CALL(grpc_metadata_array_init) CALL(grpc_raw_byte_buffer_create) \
  CALL(grpc_resource_quota_arg_vtable) CALL(grpc_resource_quota_create) CALL(grpc_resource_quota_resize) \
  CALL(grpc_resource_quota_unref) CALL(grpc_server_add_http2_port) CALL(grpc_server_cancel_all_calls) \
  CALL(grpc_server_create) CALL(grpc_server_credentials_release) CALL(grpc_server_destroy) \
  CALL(grpc_server_register_completion_queue) CALL(grpc_server_request_call) \
  CALL(grpc_server_shutdown_and_notify) CALL(grpc_server_start) CALL(grpc_slice_from_copied_buffer) \
  CALL(grpc_slice_unref) CALL(grpc_ssl_server_certificate_config_create) \
  CALL(grpc_ssl_server_credentials_create_options_using_config_fetcher) \
  CALL(grpc_ssl_server_credentials_create_with_options)
// clang-format on

namespace tidemill::api {

// Null until load_grpc() has succeeded; never written again.
#define TIDEMILL_DECLARE(name) extern decltype(&::name) name;
TIDEMILL_GRPC_FUNCTIONS(TIDEMILL_DECLARE)
#undef TIDEMILL_DECLARE

/// Loads the library and starts it, once in a process; every later call gives the first one's answer.
/// Errors: library.missing, library.function.
Result<void> load_grpc();

}  // namespace tidemill::api
