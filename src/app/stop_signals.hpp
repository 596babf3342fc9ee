// Ctrl-C and its kin for commands that end in order.
#pragma once

#include <atomic>

namespace tidemill::app {

/// SIGINT, SIGTERM and SIGHUP (unless it is ignored, as under nohup) set the flag, once; a second one ends
/// the program and its commands the hard way, which a home survives too.
const std::atomic<bool>& end_in_order_on_signals();

}  // namespace tidemill::app
