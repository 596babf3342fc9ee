// The labels of all deployments that keep a log: from what callers and tables say to what is kept, and what
// became of it for /metrics.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "monitoring/label_forms.hpp"
#include "monitoring/label_store.hpp"
#include "monitoring/label_text.hpp"

namespace tidemill::monitoring {

inline constexpr size_t kMaxLabels = 100'000;  // at a time

/// A label as a caller says it: of a prediction and its row, or of a key.
struct GivenLabel {
  std::string prediction_id;
  int64_t row = 0;
  Json key;  // an object; null: by prediction id
  std::string value;
};

/// Of one deployment. Thread-safe.
class DeploymentLabels {
 public:
  DeploymentLabels(std::string deployment, KeyRules keys, std::unique_ptr<LabelStore> store)
      : deployment_(std::move(deployment)), keys_(std::move(keys)), store_(std::move(store)) {}
  const std::string& deployment() const { return deployment_; }
  const KeyRules& keys() const { return keys_; }
  /// All of them or none, in the form that `forms` has for them. Errors: label.rejected, with what is wrong
  /// with which label, the first of them; label.too_many; label.no_key (the log has none to find them by);
  /// LabelStore::take()'s.
  Result<LabelCounts> take(const std::vector<GivenLabel>& labels, const LabelForms& forms, Instant now);
  /// What is in a table already has its form.
  Result<LabelCounts> take_of_table(const std::vector<Label>& labels, Instant now);
  /// Of a table, where each row stands for itself.
  void count_rejected(uint64_t labels);
  /// Looks how many predictions have a label, for shown().share, and how many labels are new to who asked.
  Result<void> look(Instant now);
  /// LabelStore::new_since() as the last look() found it: it costs nothing to ask. Nothing: not looked at
  /// since this instant was asked for the first time.
  std::optional<int64_t> new_since(Instant since);
  /// Somebody asked for what no look has found yet.
  bool is_awaited() const;

  struct Shown {
    LabelCounts counts;  // since it was opened
    uint64_t rejected = 0;
    std::optional<LabelStore::Share> share = std::nullopt;
    std::optional<int64_t> fresh = std::nullopt;  // since the instant that was asked for
  };
  Shown shown() const;

 private:
  Result<Label> stored(const GivenLabel& label, const LabelForms& forms) const;
  const std::string deployment_;
  const KeyRules keys_;
  const std::unique_ptr<LabelStore> store_;
  mutable std::mutex mutex_;
  Shown shown_;
  std::optional<Instant> since_;  // asked for
};

class Labels {
 public:
  Labels() = default;
  /// Of no deployment: why none is taken.
  explicit Labels(Error problem) : problem_(std::move(problem)) {}
  /// Of the deployments with a log. Errors: io.*, log.bad_key.
  static Result<std::unique_ptr<Labels>> open(const project::Project& project);
  /// Nothing: those of all deployments with a log are taken.
  const std::optional<Error>& problem() const { return problem_; }
  /// Null: it keeps no log, or there is a problem().
  DeploymentLabels* find(const std::string& deployment) const;
  const std::map<std::string, std::unique_ptr<DeploymentLabels>>& all() const { return all_; }
  /// In Prometheus' text format; empty without any.
  std::string metrics() const;

 private:
  std::map<std::string, std::unique_ptr<DeploymentLabels>> all_;
  std::optional<Error> problem_;
};

}  // namespace tidemill::monitoring
