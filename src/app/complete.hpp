// What may stand where the cursor is. The shells' scripts (`tidemill completion bash`) ask it for every word,
// so that commands, options and names of the project are known in one place.
#pragma once

#include <string>
#include <vector>

#include "app/session.hpp"

namespace CLI {
class App;
}

namespace tidemill::app {

/// words: the command line behind "tidemill", the last one unfinished or empty. Nothing: a file may stand
/// there. Reads the project file, makes nothing.
std::vector<std::string> completions(const CLI::App& cli, const std::vector<std::string>& words);

}  // namespace tidemill::app
