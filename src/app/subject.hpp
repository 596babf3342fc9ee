// A subject as the command line names it: a row's key, and what holds it still.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "monitoring/forget.hpp"

namespace tidemill::app {

/// "7", where the key is one column; "flight_id=7" of each column. Of no columns nothing, whatever the words
/// are: who looks for a subject by it says that there is no key. Error usage.arguments.
Result<Json> key_from_words(const std::vector<std::string>& columns, const std::vector<std::string>& words);

/// A line for each snapshot, and one for the versions; each begins with a line feed.
std::string holders_text(const monitoring::Forgotten& found);

}  // namespace tidemill::app
