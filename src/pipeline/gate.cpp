#include "pipeline/gate.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/lineage.hpp"
#include "pipeline/spec.hpp"
#include "training/training.hpp"

namespace tidemill::pipeline {

namespace {

/// What each run's gate judged on: run → {"split": the version's, "passed"}.
std::string verdicts_of(const project::Model& model) { return "verdicts:" + model.name; }

/// Whether a version that passed has to challenge first. A version that challenges already is not replaced
/// behind the back of who had it challenge.
Result<bool> has_to_wait(const StepContext& step, const std::string& model, std::optional<int> champion) {
  const Promotion promotion = step.run.options.promotion;
  if (promotion == Promotion::Recorded) return true;
  if (promotion == Promotion::AtOnce || !champion) return false;
  if (step.project().rollout_of(model) != nullptr) return true;
  TM_TRY(const auto challenger, step.registry().challenger_of_champion(model));
  return challenger.has_value();
}

/// How many earlier runs judged on rows that are in this test part too. The nightly row makes every table
/// another one, and the rows of a test part grow old only night by night: whoever tries often enough passes.
Result<int64_t> count_earlier(const StepContext& step, const project::Model& model, const Json& split) {
  TM_TRY(const auto verdicts, step.registry().memos(verdicts_of(model)));
  int64_t count = 0;
  for (const auto& [run, text] : verdicts) {
    const auto verdict = parse_json(text);
    if (run == step.run.run || !verdict || !verdict->contains("split")) continue;
    if (training::test_rows_overlap((*verdict)["split"], split)) ++count;
  }
  return count;
}

/// An earlier version as the gate wants it: its predictor over its own features of today's sources.
Result<training::Candidate> candidate_of(const StepContext& step, engine::Connection& connection,
                                         const project::Model& model, const std::string& role, int number) {
  const std::string label = fmt::format("{} {}", role, number);
  TM_TRY(const registry::Version version, step.registry().version(model.name, std::to_string(number)));
  training::Candidate out;
  out.name = label;
  auto predictor = step.run.predictors.find(fmt::format("{}@{}", model.name, number));
  if (!predictor) {
    // The new version is still trained and kept, so that a changed gate can let it pass.
    out.trouble = fmt::format("{} cannot be read ({})", label, predictor.error().message);
    return out;
  }
  out.predictor = std::move(*predictor);
  TM_TRY(const Rebuilt rebuilt, rebuild(step, out.predictor->package().pipeline, label));
  if (rebuilt.same_sql) {
    out.relation = engine::quote_name(model.from);
    return out;
  }
  step.log.line(fmt::format("{} is scored over the features of its own SQL", label));
  TM_CHECK(connection.view_parquet(label, {rebuilt.file}));
  out.relation = engine::quote_name(label);
  return out;
}

/// What to do where a version lost to another that should never have been live; empty: it lost to none.
std::string way_out_of(const project::Model& model, const training::GateOutcome& outcome) {
  std::set<std::string> rivals;  // "champion 2", "anchor 1"
  for (const training::GateRuleOutcome& rule : outcome.rules) {
    const std::string rival = rule.passed ? "" : rule.numbers.value("against", "");
    if (rival.starts_with("champion ") || rival.starts_with("anchor ")) rivals.insert(rival);
  }
  if (rivals.empty()) return {};
  std::set<int> numbers;
  bool anchor = false;
  for (const std::string& rival : rivals) {
    numbers.insert(std::stoi(rival.substr(rival.find(' '))));
    anchor = anchor || rival.starts_with("anchor");
  }
  return fmt::format(
      "{}if {} should never have been live, for a leak say: tidemill models retire {} {} --reason WHY, and "
      "run again",
      anchor ? "the anchor is the last version that proved better or that a person promoted; " : "",
      fmt::join(rivals, " or "), model.name, fmt::join(numbers, " "));
}

/// What the champion learned from and the challenger did not; empty: nothing.
std::string lost_features(const training::GateInput& input) {
  if (!input.champion || !input.champion->predictor) return {};
  const auto& features = input.challenger.predictor->package().features;
  std::vector<std::string> lost;
  for (const forest::Feature& feature : input.champion->predictor->package().features)
    if (std::ranges::find(features, feature.name, &forest::Feature::name) == features.end())
      lost.push_back(feature.name);
  if (lost.empty()) return {};
  constexpr size_t kMostNames = 5;
  const size_t more = lost.size() > kMostNames ? lost.size() - kMostNames : 0;
  lost.resize(lost.size() - more);
  return fmt::format("it does without {}{}, which the champion learned from", fmt::join(lost, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

Error rejection_of(const training::GateInput& input, const training::GateOutcome& outcome) {
  const project::Model& model = *input.model;
  std::vector<std::string> words;
  Place place = model.place;
  for (const training::GateRuleOutcome& rule : outcome.rules) {
    if (rule.passed) continue;
    if (words.empty() && !rule.place.file.empty()) place = rule.place;
    words.push_back(rule.message.empty() ? rule.rule : rule.message);
  }
  if (place.what.empty()) place.what = "model " + model.name + ", gate";
  std::string hint =
      fmt::format("the version is kept, {}; see tidemill models show {}",
                  input.champion ? "the champion stays" : "and there is no champion yet", model.name);
  if (const std::string lost = lost_features(input); !lost.empty()) hint += "; " + lost;
  if (const std::string way_out = way_out_of(model, outcome); !way_out.empty()) hint += "; " + way_out;
  return data_error("gate.rejected",
                    fmt::format("{} of {} did not pass the gate: {}", input.challenger.name, model.name,
                                fmt::join(words, "; ")),
                    place, std::move(hint))
      .error();
}

}  // namespace

Result<Verdict> judge_version(const StepContext& step, const project::Model& model, const std::string& name,
                              std::shared_ptr<const forest::Predictor> predictor,
                              std::vector<double> test_scores) {
  registry::Registry& registry = step.registry();
  const auto table = step.run.snapshots.find(model.from);
  if (!table)
    return internal_error("run.no_snapshot",
                          fmt::format("{} has no snapshot of {}", step.outline.id, model.from));
  TM_TRY(const std::unique_ptr<Watched> connection, step.connect(Engines::Kind::Transforming));
  TM_CHECK(step.view_inputs(**connection));

  training::GateInput input;
  input.connection = &**connection;
  input.model = &model;
  input.challenger = {.name = name,
                      .predictor = std::move(predictor),
                      .relation = engine::quote_name(model.from),
                      .test_scores = std::move(test_scores)};
  TM_TRY(const auto aliases, registry.aliases(model.name));
  TM_TRY(const std::optional<int> anchor, registry.anchor(model.name));
  std::optional<int> champion;
  if (const auto found = aliases.find("champion"); found != aliases.end()) champion = found->second;
  if (champion) {
    TM_TRY(input.champion, candidate_of(step, **connection, model, "champion", *champion));
  }
  if (anchor && anchor != champion) {
    TM_TRY(input.anchor, candidate_of(step, **connection, model, "anchor", *anchor));
  }
  const Json split = input.challenger.predictor->package().split;
  TM_TRY(input.earlier_verdicts, count_earlier(step, model, split));
  TM_CHECK(step.check());
  TM_TRY(const training::GateOutcome outcome, training::judge(input));
  TM_CHECK(step.check());
  TM_CHECK(registry.set_memos(
      verdicts_of(model), {{step.run.run, canonical(Json{{"split", split}, {"passed", outcome.passed}})}}));
  for (const training::GateRuleOutcome& rule : outcome.rules)
    step.log.line(fmt::format("gate {}: {} {}", rule.rule, rule.passed ? "passed" : "failed", rule.message));

  if (const auto slices = outcome.details.find("slices"); slices != outcome.details.end())
    for (const Json& rule : *slices)
      if (rule["rows_null"] != 0 || rule["rows_not_judged"] != 0)
        step.log.line(fmt::format("gate {}: {} rows are NULL there and {} lie in slices too small to judge",
                                  rule["rule"].get<std::string>(), rule["rows_null"].dump(),
                                  rule["rows_not_judged"].dump()));

  TM_TRY(const std::optional<std::string> hold, registry.hold(model.name));
  Verdict verdict;
  verdict.passed = outcome.passed;
  if (outcome.passed && !hold) {
    TM_TRY(verdict.waits, has_to_wait(step, model.name, champion));
    verdict.promote = !verdict.waits;
  }
  const bool lost = input.champion && !input.champion->trouble.empty();
  const bool better = outcome.passed && (outcome.proven_better || !champion || lost);
  verdict.moves_anchor = verdict.promote && better;
  verdict.json = training::to_json(outcome);
  verdict.json["passed"] = outcome.passed;
  verdict.json["champion"] = champion ? Json(*champion) : Json(nullptr);
  verdict.json["anchor"] = anchor ? Json(*anchor) : Json(nullptr);
  verdict.json["held"] = outcome.passed && hold.has_value();
  verdict.json["waits"] = verdict.waits;
  verdict.json["moves_anchor"] = better;
  verdict.json["gate"] = gate_spec(model);
  verdict.json["run"] = step.run.run;
  if (outcome.passed && hold) step.log.line("passed, but promotion is on hold: " + *hold);
  if (verdict.waits) step.log.line("passed, and waits for a rollout");
  if (!outcome.passed) verdict.rejection = rejection_of(input, outcome);
  return verdict;
}

}  // namespace tidemill::pipeline
