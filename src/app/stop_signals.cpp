#include "app/stop_signals.hpp"

#include <csignal>
#include <cstdlib>

#include "base/process.hpp"

namespace tidemill::app {

namespace {

std::atomic<bool> stop_asked{false};

void on_signal(int signal) {
  if (!stop_asked.exchange(true)) return;
  kill_children();
  std::_Exit(128 + signal);
}

}  // namespace

const std::atomic<bool>& end_in_order_on_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A terminal that goes away; who started us with nohup wants the work to go on.
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  return stop_asked;
}

}  // namespace tidemill::app
