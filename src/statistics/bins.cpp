#include "statistics/bins.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace tidemill::statistics {
namespace {

constexpr std::array kBaselineQuantiles{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

std::vector<double> sorted_finite(Numbers values) {
  std::vector<double> sorted;
  sorted.reserve(values.size());
  std::copy_if(values.begin(), values.end(), std::back_inserter(sorted),
               [](double x) { return std::isfinite(x); });
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

NumberBins bins_of_sorted(Numbers sorted, size_t max_bins) {
  NumberBins bins;
  if (sorted.empty()) return bins;
  max_bins = std::max<size_t>(1, max_bins);
  for (size_t i = 0; i <= max_bins; ++i) {
    const double edge = *quantile(sorted, static_cast<double>(i) / static_cast<double>(max_bins));
    if (bins.edges.empty() || edge > bins.edges.back()) bins.edges.push_back(edge);
  }
  if (bins.edges.size() == 1) bins.edges.push_back(bins.edges.front());
  return bins;
}

Result<std::vector<double>> doubles(const Json& json, const char* key) {
  if (!json.contains(key) || !json[key].is_array())
    return data_error("baseline.malformed", fmt::format("no list '{}'", key));
  std::vector<double> values;
  for (const Json& value : json[key]) {
    if (!value.is_number())
      return data_error("baseline.malformed", fmt::format("'{}' must hold numbers", key));
    values.push_back(value.get<double>());
  }
  return values;
}

}  // namespace

Maybe quantile(Numbers sorted, double q) {
  if (sorted.empty() || !(q >= 0 && q <= 1)) return {};
  const double place = q * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(place);
  if (below + 1 >= sorted.size()) return sorted.back();
  const double a = sorted[below], b = sorted[below + 1], t = place - static_cast<double>(below);
  if (a == b) return a;
  if (!std::isfinite(b - a)) return a * (1 - t) + b * t;  // from one end of the doubles to the other
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

size_t NumberBins::place_of(double value) const {
  if (std::isnan(value)) return 0;
  if (edges.empty()) return places() - 1;
  if (value < edges.front()) return 1;
  if (value > edges.back()) return places() - 1;
  const size_t above =
      static_cast<size_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin());
  return 1 + std::min(above, bins());
}

std::string NumberBins::label(size_t place) const {
  if (place == 0) return "missing";
  if (edges.empty()) return "any";
  if (place == 1) return fmt::format("< {:.6g}", edges.front());
  if (place + 1 >= places()) return fmt::format("> {:.6g}", edges.back());
  return fmt::format("[{:.6g}, {:.6g}{}", edges[place - 2], edges[place - 1],
                     place - 1 == bins() ? "]" : ")");
}

NumberBins quantile_bins(Numbers values, size_t max_bins) {
  return bins_of_sorted(sorted_finite(values), max_bins);
}

std::vector<double> count(const NumberBins& bins, Numbers values) {
  std::vector<double> counts(bins.places(), 0.0);
  for (const double value : values) counts[bins.place_of(value)] += 1;
  return counts;
}

size_t LevelBins::place_of(const std::optional<std::string_view>& value) const {
  if (!value) return 0;
  return 1 + static_cast<size_t>(std::find(levels.begin(), levels.end(), *value) - levels.begin());
}

std::string LevelBins::label(size_t place) const {
  if (place == 0) return "missing";
  return place <= levels.size() ? levels[place - 1] : "other";
}

LevelBins frequent_levels(std::vector<LevelCount> counts, size_t max_levels) {
  std::sort(counts.begin(), counts.end(), [](const LevelCount& a, const LevelCount& b) {
    return a.count != b.count ? a.count > b.count : a.level < b.level;
  });
  LevelBins bins;
  for (size_t i = 0; i < std::min(counts.size(), max_levels); ++i)
    bins.levels.push_back(std::move(counts[i].level));
  return bins;
}

Json number_baseline(Numbers values, size_t max_bins) {
  const std::vector<double> sorted = sorted_finite(values);
  const NumberBins bins = bins_of_sorted(sorted, max_bins);
  const std::vector<double> counts = count(bins, values);
  Json json{{"kind", "number"},
            {"edges", bins.edges},
            {"counts", counts},
            {"rows", values.size()},
            {"missing", counts[0]}};
  if (sorted.empty()) return json;

  double sum = 0;
  for (const double x : sorted) sum += x;
  const double n = static_cast<double>(sorted.size()), mean = sum / n;
  double squares = 0;
  for (const double x : sorted) squares += (x - mean) * (x - mean);
  json["mean"] = mean;
  if (n > 1) json["std"] = std::sqrt(squares / (n - 1));
  json["min"] = sorted.front();
  json["max"] = sorted.back();
  for (const double q : kBaselineQuantiles) json["quantiles"][fmt::format("{}", q)] = *quantile(sorted, q);
  return json;
}

Json level_baseline(std::vector<LevelCount> counts, double missing, size_t max_levels) {
  const LevelBins bins = frequent_levels(counts, max_levels);
  double total = missing, other = 0;
  std::vector<double> placed(bins.places(), 0.0);
  placed[0] = missing;
  const size_t distinct = counts.size();
  std::sort(counts.begin(), counts.end(), [](const LevelCount& a, const LevelCount& b) {
    return a.count != b.count ? a.count > b.count : a.level < b.level;
  });
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i].count;
    if (i < bins.levels.size())
      placed[i + 1] = counts[i].count;
    else
      other += counts[i].count;
  }
  placed.back() = other;
  return {{"kind", "level"}, {"levels", bins.levels}, {"counts", placed},
          {"rows", total},   {"missing", missing},    {"distinct", distinct}};
}

Result<Baseline> read_baseline(const Json& json) {
  Baseline baseline;
  const std::string kind = json.is_object() ? json.value("kind", "") : "";
  if (kind != "number" && kind != "level")
    return data_error("baseline.malformed", fmt::format("kind must be number or level, not '{}'", kind));
  TM_TRY(baseline.counts, doubles(json, "counts"));
  size_t places = 0;
  if (kind == "number") {
    TM_TRY(baseline.numbers.edges, doubles(json, "edges"));
    if (!std::is_sorted(baseline.numbers.edges.begin(), baseline.numbers.edges.end()) ||
        baseline.numbers.edges.size() == 1)
      return data_error("baseline.malformed", "edges must rise and be two or more, or none");
    places = baseline.numbers.places();
  } else {
    baseline.kind = Baseline::Kind::Level;
    if (!json.contains("levels") || !json["levels"].is_array())
      return data_error("baseline.malformed", "no list 'levels'");
    for (const Json& level : json["levels"]) {
      if (!level.is_string()) return data_error("baseline.malformed", "'levels' must hold texts");
      baseline.levels.levels.push_back(level.get<std::string>());
    }
    places = baseline.levels.places();
  }
  if (baseline.counts.size() != places)
    return data_error("baseline.malformed", fmt::format("{} places need {} counts, not {}", places, places,
                                                        baseline.counts.size()));
  for (const double c : baseline.counts) {
    if (!(c >= 0)) return data_error("baseline.malformed", "a count must be 0 or more");
    baseline.rows += c;
  }
  if (json.contains("mean") && json["mean"].is_number()) baseline.mean = json["mean"].get<double>();
  if (json.contains("std") && json["std"].is_number())
    baseline.standard_deviation = json["std"].get<double>();
  return baseline;
}

}  // namespace tidemill::statistics
