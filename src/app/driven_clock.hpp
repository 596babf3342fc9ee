// A clock that tests drive: the time that stands in the file which TIDEMILL_CLOCK names.
#pragma once

#include <memory>

#include "base/clock.hpp"

namespace tidemill::app {

/// Null when TIDEMILL_CLOCK is not set. While the file cannot be read, the time stays as it was read last; at
/// first it is the system's.
std::shared_ptr<const Clock> driven_clock();
/// The driven clock, or the system's.
std::shared_ptr<const Clock> clock_of_process();

}  // namespace tidemill::app
