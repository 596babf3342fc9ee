#include "training/too_good.hpp"

namespace tidemill::training {

namespace {

// What honest features of people and machines hardly ever reach; `init` doubts a single column at the same.
constexpr double kTooGood = 0.995;
constexpr double kNearlyAllGain = 0.9;

}  // namespace

std::optional<TooGood> too_good(const forest::Package& package) {
  if (package.task == forest::Task::Multiclass) return std::nullopt;
  const std::string metric = package.task == forest::Task::Binary ? "roc_auc" : "r2";
  const Json::json_pointer at("/test/" + metric + "/value");
  const Json value = package.metrics.contains(at) ? package.metrics.at(at) : Json();
  if (!value.is_number() || value.get<double>() <= kTooGood || package.importance.empty())
    return std::nullopt;
  const Json& first = package.importance[0];  // the greatest gain
  const double gain = first.value("gain", 0.0);
  if (gain < kNearlyAllGain) return std::nullopt;
  return TooGood{metric, value.get<double>(), first.value("feature", ""), gain};
}

}  // namespace tidemill::training
