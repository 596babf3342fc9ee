// The verdict on a version. Limits (min, max) hold the estimate on the challenger's own test rows.
// Comparisons are made on rows that neither side has seen, by the paired bootstrap over days or groups:
// - no_worse_by d passes when the lower end of the improvement's 95 % interval is at least −d: the challenger
//   carries the proof; better_by d passes when that lower end is above d;
// - in slices no_worse_by fails only where the slice is proven worse, and better_by passes only where it is
//   proven, both by one-sided p-values that are Holm-adjusted over all slices of the gate; slices that are
//   too small are not judged;
// - what cannot be told, of too few rows, blocks or resamples, fails and says what would help.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "statistics/intervals.hpp"
#include "statistics/multiple_testing.hpp"
#include "training/evaluate.hpp"
#include "training/gate_rows.hpp"
#include "training/gate_slices.hpp"
#include "training/gate_text.hpp"
#include "training/improvement.hpp"

namespace tidemill::training {

namespace {

constexpr double kLevel = 0.95;
constexpr double kSliceAlpha = 0.05;
/// Resamples for a test among many: so many that this many of them may contradict a claim that is proven.
constexpr double kSliceDraws = 5;

/// What stands on the other side of a comparison.
struct Opponent {
  std::string name;        // "champion 6", "the column sales_7d_ago"
  std::string short_name;  // "champion", "anchor", "sales_7d_ago"
  std::vector<double> scores;
  std::vector<bool> judged;
  size_t blocks = 0;  // among the rows judged
  double threshold = 0.5;
  std::string trouble = {};  // why nothing can be compared with it; empty: it can
};

/// A slice comparison that waits for the p-values of all others.
struct Pending {
  size_t outcome = 0;
  const project::GateRule* rule = nullptr;
  Slice slice;
  const Opponent* other = nullptr;
  double p = 1;
  size_t resamples = 0;
};

class Gate {
 public:
  explicit Gate(const GateInput& input)
      : input_(input), model_(*input.model), package_(input.challenger.predictor->package()) {}

  Result<GateOutcome> judge() {
    RowsWanted wanted;
    std::set<std::string> slices, naive;
    for (const project::GateRule& rule : model_.gate) {
      for (const auto& [column, value] : rule.slice) slices.insert(column);
      if (rule.against == project::GateRule::Against::Column) naive.insert(rule.column);
    }
    wanted.slices.assign(slices.begin(), slices.end());
    wanted.naive.assign(naive.begin(), naive.end());
    wanted_ = wanted;
    TM_TRY(rows_, read_test_rows(input_, wanted));
    outcome_.rows = static_cast<int64_t>(rows_.rows());
    outcome_.details = {{"test_rows", rows_.rows()}, {"earlier_verdicts", input_.earlier_verdicts},
                        {"seed", input_.seed},       {"resamples", input_.resamples},
                        {"level", kLevel},           {"split", package_.split}};
    TM_CHECK(read_opponents());
    for (const project::GateRule& rule : model_.gate)
      if (auto judged = judge_rule(rule); !judged)
        return std::unexpected(of_rule(rule, std::move(judged).error(), package_, rows_.labels));
    TM_CHECK(settle_slices());
    TM_CHECK(prove());
    outcome_.passed = std::all_of(outcome_.rules.begin(), outcome_.rules.end(),
                                  [](const GateRuleOutcome& rule) { return rule.passed; });
    return std::move(outcome_);
  }

 private:
  Result<void> read_opponents() {
    if (input_.champion) {
      TM_TRY(champion_, opponent(*input_.champion, "champion"));
      if (!champion_->judged.empty()) {
        outcome_.rows = std::count(champion_->judged.begin(), champion_->judged.end(), true);
        outcome_.rows_seen = outcome_.details["champion"]["rows_seen"].get<int64_t>();
        outcome_.rows_unmatched = outcome_.details["champion"]["rows_unmatched"].get<int64_t>();
      }
    }
    if (input_.anchor) {
      TM_TRY(anchor_, opponent(*input_.anchor, "anchor"));
    }
    return {};
  }
  Result<std::optional<Opponent>> opponent(const Candidate& candidate, const std::string& short_name) {
    if (!candidate.trouble.empty()) {
      outcome_.details[short_name] = {{"name", candidate.name}, {"trouble", candidate.trouble}};
      return std::optional(
          Opponent{.name = candidate.name,
                   .short_name = short_name,
                   .scores = {},
                   .judged = {},
                   .trouble = fmt::format("{}; {}", candidate.trouble, way_out(short_name))});
    }
    TM_TRY(OtherScores other, read_other(input_, candidate, rows_));
    outcome_.details[short_name] = {
        {"name", candidate.name}, {"rows_seen", other.seen}, {"rows_unmatched", other.unmatched}};
    const size_t blocks = blocks_of(other.judged);
    std::string trouble;
    if (static_cast<double>(other.unmatched) > kMaxUnmatchedShare * static_cast<double>(rows_.rows()))
      trouble = fmt::format(
          "{} of the {} test rows have no match in {}, whose own SQL makes no row of their key (limit {:.0f} "
          "%): what is left would compare them on other rows than the new version is for; {}",
          other.unmatched, rows_.rows(), candidate.name, 100 * kMaxUnmatchedShare, way_out(short_name));
    return std::optional(Opponent{.name = candidate.name,
                                  .short_name = short_name,
                                  .scores = std::move(other.scores),
                                  .judged = std::move(other.judged),
                                  .blocks = blocks,
                                  .threshold = candidate.predictor->package().threshold.value_or(0.5),
                                  .trouble = std::move(trouble)});
  }

  size_t blocks_of(const std::vector<bool>& judged) const {
    std::set<int64_t> blocks;
    for (size_t r = 0; r < judged.size(); ++r)
      if (judged[r]) blocks.insert(rows_.blocks[r]);
    return blocks.size();
  }

  // Rows
  // --------------------------------------------------------------------------------------------------------
  struct Selected {
    std::vector<double> labels, weights, first, second;
    statistics::Blocks blocks;
  };
  Selected select(const Slice& slice, const Opponent* other) const {
    const size_t outputs = input_.challenger.predictor->outputs();
    std::vector<size_t> columns;
    for (const auto& [column, value] : slice)
      columns.push_back(static_cast<size_t>(std::find(wanted_.slices.begin(), wanted_.slices.end(), column) -
                                            wanted_.slices.begin()));
    Selected result;
    std::vector<int64_t> blocks;
    for (size_t r = 0; r < rows_.rows(); ++r) {
      if (other && !other->judged[r]) continue;
      bool inside = true;
      for (size_t i = 0; i < slice.size(); ++i)
        inside = inside && rows_.slices[columns[i]][r] == slice[i].second;
      if (!inside) continue;
      result.labels.push_back(rows_.labels[r]);
      if (!rows_.weights.empty()) result.weights.push_back(rows_.weights[r]);
      for (size_t k = 0; k < outputs; ++k) {
        result.first.push_back(rows_.scores[r * outputs + k]);
        if (other) result.second.push_back(other->scores[r * outputs + k]);
      }
      blocks.push_back(rows_.blocks[r]);
    }
    result.blocks = statistics::make_blocks(blocks);
    return result;
  }
  statistics::Evaluation evaluation(const Selected& rows, const std::vector<double>& scores,
                                    double threshold) const {
    statistics::Evaluation result{.task = statistics_task(package_.task),
                                  .labels = rows.labels,
                                  .scores = scores,
                                  .outputs = input_.challenger.predictor->outputs(),
                                  .weights = rows.weights,
                                  .threshold = threshold,
                                  .naive_error = {}};
    if (const auto naive = package_.metrics.find("naive_error");
        naive != package_.metrics.end() && naive->is_number())
      result.naive_error = naive->get<double>();
    return result;
  }
  statistics::BootstrapOptions options() const {
    return {.seed = static_cast<uint64_t>(input_.seed),
            .resamples = static_cast<size_t>(std::max(input_.resamples, 1)),
            .level = kLevel};
  }
  double own_threshold() const { return package_.threshold.value_or(0.5); }

  // Rules
  // -------------------------------------------------------------------------------------------------------
  Result<void> judge_rule(const project::GateRule& rule) {
    const auto [slices, problem, rows_null] = slices_of(rule, rows_, wanted_.slices);
    if (!problem.empty()) {
      add(rule, {}, rule_text(rule), false, problem);
      return {};
    }
    rows_not_judged_ = 0;
    if (rule.against == project::GateRule::Against::None) {
      for (const Slice& slice : slices) {
        TM_CHECK(judge_limit(rule, slice));
      }
    } else if (rule.against == project::GateRule::Against::Column) {
      if (!naive_.contains(rule.column)) {
        TM_TRY(Opponent naive, naive_opponent(rule.column));
        naive_.emplace(rule.column, std::move(naive));
      }
      TM_CHECK(compare_all(rule, slices, naive_.at(rule.column)));
    } else if (!champion_) {
      for (const Slice& slice : slices)
        add(rule, slice, comparison_text(rule, "champion"), true,
            "there is no champion yet: nothing to compare with");
    } else {
      TM_CHECK(compare_all(rule, slices, *champion_));
      const size_t not_judged = rows_not_judged_;
      if (anchor_) {
        TM_CHECK(compare_all(rule, slices, *anchor_));
      }
      rows_not_judged_ = not_judged;
    }
    if (!rule.slice.empty())
      outcome_.details["slices"].push_back(Json{{"rule", rule_text(rule)},
                                                {"columns", rule.slice},
                                                {"slices", slices.size()},
                                                {"rows_null", rows_null},
                                                {"rows_not_judged", rows_not_judged_}});
    return {};
  }

  Result<void> compare_all(const project::GateRule& rule, const std::vector<Slice>& slices,
                           const Opponent& other) {
    if (!other.trouble.empty()) {
      add(rule, {}, comparison_text(rule, other.short_name), false, other.trouble);
      return {};
    }
    for (const Slice& slice : slices) {
      TM_CHECK(compare(rule, slice, other));
    }
    return {};
  }

  Result<Opponent> naive_opponent(const std::string& column) const {
    if (package_.task == forest::Task::Multiclass)
      return user_error("training.naive_column",
                        fmt::format("the column {} cannot forecast classes' probabilities", column),
                        model_.place);
    const auto& values = rows_.naive[static_cast<size_t>(
        std::find(wanted_.naive.begin(), wanted_.naive.end(), column) - wanted_.naive.begin())];
    Opponent result{.name = "the column " + column,
                    .short_name = column,
                    .scores = values,
                    .judged = std::vector<bool>(values.size())};
    for (size_t r = 0; r < values.size(); ++r) result.judged[r] = std::isfinite(values[r]);
    result.blocks = blocks_of(result.judged);
    return result;
  }

  GateRuleOutcome& add(const project::GateRule& rule, const Slice& slice, std::string text, bool passed,
                       std::string message) {
    if (!slice.empty()) text += " where " + to_text(slice);
    GateRuleOutcome& outcome = outcome_.rules.emplace_back();
    outcome.rule = std::move(text);
    outcome.passed = passed;
    outcome.message = std::move(message);
    outcome.place = rule.place;
    outcome.numbers["metric"] = rule.metric;
    return outcome;
  }
  bool too_small(const Slice& slice, const Selected& rows) const {
    return !slice.empty() && !enough_to_judge(package_.task, rows.labels, package_.classes.size());
  }

  void leave_out(const project::GateRule& rule, const Slice& slice, const std::string& text,
                 const Selected& rows) {
    add(rule, slice, text, true,
        fmt::format("not judged: fewer than {} rows of some class among {}", kMinRowsOfClass,
                    rows.labels.size()))
        .numbers["rows"] = rows.labels.size();
    rows_not_judged_ += rows.labels.size();
  }

  Result<void> judge_limit(const project::GateRule& rule, const Slice& slice) {
    const std::string text = limit_text(rule);
    const Selected rows = select(slice, nullptr);
    if (too_small(slice, rows)) {
      leave_out(rule, slice, text, rows);
      return {};
    }
    if (rows.labels.size() < kMinRowsOfLimit) {
      add(rule, slice, text, false,
          fmt::format("{} cannot be told on {} test rows, fewer than {}: {}, or bring more data", rule.metric,
                      rows.labels.size(), kMinRowsOfLimit, part_words(package_.split).remedy))
          .numbers["rows"] = rows.labels.size();
      return {};
    }
    const statistics::Evaluation judged = evaluation(rows, rows.first, own_threshold());
    TM_TRY(const statistics::Maybe value, statistics::compute(rule.metric, judged));
    TM_TRY(const auto interval, statistics::bootstrap(rule.metric, judged, rows.blocks, options()));
    if (!value) {
      add(rule, slice, text, false,
          fmt::format("{} is not defined on the {} test rows", rule.metric, rows.labels.size()));
      return {};
    }
    const bool passed = rule.min ? *value >= *rule.min : *value <= rule.max.value_or(0);
    GateRuleOutcome& outcome = add(rule, slice, text, passed, {});
    outcome.message = fmt::format(
        "{} is {} on {} test rows, {} is {}", rule.metric,
        interval ? with_interval(*value, interval->low, interval->high) : fmt::format("{:.6g}", *value),
        rows.labels.size(), rule.min ? "the least" : "the most", rule.min ? *rule.min : rule.max.value_or(0));
    outcome.numbers.update(Json{{"estimate", *value},
                                {"low", interval ? Json(interval->low) : Json(nullptr)},
                                {"high", interval ? Json(interval->high) : Json(nullptr)},
                                {"limit", rule.min ? *rule.min : rule.max.value_or(0)},
                                {"rows", rows.labels.size()},
                                {"blocks", rows.blocks.count}});
    return {};
  }

  Result<void> compare(const project::GateRule& rule, const Slice& slice, const Opponent& other) {
    const std::string text = comparison_text(rule, other.short_name);
    const Selected rows = select(slice, &other);
    const bool named = !slice.empty() && std::ranges::none_of(rule.slice, [](const auto& column) {
      return column.second == "*";
    });
    if (too_small(slice, rows) && !(named && rows.labels.empty())) {
      leave_out(rule, slice, text, rows);
      return {};
    }
    if (rows.labels.empty()) {
      add(rule, slice, text, false,
          fmt::format("no test row is left that neither the new version nor {} has seen", other.name));
      return {};
    }
    if (rows.blocks.count < statistics::kMinBlocks) {
      // A shop that has just opened is like a small slice; a test part that is too short fails every rule.
      const bool left_out = !slice.empty() && !rule.better_by && other.blocks >= statistics::kMinBlocks;
      GateRuleOutcome& outcome = add(
          rule, slice, text, left_out,
          left_out
              ? fmt::format("not judged: its {} rows lie in {} {}, fewer than {}", rows.labels.size(),
                            rows.blocks.count, part_words(package_.split).blocks, statistics::kMinBlocks)
              : fmt::format("whether {} differs from that of {} cannot be told: the {} rows lie in {} {}, "
                            "fewer than {}: {}",
                            rule.metric, other.name, rows.labels.size(), rows.blocks.count,
                            part_words(package_.split).blocks, statistics::kMinBlocks,
                            part_words(package_.split).remedy));
      outcome.numbers.update(Json{{"rows", rows.labels.size()}, {"blocks", rows.blocks.count}});
      if (outcome.passed) rows_not_judged_ += rows.labels.size();
      return {};
    }
    TM_TRY(const auto found, measure(rule, rows, other, options().resamples));
    if (!found) {
      add(rule, slice, text, false,
          fmt::format("{} is not defined on the {} rows that both can be judged on", rule.metric,
                      rows.labels.size()));
      return {};
    }
    const bool no_worse = !rule.better_by;
    GateRuleOutcome& outcome =
        add(rule, slice, text, no_worse ? found->low >= found->bound : found->low > found->bound, {});
    outcome.numbers.update(
        Json{{"against", other.name},
             {"challenger", found->first},
             {"other", found->second},
             {"improvement", {{"estimate", found->estimate}, {"low", found->low}, {"high", found->high}}},
             {"bound", found->bound},
             {"p", slice.empty() ? found->p_above : found->p_of_claim},
             {"rows", rows.labels.size()},
             {"blocks", rows.blocks.count}});
    outcome.message =
        fmt::format("{} {:.6g} against {:.6g} of {}: {} on {} rows in {} blocks", rule.metric, found->first,
                    found->second, other.name, better_text(found->estimate, found->low, found->high),
                    rows.labels.size(), rows.blocks.count);
    if (!slice.empty())
      pending_.push_back(
          {outcome_.rules.size() - 1, &rule, slice, &other, found->p_of_claim, found->resamples});
    return {};
  }

  Result<std::optional<Improvement>> measure(const project::GateRule& rule, const Selected& rows,
                                             const Opponent& other, size_t resamples) const {
    statistics::BootstrapOptions drawn = options();
    drawn.resamples = resamples;
    TM_TRY(const auto difference, statistics::bootstrap_difference(
                                      rule.metric, evaluation(rows, rows.first, own_threshold()),
                                      evaluation(rows, rows.second, other.threshold), rows.blocks, drawn));
    if (!difference) return std::optional<Improvement>();
    return std::optional(improvement_of(rule, *difference));
  }

  // Slices
  // ------------------------------------------------------------------------------------------------------
  /// Slices are many: their p-values are adjusted together, for each kind of claim.
  Result<void> settle_slices() {
    for (const bool no_worse : {true, false}) {
      std::vector<Pending*> tests;
      for (Pending& pending : pending_)
        if (!pending.rule->better_by == no_worse) tests.push_back(&pending);
      TM_CHECK(draw_more(tests));
      std::vector<double> p;
      for (const Pending* test : tests) p.push_back(test->p);
      const std::vector<double> adjusted = statistics::holm(p);
      for (size_t i = 0; i < adjusted.size(); ++i) {
        GateRuleOutcome& outcome = outcome_.rules[tests[i]->outcome];
        const bool significant = adjusted[i] <= kSliceAlpha;
        outcome.passed = no_worse ? !significant : significant;
        outcome.numbers["p"] = p[i];
        outcome.numbers["p_adjusted"] = adjusted[i];
        outcome.numbers["tests"] = adjusted.size();
        outcome.numbers["resamples"] = tests[i]->resamples;
        outcome.message += fmt::format(", p {:.3g} (Holm, {} slices)", adjusted[i], adjusted.size());
        if (p[i] > kSliceAlpha || least_adjusted(*tests[i], tests.size()) <= kSliceAlpha) continue;
        // It looks worse, or better, and no number of resamples that we draw could prove it.
        outcome.passed = false;
        outcome.message +=
            fmt::format("; cannot be judged: {} resamples cannot tell one of {} slices, judge fewer of them",
                        tests[i]->resamples, tests.size());
      }
    }
    return {};
  }

  /// The least p-value that the resamples of a test can give, adjusted for all tests.
  static double least_adjusted(const Pending& test, size_t tests) {
    return static_cast<double>(tests) / (1.0 + static_cast<double>(test.resamples));
  }

  /// A p-value from n resamples is at least 1/(1+n), and Holm multiplies it by the number of tests. Tests
  /// that may matter get resamples enough; one whose p-value is above the level alone stays above it in any
  /// case.
  Result<void> draw_more(const std::vector<Pending*>& tests) const {
    const double wanted = std::ceil(kSliceDraws * static_cast<double>(tests.size()) / kSliceAlpha);
    const size_t resamples =
        static_cast<size_t>(std::min(wanted, static_cast<double>(input_.max_slice_resamples)));
    if (resamples <= options().resamples) return {};
    for (Pending* test : tests) {
      if (test->p > kSliceAlpha) continue;
      const Selected rows = select(test->slice, test->other);
      TM_TRY(const auto found, measure(*test->rule, rows, *test->other, resamples));
      if (!found) continue;
      test->p = found->p_of_claim;
      test->resamples = found->resamples;
    }
    return {};
  }

  /// Better than the champion: the lower end of the improvement's interval is above 0, in the metric of the
  /// first rule against the champion, else roc_auc, log_loss or rmse.
  Result<void> prove() {
    if (!champion_ || !champion_->trouble.empty()) return {};
    std::string metric = package_.task == forest::Task::Binary       ? "roc_auc"
                         : package_.task == forest::Task::Multiclass ? "log_loss"
                                                                     : "rmse";
    for (const project::GateRule& rule : model_.gate)
      if (rule.against == project::GateRule::Against::Champion && rule.slice.empty()) {
        metric = rule.metric;
        break;
      }
    outcome_.details["proof"] = {{"metric", metric}};
    const Selected rows = select({}, &*champion_);
    if (rows.labels.empty()) return {};
    TM_TRY(const auto difference,
           statistics::bootstrap_difference(metric, evaluation(rows, rows.first, own_threshold()),
                                            evaluation(rows, rows.second, champion_->threshold), rows.blocks,
                                            options()));
    if (!difference) {
      outcome_.details["proof"]["rows"] = rows.labels.size();
      outcome_.details["proof"]["blocks"] = rows.blocks.count;
      return {};
    }
    const double low = direction(metric) > 0 ? difference->interval.low : -difference->interval.high;
    outcome_.details["proof"]["low"] = low;
    outcome_.proven_better = low > 0;
    return {};
  }

  const GateInput& input_;
  const project::Model& model_;
  const forest::Package& package_;
  RowsWanted wanted_;
  TestRows rows_;
  std::optional<Opponent> champion_, anchor_;
  std::map<std::string, Opponent> naive_;  // by column
  std::vector<Pending> pending_;
  size_t rows_not_judged_ = 0;  // of the rule at hand: in slices that are too small
  GateOutcome outcome_;
};

}  // namespace

Result<GateOutcome> judge(const GateInput& input) { return Gate(input).judge(); }

}  // namespace tidemill::training
