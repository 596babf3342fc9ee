#include "training/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/names.hpp"
#include "training/fairness.hpp"
#include "training/parallel.hpp"

namespace tidemill::training {

namespace {

constexpr size_t kRowsAtOnce = 4096;

/// Rows of a part, or some of them, owned so that a slice can be judged like the whole.
struct Selection {
  std::vector<double> labels, scores, weights;
  statistics::Blocks blocks;
};

statistics::Evaluation evaluation_of(const EvaluateInput& input, const Selection& rows,
                                     statistics::Maybe naive) {
  const forest::Predictor& predictor = *input.predictor;
  return {.task = statistics_task(predictor.package().task),
          .labels = rows.labels,
          .scores = rows.scores,
          .outputs = predictor.outputs(),
          .weights = rows.weights,
          .threshold = predictor.package().threshold.value_or(0.5),
          .naive_error = naive};
}

Selection select(const EvaluateInput& input, Part part, const std::vector<double>& scores,
                 const std::function<bool(size_t)>& wanted) {
  const Dataset& data = *input.data;
  const size_t outputs = input.predictor->outputs();
  const auto labels = data.labels_of(part);
  const auto weights = data.weights_of(part);
  const statistics::Blocks all = data.blocks_of(part);
  Selection result;
  std::vector<int64_t> blocks;
  for (size_t r = 0; r < labels.size(); ++r) {
    if (wanted && !wanted(data.begin_of(part) + r)) continue;
    result.labels.push_back(labels[r]);
    for (size_t k = 0; k < outputs; ++k) result.scores.push_back(scores[r * outputs + k]);
    if (!weights.empty()) result.weights.push_back(weights[r]);
    blocks.push_back(all.of_row[r]);
  }
  result.blocks = statistics::make_blocks(blocks);
  return result;
}

/// Mean |y_t − y_{t−1}| of the training series, when it is one series: a row an instant.
statistics::Maybe naive_error(const Dataset& data) {
  if (data.task != forest::Task::Regression || data.split.kind != project::Split::Kind::Time)
    return std::nullopt;
  const size_t rows = data.rows_of(Part::Train), begin = data.begin_of(Part::Train);
  std::vector<size_t> order(rows);
  std::iota(order.begin(), order.end(), begin);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return data.times[a] < data.times[b]; });
  std::vector<double> series;
  for (size_t i = 0; i < rows; ++i) {
    if (i > 0 && data.times[order[i]] == data.times[order[i - 1]]) return std::nullopt;
    series.push_back(data.labels[order[i]]);
  }
  return statistics::naive_error(series);
}

/// One metric of one selection of rows, to be computed on whichever thread is free.
struct Job {
  std::string metric;
  const Selection* rows = nullptr;
  Json* into = nullptr;
  std::optional<Error> error;
};

void run(Job& job, const EvaluateInput& input, statistics::Maybe naive) {
  const statistics::Evaluation evaluation = evaluation_of(input, *job.rows, naive);
  statistics::BootstrapOptions options;
  options.seed = static_cast<uint64_t>(input.model->train.seed);
  const auto value = statistics::compute(job.metric, evaluation);
  const auto interval = statistics::bootstrap(job.metric, evaluation, job.rows->blocks, options);
  if (!value || !interval) {
    job.error = value ? interval.error() : value.error();
    return;
  }
  *job.into = {{"value", *value ? Json(**value) : Json(nullptr)},
               {"low", *interval ? Json((*interval)->low) : Json(nullptr)},
               {"high", *interval ? Json((*interval)->high) : Json(nullptr)}};
}

struct Slice {
  std::string column, value;
  Selection rows;
  Json metrics = Json::object();
};

std::vector<Slice> slices_of(const EvaluateInput& input) {
  const Dataset& data = *input.data;
  std::vector<Slice> slices;
  for (const TextColumn& text : data.texts) {
    const bool wanted = std::ranges::any_of(
        input.model->slices, [&](const std::string& name) { return engine::same_name(name, text.name); });
    if (!wanted) continue;
    std::vector<size_t> counts(text.texts.size());
    const size_t begin = data.begin_of(Part::Test), end = begin + data.rows_of(Part::Test);
    for (size_t r = begin; r < end; ++r)
      if (text.codes[r] != TextColumn::kNull) ++counts[text.codes[r]];
    std::vector<uint32_t> codes(counts.size());
    std::iota(codes.begin(), codes.end(), 0U);
    std::sort(codes.begin(), codes.end(), [&](uint32_t a, uint32_t b) {
      return counts[a] != counts[b] ? counts[a] > counts[b] : text.texts.text(a) < text.texts.text(b);
    });
    codes.resize(std::min(codes.size(), kMaxSliceLevels));
    for (const uint32_t code : codes) {
      Slice slice{.column = text.name, .value = text.texts.text(code)};
      slice.rows =
          select(input, Part::Test, input.test_scores, [&](size_t r) { return text.codes[r] == code; });
      if (enough_to_judge(data.task, slice.rows.labels, data.classes.size()))
        slices.push_back(std::move(slice));
    }
  }
  return slices;
}

}  // namespace

statistics::Task statistics_task(forest::Task task) {
  switch (task) {
    case forest::Task::Regression:
      return statistics::Task::Regression;
    case forest::Task::Binary:
      return statistics::Task::Binary;
    case forest::Task::Multiclass:
      return statistics::Task::Multiclass;
  }
  return statistics::Task::Regression;
}

std::vector<double> scores_of(const forest::Predictor& predictor, std::span<const float> matrix, size_t rows,
                              int threads) {
  const size_t columns = predictor.forest().features, outputs = predictor.outputs();
  std::vector<double> scores(rows * outputs);
  in_parallel(threads, (rows + kRowsAtOnce - 1) / kRowsAtOnce, [&](size_t block) {
    const size_t first = block * kRowsAtOnce, count = std::min(kRowsAtOnce, rows - first);
    predictor.predict(matrix.subspan(first * columns, count * columns),
                      std::span(scores).subspan(first * outputs, count * outputs));
  });
  return scores;
}

bool enough_to_judge(forest::Task task, std::span<const double> labels, size_t classes) {
  if (task == forest::Task::Regression) return static_cast<double>(labels.size()) >= kMinRowsOfClass;
  std::vector<double> counts(std::max<size_t>(classes, 2));
  for (const double label : labels) ++counts[static_cast<size_t>(label)];
  return *std::min_element(counts.begin(), counts.end()) >= kMinRowsOfClass;
}

Result<Json> evaluate(const EvaluateInput& input) {
  const Dataset& data = *input.data;
  const statistics::Maybe naive = naive_error(data);
  const std::vector<std::string> names = statistics::metric_names(statistics_task(data.task));
  Selection test = select(input, Part::Test, input.test_scores, {});
  Selection validation = select(input, Part::Validation, input.validation_scores, {});
  std::vector<Slice> slices = slices_of(input);

  Json test_metrics = Json::object(), validation_metrics = Json::object();
  std::vector<Job> jobs;
  // Places are made first: a Json that grows would move what jobs point to.
  const auto add = [&](const Selection& rows, Json& into) {
    for (const std::string& name : names) into[name] = nullptr;
    for (const std::string& name : names) jobs.push_back({name, &rows, &into[name], {}});
  };
  add(test, test_metrics);
  if (!validation.labels.empty()) add(validation, validation_metrics);
  for (Slice& slice : slices) add(slice.rows, slice.metrics);
  in_parallel(input.threads, jobs.size(), [&](size_t i) { run(jobs[i], input, naive); });
  for (Job& job : jobs)
    if (job.error) return std::unexpected(std::move(*job.error));

  Json result = {{"test", std::move(test_metrics)},
                 {"validation", std::move(validation_metrics)},
                 {"rows",
                  {{"train", data.rows_of(Part::Train)},
                   {"validation", data.rows_of(Part::Validation)},
                   {"test", data.rows_of(Part::Test)},
                   {"gap", data.gap_rows}}},
                 {"blocks", test.blocks.count},
                 {"slices", Json::array()}};
  for (Slice& slice : slices)
    result["slices"].push_back({{"column", slice.column},
                                {"value", slice.value},
                                {"rows", slice.rows.labels.size()},
                                {"metrics", std::move(slice.metrics)}});
  if (Json fairness = fairness_of(input); !fairness.empty()) result["fairness"] = std::move(fairness);
  if (naive) result["naive_error"] = *naive;
  const forest::Package& package = input.predictor->package();
  if (package.threshold) result["threshold"] = *package.threshold;
  if (package.conformal_half_width) {
    size_t inside = 0;
    for (size_t r = 0; r < test.labels.size(); ++r)
      inside += std::abs(test.labels[r] - test.scores[r]) <= *package.conformal_half_width;
    result["conformal"] = {
        {"asked", *package.conformal_coverage},
        {"half_width", *package.conformal_half_width},
        {"measured", static_cast<double>(inside) / static_cast<double>(test.labels.size())},
        {"rows", test.labels.size()}};
  }
  return result;
}

Json importance_of(const forest::Predictor& predictor) {
  struct Sums {
    double gain = 0, cover = 0, weight = 0;
  };
  const auto& features = predictor.package().features;
  std::vector<Sums> sums(features.size());
  Sums all;
  for (const forest::Tree& tree : predictor.forest().trees)
    for (const forest::Node& node : tree.nodes) {
      if (node.left < 0) continue;
      for (Sums* to : {&sums[node.feature], &all}) {
        to->gain += double{node.gain};
        to->cover += double{node.cover};
        to->weight += 1;
      }
    }
  std::vector<size_t> order(features.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sums[a].gain > sums[b].gain; });
  const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
  Json result = Json::array();
  for (const size_t f : order)
    result.push_back({{"feature", features[f].name},
                      {"gain", share(sums[f].gain, all.gain)},
                      {"cover", share(sums[f].cover, all.cover)},
                      {"weight", share(sums[f].weight, all.weight)}});
  return result;
}

}  // namespace tidemill::training
