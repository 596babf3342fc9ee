// The program: everything is in run_cli. What escapes it is a bug of ours and says so.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "app/cli.hpp"

namespace {

// XGBoost's threads meet some hundred times a second, and OpenMP's spin while they wait: on a busy machine
// each waits out its rival's whole time slice, and a fit of a fraction of a second took ten. OpenMP reads its
// variables once, as it is loaded, which is when the first model is trained: to be set before any thread.
void let_openmp_sleep() {
  if (::getenv("GOMP_SPINCOUNT") == nullptr) ::setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
}

}  // namespace

int main(int argc, char** argv) {
  let_openmp_sleep();
  try {
    const int code = tidemill::app::run_cli(argc, argv);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    std::fprintf(stderr, "error[io.failed]: cannot write all of the output\n  hint: is the disk full?\n");
    return code == 0 ? 1 : code;
  } catch (const std::exception& e) {
    std::fprintf(stderr,
                 "error[internal]: %s\n  hint: this is a bug of tidemill; nothing that was live is lost\n",
                 e.what());
    return 70;
  }
}
