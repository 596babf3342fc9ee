#include "statistics/additive.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tidemill::statistics {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

double clipped(double score) { return std::clamp(score, kEpsilon, 1.0 - kEpsilon); }

struct Weight {
  Numbers weights;
  double operator()(size_t row) const { return weights.empty() ? 1.0 : weights[row]; }
};

Maybe ratio(double numerator, double denominator) {
  if (!(denominator > 0)) return {};
  return numerator / denominator;
}

/// Weighted mean of a loss per row.
Additive mean_of(Weight weight, std::function<double(size_t)> loss, double (*after)(double) = nullptr) {
  return {.components = 2,
          .add =
              [weight, loss = std::move(loss)](size_t row, double* sums) {
                const double w = weight(row);
                if (w == 0) return;
                sums[0] += w * loss(row);
                sums[1] += w;
              },
          .finish = [after](std::span<const double> sums) -> Maybe {
            const Maybe mean = ratio(sums[0], sums[1]);
            return mean && after ? Maybe(after(*mean)) : mean;
          }};
}

/// Sums: true positive, false positive, true negative, false negative.
Additive of_confusion(const Evaluation& e, Maybe (*finish)(const Confusion&)) {
  return {.components = 4,
          .add =
              [e, weight = Weight{e.weights}](size_t row, double* sums) {
                const bool said = e.scores[row] >= e.threshold, is = e.labels[row] == 1.0;
                sums[said ? (is ? 0 : 1) : (is ? 3 : 2)] += weight(row);
              },
          .finish =
              [finish](std::span<const double> s) {
                return finish({.true_positive = s[0],
                               .false_positive = s[1],
                               .true_negative = s[2],
                               .false_negative = s[3]});
              }};
}

size_t decided_class(const Evaluation& e, size_t row) {
  const Numbers scores = e.scores.subspan(row * e.outputs, e.outputs);
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

/// Sums per class: true positive, decisions, labels.
PrecisionRecall averaged(std::span<const double> sums, Average average) {
  PrecisionRecall result;
  double hit = 0, decided = 0, labelled = 0;
  int present = 0;
  for (size_t c = 0; c < sums.size(); c += 3) {
    hit += sums[c];
    decided += sums[c + 1];
    labelled += sums[c + 2];
    if (sums[c + 1] + sums[c + 2] <= 0) continue;
    ++present;
    result.precision += ratio(sums[c], sums[c + 1]).value_or(0);
    result.recall += ratio(sums[c], sums[c + 2]).value_or(0);
    result.f1 += 2 * sums[c] / (sums[c + 1] + sums[c + 2]);
  }
  if (average == Average::Micro) return {hit / decided, hit / labelled, 2 * hit / (decided + labelled)};
  return {result.precision / present, result.recall / present, result.f1 / present};
}

Additive of_classes(const Evaluation& e, Average average, double PrecisionRecall::* part) {
  return {.components = 3 * e.outputs,
          .add =
              [e, weight = Weight{e.weights}](size_t row, double* sums) {
                const size_t said = decided_class(e, row), is = static_cast<size_t>(e.labels[row]);
                if (said == is) sums[3 * is] += weight(row);
                sums[3 * said + 1] += weight(row);
                sums[3 * is + 2] += weight(row);
              },
          .finish = [average, part](std::span<const double> sums) -> Maybe {
            if (std::all_of(sums.begin(), sums.end(), [](double s) { return s <= 0; })) return {};
            return averaged(sums, average).*part;
          }};
}

Additive multiclass_loss(const Evaluation& e) {
  return mean_of({e.weights}, [e](size_t row) {
    double sum = 0;
    for (const double score : e.scores.subspan(row * e.outputs, e.outputs)) sum += clipped(score);
    return -std::log(clipped(e.scores[row * e.outputs + static_cast<size_t>(e.labels[row])]) / sum);
  });
}

/// Sums around the mean of all targets, so that squares don't cancel: error², centred², centred, weight.
Additive determination(const Evaluation& e) {
  const Weight weight{e.weights};
  double sum = 0, total_weight = 0, largest = 0;
  for (size_t row = 0; row < e.labels.size(); ++row) {
    sum += weight(row) * e.labels[row];
    total_weight += weight(row);
    largest = std::max(largest, std::abs(e.labels[row]));
  }
  const double centre = total_weight > 0 ? sum / total_weight : 0;
  const double noise = largest * 4 * kEpsilon;  // of a difference between equal targets
  return {.components = 4,
          .add =
              [e, weight, centre](size_t row, double* sums) {
                const double w = weight(row), error = e.labels[row] - e.scores[row],
                             y = e.labels[row] - centre;
                sums[0] += w * error * error;
                sums[1] += w * y * y;
                sums[2] += w * y;
                sums[3] += w;
              },
          .finish = [noise](std::span<const double> s) -> Maybe {
            if (!(s[3] > 0)) return {};
            const double variation = s[1] - s[2] * s[2] / s[3];
            if (variation <= s[3] * noise * noise || variation <= 1e-13 * s[1]) return {};
            return 1 - s[0] / variation;
          }};
}

/// Sums: w·|e|, w·scale, weight of rows with scale 0.
Additive relative(const Evaluation& e, bool per_row) {
  return {
      .components = 3,
      .add =
          [e, weight = Weight{e.weights}, per_row](size_t row, double* sums) {
            const double w = weight(row), error = std::abs(e.labels[row] - e.scores[row]),
                         size = std::abs(e.labels[row]);
            if (w == 0) return;
            if (per_row && size == 0) sums[2] += w;
            sums[0] += per_row ? (size > 0 ? w * (error / size) : 0) : w * error;
            sums[1] += per_row ? w : w * size;
          },
      .finish = [](std::span<const double> s) -> Maybe { return s[2] > 0 ? Maybe() : ratio(s[0], s[1]); }};
}

std::optional<Additive> binary(std::string_view name, const Evaluation& e) {
  const Weight weight{e.weights};
  if (name == "log_loss")
    return mean_of(weight, [e](size_t row) {
      const double p = clipped(e.scores[row]);
      return -std::log(e.labels[row] == 1.0 ? p : 1 - p);
    });
  if (name == "brier")
    return mean_of(weight, [e](size_t row) {
      const double error = e.scores[row] - e.labels[row];
      return error * error;
    });
  if (name == "accuracy") return of_confusion(e, accuracy);
  if (name == "precision") return of_confusion(e, precision);
  if (name == "recall") return of_confusion(e, recall);
  if (name == "f1") return of_confusion(e, f1);
  return {};
}

std::optional<Additive> multiclass(std::string_view name, const Evaluation& e) {
  if (name == "log_loss") return multiclass_loss(e);
  if (name == "accuracy" || name == "micro_f1") return of_classes(e, Average::Micro, &PrecisionRecall::f1);
  if (name == "micro_precision") return of_classes(e, Average::Micro, &PrecisionRecall::precision);
  if (name == "micro_recall") return of_classes(e, Average::Micro, &PrecisionRecall::recall);
  if (name == "macro_precision") return of_classes(e, Average::Macro, &PrecisionRecall::precision);
  if (name == "macro_recall") return of_classes(e, Average::Macro, &PrecisionRecall::recall);
  if (name == "macro_f1") return of_classes(e, Average::Macro, &PrecisionRecall::f1);
  return {};
}

std::optional<Additive> regression(std::string_view name, const Evaluation& e) {
  const Weight weight{e.weights};
  const auto absolute = [e](size_t row) { return std::abs(e.labels[row] - e.scores[row]); };
  if (name == "mae") return mean_of(weight, absolute);
  if (name == "rmse")
    return mean_of(
        weight, [absolute](size_t row) { return absolute(row) * absolute(row); },
        [](double x) { return std::sqrt(x); });
  if (name == "r2") return determination(e);
  if (name == "wape") return relative(e, false);
  if (name == "mape") return relative(e, true);
  if (name == "mase") {
    Additive metric = mean_of(weight, absolute);
    metric.finish = [scale = e.naive_error](std::span<const double> s) -> Maybe {
      return scale && *scale > 0 ? ratio(s[0] / *scale, s[1]) : Maybe();
    };
    return metric;
  }
  return {};
}

}  // namespace

std::optional<Additive> additive_metric(std::string_view name, const Evaluation& e) {
  switch (e.task) {
    case Task::Binary:
      return binary(name, e);
    case Task::Multiclass:
      return multiclass(name, e);
    case Task::Regression:
      return regression(name, e);
  }
  return {};
}

Maybe total(const Additive& metric, size_t rows) {
  std::vector<double> sums(metric.components, 0.0);
  for (size_t row = 0; row < rows; ++row) metric.add(row, sums.data());
  return metric.finish(sums);
}

}  // namespace tidemill::statistics
