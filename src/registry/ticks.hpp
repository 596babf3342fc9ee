// What begins with a run, in its first transaction. Private to the room.
#pragma once

#include "registry/impl.hpp"

namespace tidemill::registry {

/// Within the transaction that begins the run. Error registry.tick_taken when the tick has a run already that
/// was not interrupted, or is over.
Result<void> take_tick(Registry::Impl& impl, const Tick& tick, const std::string& run);
Result<void> add_attempt(Registry::Impl& impl, const Attempt& attempt, const std::string& run);

}  // namespace tidemill::registry
