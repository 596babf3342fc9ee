#include "project/xgboost_parameters.hpp"

#include <map>
#include <set>

namespace tidemill::project {

const std::vector<std::string>& xgboost_parameters() {
  static const std::vector<std::string> names{"alpha",
                                              "aft_loss_distribution",
                                              "aft_loss_distribution_scale",
                                              "base_score",
                                              "booster",
                                              "colsample_bylevel",
                                              "colsample_bynode",
                                              "colsample_bytree",
                                              "disable_default_eval_metric",
                                              "eta",
                                              "eval_metric",
                                              "feature_selector",
                                              "gamma",
                                              "grow_policy",
                                              "huber_slope",
                                              "interaction_constraints",
                                              "lambda",
                                              "learning_rate",
                                              "max_bin",
                                              "max_cat_threshold",
                                              "max_cat_to_onehot",
                                              "max_delta_step",
                                              "max_depth",
                                              "max_leaves",
                                              "min_child_weight",
                                              "min_split_loss",
                                              "monotone_constraints",
                                              "normalize_type",
                                              "num_parallel_tree",
                                              "one_drop",
                                              "process_type",
                                              "rate_drop",
                                              "refresh_leaf",
                                              "reg_alpha",
                                              "reg_lambda",
                                              "sample_type",
                                              "sampling_method",
                                              "scale_pos_weight",
                                              "sketch_eps",
                                              "sketch_ratio",
                                              "skip_drop",
                                              "subsample",
                                              "top_k",
                                              "tree_method",
                                              "tweedie_variance_power",
                                              "updater",
                                              "quantile_alpha"};
  return names;
}

std::string value_of_parameter(const std::string& parameter) {
  static const std::set<std::string> whole{
      "max_bin",    "max_cat_threshold", "max_cat_to_onehot", "max_depth",
      "max_leaves", "num_parallel_tree", "refresh_leaf",      "top_k"};
  static const std::set<std::string> numbers{"aft_loss_distribution_scale",
                                             "alpha",
                                             "base_score",
                                             "colsample_bylevel",
                                             "colsample_bynode",
                                             "colsample_bytree",
                                             "eta",
                                             "gamma",
                                             "huber_slope",
                                             "lambda",
                                             "learning_rate",
                                             "max_delta_step",
                                             "rate_drop",
                                             "min_child_weight",
                                             "min_split_loss",
                                             "reg_alpha",
                                             "reg_lambda",
                                             "skip_drop",
                                             "scale_pos_weight",
                                             "sketch_eps",
                                             "sketch_ratio",
                                             "subsample",
                                             "tweedie_variance_power"};
  if (whole.contains(parameter)) return "a whole number";
  return numbers.contains(parameter) ? "a number" : "";
}

std::string project_key_of_parameter(const std::string& parameter) {
  static const std::map<std::string, std::string> keys{
      {"objective", "train.objective"},
      {"seed", "train.seed"},
      {"random_state", "train.seed"},
      {"num_round", "train.rounds"},
      {"n_estimators", "train.rounds"},
      {"num_boost_round", "train.rounds"},
      {"early_stopping_rounds", "train.early_stopping"},
      {"nthread", "run.threads"},
      {"n_jobs", "run.threads"},
      {"num_class", "train.objective: multiclass, which counts the classes"}};
  const auto found = keys.find(parameter);
  return found == keys.end() ? "" : found->second;
}

}  // namespace tidemill::project
