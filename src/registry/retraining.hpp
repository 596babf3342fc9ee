// What the registry keeps of the retraining of a model: the state that decisions start from, the steps it
// took, the runs it began, and what persons asked for.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace tidemill::registry {

/// The newest of each model that are kept.
inline constexpr int64_t kMaxRetrainingSteps = 1000;
inline constexpr int64_t kMaxRetrainingRequests = 100;  // of a model, not answered

struct Attempt {
  std::string model;
  int number = 0;
  bool operator==(const Attempt&) const = default;
};

struct AttemptRun {
  int attempt = 0;
  std::string run;
};

struct RetrainingStep {
  Instant at;
  int attempt = 0;
  std::string from, to;
  int version = 0;  // 0: there was none yet
  std::string reason;
};

struct RetrainingRequest {
  int64_t id = 0;  // rising
  std::string model;
  Instant at;
  std::string who;
  std::string reason;
};

struct RetrainingChange {
  std::string model;
  Json state = Json::object();
  std::vector<RetrainingStep> steps = {};
  int64_t answered = 0;  // requests up to this one
};

}  // namespace tidemill::registry
