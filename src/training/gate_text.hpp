// How the gate names its rules and what it says of a test part, so that verdicts of every kind read alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "forest/package.hpp"
#include "project/project.hpp"

namespace tidemill::training {

/// "roc_auc ≥ 0.65".
std::string limit_text(const project::GateRule& rule);
/// "roc_auc vs champion, no worse by 0.005".
std::string comparison_text(const project::GateRule& rule, const std::string& other);
std::string rule_text(const project::GateRule& rule);
/// "0.71 (0.69 to 0.73)".
std::string with_interval(double value, double low, double high);
/// Of an improvement: "better by 0.02 (0.01 to 0.03)"; of -0.02, "worse by 0.02 (0.01 to 0.03)".
std::string better_text(double value, double low, double high);

/// What a person can do when nothing can be compared with the champion or the anchor any more.
std::string way_out(const std::string& role);

/// "the target late has 3 classes: 'no', 'yes', 'maybe'", the first few of them.
std::string classes_text(const forest::Package& package);

/// A rule that cannot be judged, at its place. Where the metric is not one of the model's task, it says what
/// makes the task: the target's classes, or its two values that are taken for numbers.
Error of_rule(const project::GateRule& rule, Error error, const forest::Package& package,
              const std::vector<double>& labels);

/// What the bootstrap draws under a package's split, and how a test part gets more of them.
struct PartWords {
  std::string_view blocks, remedy;
};
PartWords part_words(const Json& split);

}  // namespace tidemill::training
