// Outline → Plan, for those who need both.
#pragma once

#include "pipeline/outline.hpp"

namespace tidemill::pipeline {

std::expected<Plan, Errors> evaluate(const PlanInput& input, const Outline& outline);

}  // namespace tidemill::pipeline
