#include "training/labels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

#include <fmt/format.h>

namespace tidemill::training {

namespace {

constexpr size_t kMinRows = 20;
constexpr size_t kMaxClasses = 1000;
constexpr size_t kMaxInferredClasses =
    10;  // whole numbers 0 … k−1 with k up to this are classes, when nothing is declared

const std::set<std::string, std::less<>> kRegressions = {
    "reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror",
    "reg:logistic",     "reg:gamma",           "reg:tweedie",          "count:poisson"};

}  // namespace

std::string listed(std::vector<std::string> values, size_t most) {
  const size_t all = values.size();
  values.resize(std::min(all, most));
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "'" : ", '") + value + "'";
  return all > most ? text + fmt::format(" and {} more", all - most) : text;
}

Result<std::optional<Objective>> declared_objective(const project::Model& model) {
  const std::string& name = model.train.objective;
  if (name.empty()) return std::optional<Objective>();
  if (name == "regression")
    return std::optional(Objective{forest::Task::Regression, default_objective(forest::Task::Regression)});
  if (name == "binary" || name == "binary:logistic")
    return std::optional(Objective{forest::Task::Binary, "binary:logistic"});
  if (name == "multiclass" || name == "multi:softprob" || name == "multi:softmax")
    return std::optional(Objective{forest::Task::Multiclass, "multi:softprob"});
  if (kRegressions.contains(name)) return std::optional(Objective{forest::Task::Regression, name});
  std::vector<std::string> known(kRegressions.begin(), kRegressions.end());
  known.insert(known.end(), {"regression", "binary", "multiclass", "binary:logistic", "multi:softprob"});
  std::string hint = did_you_mean(name, known);
  return user_error(
      "training.objective", fmt::format("the objective '{}' is not offered", name), model.train.place,
      hint.empty() ? "regression, binary, multiclass, or one of XGBoost's that gives a mean or a probability"
                   : hint);
}

std::string default_objective(forest::Task task) {
  switch (task) {
    case forest::Task::Regression:
      return "reg:squarederror";
    case forest::Task::Binary:
      return "binary:logistic";
    case forest::Task::Multiclass:
      return "multi:softprob";
  }
  return "reg:squarederror";
}

std::string where_hint(const project::Model& model, const std::string& column) {
  if (model.where.empty())
    return fmt::format("leave such rows out of training: `where: {} IS NOT NULL`", column);
  return fmt::format("leave such rows out of training: `where: ({}) AND {} IS NOT NULL`", model.where,
                     column);
}

LabelReader::LabelReader(const engine::Column& target, const project::Model& model)
    : target_(target),
      model_(model),
      reading_(kind_of(target.type) == Kind::Text ? Reading::Text : Reading::Number) {}

Result<void> LabelReader::take(const engine::Chunk& chunk, size_t column) {
  for (size_t r = 0; r < chunk.rows(); ++r) {
    double value = 0;
    if (chunk.is_null(column, r))
      ++nulls_;
    else if (reading_ == Reading::Text)
      value = texts_.code(chunk.varchar(column, r));
    else
      value = chunk.doubles(column)[r];
    if (std::isnan(value))
      ++nulls_;
    else if (!std::isfinite(static_cast<float>(value)))
      return data_error("training.infinite",
                        fmt::format("the target {} is infinite, or too large for a float, in some row of {}",
                                    target_.name, model_.from),
                        model_.place);
    values_.push_back(value);
  }
  return {};
}

Result<void> LabelReader::finish(Dataset& data) {
  if (nulls_ > 0) {
    Error error{ErrorKind::Data, "training.null_target",
                fmt::format("the target {} is NULL in {} of {} rows of {}", target_.name, nulls_,
                            values_.size(), model_.from),
                model_.place};
    error.hint = where_hint(model_, target_.name);
    return std::unexpected(std::move(error));
  }
  if (values_.size() < kMinRows)
    return data_error(
        "training.too_few_rows",
        fmt::format("{} has {} rows to train on (at least {})", model_.from, values_.size(), kMinRows),
        model_.place, model_.where.empty() ? "" : "is `where` too narrow?");
  if (reading_ == Reading::Text) return finish_texts(data);
  return finish_numbers(data);
}

Result<void> LabelReader::finish_texts(Dataset& data) {
  TM_TRY(const auto declared, declared_objective(model_));
  if (declared && declared->task == forest::Task::Regression)
    return user_error("training.target_type",
                      fmt::format("the target {} is a text, not a number to regress on", target_.name),
                      model_.place);
  std::vector<std::string> classes;
  for (uint32_t code = 0; code < texts_.size(); ++code) classes.push_back(texts_.text(code));
  std::sort(classes.begin(), classes.end());
  if (classes.size() < 2)
    return data_error("training.one_class",
                      fmt::format("the target {} is always '{}'", target_.name, classes[0]), model_.place);
  if (classes.size() > kMaxClasses)
    return data_error(
        "training.too_many_classes",
        fmt::format("the target {} has {} classes (limit {})", target_.name, classes.size(), kMaxClasses),
        model_.place);
  if (declared && declared->task == forest::Task::Binary && classes.size() != 2)
    return data_error("training.target_type",
                      fmt::format("the target {} of a binary model has {} values: {}", target_.name,
                                  classes.size(), listed(classes)),
                      model_.place);
  data.task = declared              ? declared->task
              : classes.size() == 2 ? forest::Task::Binary
                                    : forest::Task::Multiclass;
  std::vector<double> index(texts_.size());
  for (uint32_t code = 0; code < texts_.size(); ++code)
    index[code] = static_cast<double>(std::lower_bound(classes.begin(), classes.end(), texts_.text(code)) -
                                      classes.begin());
  for (double& value : values_) value = index[static_cast<size_t>(value)];
  data.classes = std::move(classes);
  data.labels = std::move(values_);
  return {};
}

Result<void> LabelReader::classes_from(const std::vector<double>& sorted_values, Dataset& data) {
  if (sorted_values.size() > kMaxClasses)
    return data_error("training.too_many_classes",
                      fmt::format("the target {} has {} classes (limit {})", target_.name,
                                  sorted_values.size(), kMaxClasses),
                      model_.place);
  for (const double value : sorted_values) data.classes.push_back(forest::category_text(value));
  for (double& value : values_)
    value = static_cast<double>(std::lower_bound(sorted_values.begin(), sorted_values.end(), value) -
                                sorted_values.begin());
  return {};
}

Result<void> LabelReader::finish_numbers(Dataset& data) {
  TM_TRY(const auto declared, declared_objective(model_));
  std::set<double> distinct;  // the first few are enough to tell
  for (const double value : values_) {
    distinct.insert(value);
    if (distinct.size() > kMaxClasses) break;
  }
  const std::vector<double> sorted(distinct.begin(), distinct.end());
  const bool zero_one = std::all_of(sorted.begin(), sorted.end(), [](double x) { return x == 0 || x == 1; });
  const bool counted = kind_of(target_.type) == Kind::Integer && sorted.size() > 2 &&
                       sorted.size() <= kMaxInferredClasses && sorted.front() == 0 &&
                       sorted.back() == static_cast<double>(sorted.size() - 1);
  data.task = declared   ? declared->task
              : zero_one ? forest::Task::Binary
              : counted  ? forest::Task::Multiclass
                         : forest::Task::Regression;
  if (sorted.size() == 1 && data.task != forest::Task::Regression)
    return data_error("training.one_class",
                      fmt::format("the target {} is always {}", target_.name, sorted[0]), model_.place);
  if (data.task == forest::Task::Binary && !zero_one)
    return data_error(
        "training.target_type",
        fmt::format("the target {} of a binary model is neither 0 nor 1 in some rows, for example {}",
                    target_.name, sorted[0] != 0 && sorted[0] != 1 ? sorted[0] : sorted.back()),
        model_.place, "make it 0 and 1, a truth value or two texts in SQL");
  if (data.task == forest::Task::Multiclass) {
    TM_CHECK(classes_from(sorted, data));
  }
  if (declared && declared->task == forest::Task::Regression) {
    const std::string& name = declared->name;
    const double least =
        sorted.size() > kMaxClasses ? *std::min_element(values_.begin(), values_.end()) : sorted.front();
    const double most =
        sorted.size() > kMaxClasses ? *std::max_element(values_.begin(), values_.end()) : sorted.back();
    const bool fits = name == "reg:gamma"                                ? least > 0
                      : name == "count:poisson" || name == "reg:tweedie" ? least >= 0
                      : name == "reg:squaredlogerror"                    ? least > -1
                      : name == "reg:logistic"                           ? least >= 0 && most <= 1
                                                                         : true;
    if (!fits)
      return data_error("training.target_type",
                        fmt::format("the target {} lies from {} to {}, which {} does not take", target_.name,
                                    least, most, name),
                        model_.place);
  }
  data.labels = std::move(values_);
  return {};
}

Result<void> LabelReader::check_parts(const Dataset& data, const project::Model& model) const {
  const auto labels = data.labels_of(Part::Train);
  if (!data.weights.empty()) {
    const auto weights = data.weights_of(Part::Train);
    if (std::accumulate(weights.begin(), weights.end(), 0.0) <= 0)
      return data_error("training.bad_weight", "all training rows have the weight 0", model.place);
  }
  if (data.task == forest::Task::Regression) return {};
  const bool varies = std::any_of(labels.begin(), labels.end(), [&](double x) { return x != labels[0]; });
  if (!varies)
    return data_error(
        "training.one_class",
        fmt::format("the target {} has one value in all {} training rows", target_.name, labels.size()),
        model.place, "is `where` too narrow, or the training span too short?");
  return {};
}

}  // namespace tidemill::training
