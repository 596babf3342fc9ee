// The gate of a model's step: judges a version against the champion and the anchor on the same rows and says
// what follows: the verdict to keep, whether the champion's alias moves, whether the anchor does.
//
// A verdict is training's outcome as JSON, with {"champion": its number or null, "anchor", "held": the gate
// passed but promotion is on hold, "waits": it passed and waits for a rollout, "moves_anchor": once it is
// champion, "gate": the conditions it was judged by, "run"}.
#pragma once

#include "pipeline/step.hpp"

namespace tidemill::pipeline {

struct Verdict {
  Json json = Json::object();
  bool passed = false;
  bool promote = false;  // the champion's alias moves to it
  bool waits = false;    // it would, but the model's new champions go through a rollout
  bool moves_anchor = false;
  std::optional<Error> rejection;
};

/// `name` is how the version is called in messages; `test_scores` what training said of the same snapshot's
/// test rows, if it was trained in this step.
Result<Verdict> judge_version(const StepContext& step, const project::Model& model, const std::string& name,
                              std::shared_ptr<const forest::Predictor> predictor,
                              std::vector<double> test_scores = {});

}  // namespace tidemill::pipeline
