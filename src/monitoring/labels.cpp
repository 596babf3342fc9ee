#include "monitoring/labels.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "monitoring/record.hpp"

namespace tidemill::monitoring {

namespace {

constexpr size_t kMostProblemsTold = 10;

}  // namespace

Result<Label> DeploymentLabels::stored(const GivenLabel& label, const LabelForms& forms) const {
  Label stored{label.prediction_id, label.row, {}, {}};
  if (label.value.size() > kMaxLabelBytes)
    return user_error("label.value", fmt::format("the value is longer than {} bytes", kMaxLabelBytes));
  TM_TRY(stored.value, forms.check(label.value));
  if (label.key.is_null()) {
    if (label.prediction_id.empty())
      return user_error("label.key", "neither 'prediction_id' nor 'key' says whose it is");
    if (label.prediction_id.size() > kMaxIdBytes)
      return user_error("label.key", fmt::format("'prediction_id' is longer than {} bytes", kMaxIdBytes));
    if (label.row < 0) return user_error("label.key", "'row' is negative");
    return stored;
  }
  if (!label.prediction_id.empty())
    return user_error("label.key", "'prediction_id' and 'key' exclude each other");
  TM_TRY(stored.key, keys_.stored(label.key));
  return stored;
}

Result<LabelCounts> DeploymentLabels::take(const std::vector<GivenLabel>& labels, const LabelForms& forms,
                                           Instant now) {
  const auto refuse = [&](std::string code, std::string message, std::string hint) {
    const std::lock_guard lock(mutex_);
    shown_.rejected += labels.size();
    return user_error(std::move(code), std::move(message), {}, std::move(hint));
  };
  if (labels.size() > kMaxLabels)
    return refuse("label.too_many", fmt::format("{} labels at a time (limit {})", labels.size(), kMaxLabels),
                  "send several requests");
  std::vector<Label> stored_labels;
  stored_labels.reserve(labels.size());
  std::vector<std::string> problems;
  size_t wrong = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (!labels[i].key.is_null() && !keys_.stores())
      return refuse("label.no_key",
                    fmt::format("labels of {} cannot be found by a key: {}", deployment_, keys_.problem()),
                    "send them by prediction_id and row; or declare `request`, a source with a key, and let "
                    "`log` keep it");
    auto one = stored(labels[i], forms);
    if (one) {
      stored_labels.push_back(std::move(*one));
      continue;
    }
    ++wrong;
    if (problems.size() < kMostProblemsTold)
      problems.push_back(fmt::format("label {}: {}", i + 1, one.error().message));
  }
  if (wrong > 0)
    return refuse(
        "label.rejected",
        fmt::format("{}{}", fmt::join(problems, "; "),
                    wrong > problems.size() ? fmt::format("; and {} more", wrong - problems.size()) : ""),
        "none of them was taken");
  TM_TRY(LabelCounts counts, store_->take(stored_labels, now, LabelStore::Strangers::Keep));
  const std::lock_guard lock(mutex_);
  shown_.counts += counts;
  return counts;
}

Result<LabelCounts> DeploymentLabels::take_of_table(const std::vector<Label>& labels, Instant now) {
  TM_TRY(LabelCounts counts, store_->take(labels, now, LabelStore::Strangers::LeaveOut));
  const std::lock_guard lock(mutex_);
  counts.same = 0;  // a table says all again whenever it is looked at
  shown_.counts += counts;
  return counts;
}

void DeploymentLabels::count_rejected(uint64_t labels) {
  const std::lock_guard lock(mutex_);
  shown_.rejected += labels;
}

Result<void> DeploymentLabels::look(Instant now) {
  TM_TRY(const auto share, store_->share(now));
  std::optional<Instant> since;
  {
    const std::lock_guard lock(mutex_);
    shown_.share = share;
    since = since_;
  }
  if (!since) return {};
  TM_TRY(const int64_t fresh, store_->new_since(*since, now));
  const std::lock_guard lock(mutex_);
  if (since_ == since) shown_.fresh = fresh;
  return {};
}

std::optional<int64_t> DeploymentLabels::new_since(Instant since) {
  const std::lock_guard lock(mutex_);
  if (since_ != since) shown_.fresh.reset();
  since_ = since;
  return shown_.fresh;
}

bool DeploymentLabels::is_awaited() const {
  const std::lock_guard lock(mutex_);
  return since_ && !shown_.fresh;
}

DeploymentLabels::Shown DeploymentLabels::shown() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

Result<std::unique_ptr<Labels>> Labels::open(const project::Project& project) {
  auto labels = std::make_unique<Labels>();
  for (const auto& [name, deployment] : project.deployments) {
    if (!deployment.log) continue;
    const auto declared = project.labels.find(name);
    TM_TRY(KeyRules keys, KeyRules::of(project, deployment));
    TM_TRY(auto store, LabelStore::open({.home = project.home,
                                         .deployment = name,
                                         .retain = deployment.log->retain,
                                         .matures_after = declared == project.labels.end()
                                                              ? Duration{0}
                                                              : declared->second.matures_after}));
    labels->all_[name] = std::make_unique<DeploymentLabels>(name, std::move(keys), std::move(store));
  }
  return labels;
}

DeploymentLabels* Labels::find(const std::string& deployment) const {
  const auto found = all_.find(deployment);
  return found == all_.end() ? nullptr : found->second.get();
}

std::string Labels::metrics() const {
  if (all_.empty()) return "";
  std::map<std::string, DeploymentLabels::Shown> shown;
  for (const auto& [name, labels] : all_) shown[name] = labels->shown();
  std::string out =
      "# HELP tidemill_labels_total Labels that came, by what became of them; strangers and early ones are "
      "among the first three.\n# TYPE tidemill_labels_total counter\n";
  for (const auto& [name, one] : shown)
    for (const auto& [outcome, count] :
         std::initializer_list<std::pair<std::string_view, uint64_t>>{{"new", one.counts.fresh},
                                                                      {"same", one.counts.same},
                                                                      {"changed", one.counts.changed},
                                                                      {"stranger", one.counts.strangers},
                                                                      {"early", one.counts.early},
                                                                      {"rejected", one.rejected}})
      out += fmt::format("tidemill_labels_total{{model=\"{}\",outcome=\"{}\"}} {}\n", name, outcome, count);
  out +=
      "# HELP tidemill_label_lag_seconds From a prediction to its first label.\n# TYPE "
      "tidemill_label_lag_seconds histogram\n";
  for (const auto& [name, one] : shown) {
    const LabelCounts& counts = one.counts;
    for (size_t i = 0; i < counts.lags.size(); ++i)
      out += fmt::format("tidemill_label_lag_seconds_bucket{{model=\"{}\",le=\"{}.0\"}} {}\n", name,
                         LabelCounts::kLagLimits[i], counts.lags[i]);
    out += fmt::format(
        "tidemill_label_lag_seconds_bucket{{model=\"{0}\",le=\"+Inf\"}} {1}\n"
        "tidemill_label_lag_seconds_sum{{model=\"{0}\"}} {2}\n"
        "tidemill_label_lag_seconds_count{{model=\"{0}\"}} {1}\n",
        name, counts.lag_count, counts.lag_seconds);
  }
  std::string matured, labelled, fresh;
  for (const auto& [name, one] : shown) {
    if (one.fresh) fresh += fmt::format("tidemill_new_labels{{model=\"{}\"}} {}\n", name, *one.fresh);
    if (!one.share) continue;
    matured += fmt::format("tidemill_matured_predictions{{model=\"{}\"}} {}\n", name, one.share->predictions);
    labelled += fmt::format("tidemill_labelled_predictions{{model=\"{}\"}} {}\n", name, one.share->labelled);
  }
  if (!fresh.empty())
    out +=
        "# HELP tidemill_new_labels Labels that count since the deployment's model was trained last.\n# TYPE "
        "tidemill_new_labels gauge\n" +
        fresh;
  if (matured.empty()) return out;
  return out +
         "# HELP tidemill_matured_predictions In the log, old enough to be judged.\n# TYPE "
         "tidemill_matured_predictions gauge\n" +
         matured +
         "# HELP tidemill_labelled_predictions Of these, those with a label.\n# TYPE "
         "tidemill_labelled_predictions gauge\n" +
         labelled;
}

}  // namespace tidemill::monitoring
