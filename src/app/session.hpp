// What every command starts from: the global options, the loaded project, the open registry, the clock.
#pragma once

#include <memory>

#include "base/clock.hpp"
#include "pipeline/budget.hpp"
#include "project/project.hpp"
#include "registry/registry.hpp"

namespace tidemill::app {

struct GlobalOptions {
  Path project;  // tidemill.yaml or its folder; empty: found upwards from here
  std::string environment;
  std::optional<Path> home;
  std::map<std::string, std::string> parameters;
  std::optional<Instant> as_of;
  std::optional<int> threads;  // TIDEMILL_THREADS and TIDEMILL_MEMORY: they come before the project file
  std::optional<int64_t> memory_bytes;
  bool json = false;
  bool quiet = false;
  bool color = false;  // stderr is a terminal and NO_COLOR is not set
};

struct Session {
  project::Project project;
  std::shared_ptr<const Clock> clock;
  std::unique_ptr<registry::Registry> registry;
};

/// Reads TIDEMILL_THREADS and TIDEMILL_MEMORY. Error: usage.environment.
Result<void> read_limits(GlobalOptions& global);
/// For what works without a project.
pipeline::Budget budget_of(const GlobalOptions& global);

std::shared_ptr<const Clock> clock_of(const GlobalOptions& global);
std::expected<project::Project, Errors> load_project(const GlobalOptions& global);
/// Loads the project and opens its home. ReadOnly commands do not make a home: without one the error says to
/// run first.
std::expected<Session, Errors> open_session(const GlobalOptions& global, registry::Options::Mode mode);
/// For commands that change nothing but keep what they found out, or follow what others change: writable
/// where that is possible, else ReadOnly.
std::expected<Session, Errors> open_session_to_look(const GlobalOptions& global);

/// The home takes nothing: its disk is full or mounted read-only, or it is somebody else's.
bool is_unwritable(const Error& error);

/// Keys of the project file that this version reads and does nothing about: nobody shall wait for them.
void warn_of_idle_keys(const GlobalOptions& global, const project::Project& project);
/// Deployments that wait for what nobody seems to make: versions of another name, and monitors without a log.
void warn_of_idle_deployments(const GlobalOptions& global, const Session& session);
/// Features of champions that the next version is made without, though nobody said so: `fairness` has them.
void warn_of_lost_features(const GlobalOptions& global, const Session& session);

}  // namespace tidemill::app
