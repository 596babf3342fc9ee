// The command line: words to options to a command.
#pragma once

namespace tidemill::app {

/// Parses the arguments and runs the command. Returns the exit code.
int run_cli(int argc, char** argv);

}  // namespace tidemill::app
