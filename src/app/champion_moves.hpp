// Tells of every move of an alias that counts: each model's champion, and what deployments serve. Whoever
// moved it, a command, a caller, a run or a retraining, made a release of it, so the releases are read from
// where they were read to, which the home keeps. Used by one thread of the one scheduler of a home.
#pragma once

#include "app/events.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::app {

class ChampionMoves {
 public:
  struct Options {
    registry::Registry& registry;
    EventSink tell;
  };
  explicit ChampionMoves(Options options) : options_(std::move(options)) {}
  void use(const project::Project& project);
  /// What moved before the first look of a home is not told. A move that was told is told again only if this
  /// process dies before it is kept, with the same id.
  void look(Instant now);

 private:
  struct Served {
    std::string model, alias;
    std::string deployment;  // the first by name; empty: none
  };
  Result<void> tell_of_releases(Instant now);
  void tell_of(const registry::Release& before, const registry::Release& after, Instant now) const;

  Options options_;
  std::vector<Served> served_;
  std::optional<int64_t> told_, kept_;  // the release up to which was told, and as the home has it
  int64_t generation_ = -1;             // of the registry, that was looked at
  bool troubled_ = false;               // the registry could not be read or written, which was said
};

}  // namespace tidemill::app
