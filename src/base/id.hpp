// Ids that sort by the time they were made: run ids, prediction ids.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace tidemill {

/// "20131103-053000-1f9a2c": UTC second and 24 random bits; unique enough for folders of one home, which also
/// checks.
std::string make_run_id(Instant now);
/// 128 random bits from the kernel as 32 hexadecimal digits.
std::string random_id();

}  // namespace tidemill
