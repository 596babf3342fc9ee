// Acts on what is decided of retraining: gathers what is so, has it decided, keeps it, and only then does it.
// Whatever is cut short, the next look sees from the registry what was done. Used by one thread of the one
// scheduler of a home.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "app/child_run.hpp"
#include "app/events.hpp"
#include "app/retraining_facts.hpp"

namespace tidemill::app {

class Retrainer {
 public:
  struct Options {
    registry::Registry& registry;
    EventSink tell;
    RetrainingSources sources;
  };
  explicit Retrainer(Options options) : options_(std::move(options)) {}
  void use(const project::Project& project) { project_ = project; }

  enum class Slot { Free, Taken };  // whether a run could begin now
  void look(Instant now, Slot slot);
  struct Due {
    registry::Attempt attempt;
    bool promotes = false;  // what passes the gate is champion at the run's end
  };
  /// The run that the last look asked for.
  std::optional<Due> due() const { return due_; }
  void began() { due_.reset(); }
  void ended(const registry::Attempt& attempt, const ChildRun::End& end);
  /// A scheduled run is over: a version that it made and that waits for a rollout is taken up as a
  /// retraining.
  Result<void> take_up(const registry::Run& run);
  /// When the next look is to come at the latest: soon where a step was taken and what it asks for is still
  /// to be done, or nothing is known yet of a challenger; once a run may begin where one waits for its turn.
  enum class Again { Later, WhenARunMayBegin, Soon };
  Again again() const { return again_; }

 private:
  Result<void> look_at(const project::Model& model, Instant now, Slot slot);
  Result<monitoring::Retraining> kept(const std::string& model);
  Result<void> act(const monitoring::Policy& policy, const monitoring::Act& act);
  void tell(const monitoring::Policy& policy, const monitoring::Decision& decision, Instant now);

  Options options_;
  project::Project project_;
  std::optional<Due> due_;
  Again again_ = Again::Later;
  struct FailedStart {
    int attempt = 0;
    std::string error;
  };
  std::map<std::string, FailedStart> failed_starts_;  // by model: runs that ended before they began
  std::map<std::string, std::string> troubles_;       // by model, that were said
};

}  // namespace tidemill::app
