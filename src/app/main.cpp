// The program: everything is in run_cli. What escapes it is a bug of ours and says so.
#include <cstdio>
#include <exception>

#include "app/cli.hpp"

int main(int argc, char** argv) {
  try {
    return tidemill::app::run_cli(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr,
                 "error[internal]: %s\n  hint: this is a bug of tidemill; nothing that was live is lost\n",
                 e.what());
    return 70;
  }
}
