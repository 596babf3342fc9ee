// From a table to a package, and from two packages to a verdict. The only room that knows XGBoost. Reads
// through the engine, writes nothing: the pipeline stores what comes back.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "engine/database.hpp"
#include "forest/package.hpp"
#include "project/project.hpp"

namespace tidemill::training {

struct TrainInput {
  engine::Connection* connection = nullptr;
  std::string relation;  // the model's table, a view's quoted name
  std::vector<engine::Column> columns;
  const project::Model* model = nullptr;
  int threads = 1;
  int64_t memory_bytes = 0;          // 0: no limit; else too many rows are an error, not the machine's end
  Json provenance = Json::object();  // hashes, git, versions: copied into the package
  Json pipeline = Json::object();    // copied into the package
  /// Features of the champion's package, when there is one: with `exclude`, a new column is an error until it
  /// is named, and so is one that was a number and would be a category, or the other way round.
  std::optional<std::vector<forest::Feature>> champion_features;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(double share, const std::string& what)> on_progress;
};

struct TrainOutput {
  forest::Package package;                   // files still without object ids
  std::map<std::string, std::string> files;  // name → bytes: "model.ubj", "card.md"
  std::vector<double> test_scores;           // of the test rows in order of their key, rows × outputs
  Json timings = Json::object();  // seconds: read, fit, predict, evaluate (metrics and bootstrap), baseline
};

/// Errors: training.* (User or Data): null target (names `where`), one class, too few rows, too many
/// categories, unknown column, a feature that changed its kind, words where numbers are declared …;
/// training.memory (Environment): the rows do not fit.
Result<TrainOutput> train(const TrainInput& input);

/// Columns of the model's table that are features, in order. Errors: training.new_column,
/// training.unknown_column, training.named_twice.
Result<std::vector<std::string>> feature_columns(
    const project::Model& model, const std::vector<engine::Column>& columns,
    const std::optional<std::vector<forest::Feature>>& champion_features);

// The gate
// ---------------------------------------------------------------------------------------------------------
/// A version to be judged: its predictor and the relation that has its features and target (its own SQL over
/// the same snapshot).
struct Candidate {
  std::string name;  // "7", "champion 6", "anchor 4"
  std::shared_ptr<const forest::Predictor> predictor;
  std::string relation;
  /// Why it cannot be compared with; empty: it can. Then it needs neither predictor nor relation, and no rule
  /// that compares with it passes.
  std::string trouble = {};
  /// What train() said of the test rows of this very relation (TrainOutput::test_scores), for the challenger:
  /// it is not scored again. Empty: it is.
  std::vector<double> test_scores = {};
};
/// Enough to prove one of 1000 slices at a level of 0.05.
inline constexpr size_t kMaxSliceResamples = 20'000;
struct GateInput {
  engine::Connection* connection = nullptr;
  const project::Model* model = nullptr;
  Candidate challenger;
  std::optional<Candidate> champion;
  std::optional<Candidate> anchor;  // absent when it is the champion
  int64_t earlier_verdicts = 0;     // how often these test rows have judged before: shown
  int64_t seed = 42;
  int resamples = 1000;
  size_t max_slice_resamples = kMaxSliceResamples;  // for slices, which need more the more they are
};
/// Of fewer test rows a limit says nothing, and fails.
inline constexpr size_t kMinRowsOfLimit = 30;
/// When the other version's SQL makes no row for more of the test rows than this share, what is left is
/// another population: the comparison fails.
inline constexpr double kMaxUnmatchedShare = 0.1;
struct GateRuleOutcome {
  std::string rule;  // "roc_auc ≥ 0.65", "roc_auc vs champion, no worse by 0.005"
  bool passed = false;
  std::string message;
  Json numbers = Json::object();  // estimate, low, high, challenger, champion, p …
  Place place;
};
struct GateOutcome {
  bool passed = false;
  bool proven_better = false;  // than the champion: moves the anchor
  std::vector<GateRuleOutcome> rules;
  int64_t rows = 0;            // judged
  int64_t rows_seen = 0;       // left out: the champion trained, stopped, calibrated or chose on them
  int64_t rows_unmatched = 0;  // left out: the champion's SQL makes no row of that key
  Json details = Json::object();
};
/// Limits hold the estimate on the challenger's test rows. Comparisons use the rows that neither side has
/// seen, and the paired bootstrap over days (time split), groups or rows: no_worse_by d passes when the lower
/// end of the improvement's 95 % interval is ≥ −d, better_by d when it is > d; "improvement" is positive
/// where the challenger is better, whatever the metric's direction. In slices (value "*": each one that
/// occurs) no_worse_by fails only where the slice is proven worse, Holm-adjusted; slices with fewer than 50
/// of a class are not judged and pass. A limit on fewer than kMinRowsOfLimit rows, and a comparison on fewer
/// than statistics::kMinBlocks days, groups or rows, cannot be told and fail; a slice with so few blocks is
/// not judged under no_worse_by. proven_better: that lower end is above 0 for the metric of the first
/// rule against the champion (else roc_auc, log_loss, rmse). Without a champion the comparison passes and
/// says so, and nothing is proven.
Result<GateOutcome> judge(const GateInput& input);
/// Whether two versions' splits (as packages carry them) have test rows in common: two spans that overlap,
/// and any other two test parts, of which a share is the same.
bool test_rows_overlap(const Json& split, const Json& other);
Json to_json(const GateOutcome& outcome);

/// Scores rows of a relation in batch. Calls back with keys as text and scores (rows × outputs).
struct ScoredBatch {
  std::vector<std::vector<std::string>> keys;  // NULL is ""
  std::vector<double> scores;
  size_t outputs = 1;
  forest::InputCounts counts;  // of this batch
};
Result<void> score(engine::Connection& connection, const std::string& relation,
                   const forest::Predictor& predictor, const std::vector<std::string>& key,
                   const std::function<Result<void>(const ScoredBatch&)>& callback);

}  // namespace tidemill::training
