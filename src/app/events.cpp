#include "app/events.hpp"

#include <array>

namespace tidemill::app {

std::string_view to_text(Event::Kind kind) {
  static constexpr std::array<std::string_view, 6> kWords{"done",     "failed",      "rejected",
                                                          "promoted", "rolled_back", "refused"};
  return kWords[static_cast<size_t>(kind)];
}

}  // namespace tidemill::app
