// A package and its model's bytes, held against each other and made ready: what serving, batch scoring and
// the gate predict with.
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

#include "forest/package.hpp"

namespace tidemill::forest {

namespace {

constexpr double kFirstInexactInteger = 0x1p53;
constexpr size_t kFewScores = 64;  // need no memory of the heap

std::unexpected<Error> mismatch(std::string message) {
  return data_error("package.mismatch",
                    "the model file does not belong to its package: " + std::move(message));
}

Result<void> check_outputs(const Package& package, const Forest& forest) {
  switch (package.task) {
    case Task::Binary:
      if (forest.outputs != 1 || forest.link != Link::Logistic)
        return mismatch(fmt::format("objective {} for a binary task", forest.objective));
      return {};
    case Task::Regression:
      if (forest.outputs != 1) return mismatch(fmt::format("{} outputs for a regression", forest.outputs));
      return {};
    case Task::Multiclass:
      if (forest.link != Link::Softmax && !(forest.link == Link::Logistic && forest.outputs > 1))
        return mismatch(fmt::format("objective {} for a multiclass task", forest.objective));
      if (forest.outputs != package.classes.size())
        return mismatch(fmt::format("{} outputs for {} classes", forest.outputs, package.classes.size()));
      return {};
  }
  return {};
}

/// What a model of floats sees of a number.
float float_of(double x) { return static_cast<float>(x) + 0.0F; }
bool is_beyond_floats(double x, float seen) { return std::isinf(seen) & std::isfinite(x); }

}  // namespace

std::string category_text(double number) {
  if (number == std::floor(number) && std::abs(number) < kFirstInexactInteger)
    return fmt::format("{}", static_cast<int64_t>(number));
  return fmt::format("{}", number);
}

Result<std::shared_ptr<const Predictor>> Predictor::make(Package package, std::string_view model_bytes) {
  TM_TRY(Forest forest, read_model(model_bytes));
  if (forest.features != package.features.size())
    return mismatch(
        fmt::format("{} features in the file, {} in the package", forest.features, package.features.size()));
  TM_CHECK(check_outputs(package, forest));
  if (package.rounds) {
    if (*package.rounds > forest.rounds())
      return mismatch(
          fmt::format("{} rounds in the file, {} in the package", forest.rounds(), *package.rounds));
    forest.keep_rounds(*package.rounds);
  }
  auto result = std::make_shared<Predictor>();
  for (size_t i = 0; i < package.features.size(); ++i) {
    const Feature& feature = package.features[i];
    if (!forest.feature_names.empty() && forest.feature_names[i] != feature.name)
      return mismatch(fmt::format("feature {} is '{}' in the file, '{}' in the package", i,
                                  forest.feature_names[i], feature.name));
    // A category whose levels nobody knows comes as a number, its code.
    if (!forest.categorical.empty() && !forest.categorical[i] && feature.category)
      return mismatch(fmt::format("only the package has {} as a category", feature.name));
    result->places_.emplace(feature.name, i);
    result->categories_ += feature.category ? 1 : 0;
    Codes& codes = result->codes_.emplace_back();
    for (size_t code = 0; code < feature.levels.size(); ++code)
      codes.emplace(feature.levels[code], static_cast<float>(code));
    if (const auto other = codes.find(feature.other_level);
        !feature.other_level.empty() && other != codes.end()) {
      const float code = other->second;
      for (const std::string& rare : feature.folded) codes.emplace(rare, code);
    }
  }
  result->package_ = std::move(package);
  result->engine_ = Engine::make(std::move(forest));
  return std::shared_ptr<const Predictor>(std::move(result));
}

std::optional<size_t> Predictor::find_feature(std::string_view name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? std::nullopt : std::optional(found->second);
}

double Predictor::number(double x, InputCounts& counts) const {
  if (forest().precision != Precision::Float) return lightgbm_number(x);
  const float seen = float_of(x);
  counts.beyond_floats += is_beyond_floats(x, seen) ? 1 : 0;
  return double{seen};
}

double Predictor::encode(size_t feature, const Cell& cell, InputCounts& counts) const {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  if (cell.kind == Cell::Kind::Missing || (cell.kind == Cell::Kind::Number && std::isnan(cell.number))) {
    ++counts.missing;
    return kMissing;
  }
  if (package_.features[feature].category) {
    const Codes& codes = codes_[feature];
    const bool truth = cell.kind == Cell::Kind::Number && package_.features[feature].sql_type == "BOOLEAN";
    const auto found = cell.kind == Cell::Kind::Text ? codes.find(cell.text)
                       : truth                       ? codes.find(cell.number != 0 ? "true" : "false")
                                                     : codes.find(category_text(cell.number));
    if (found != codes.end()) return double{found->second};
    if (cell.kind == Cell::Kind::Text && cell.text.empty()) {  // protocols whose texts know no null
      ++counts.missing;
      return kMissing;
    }
    ++counts.unseen_categories;
    counts.refused += package_.features[feature].refuses_unknown ? 1 : 0;
    return kMissing;
  }
  if (cell.kind == Cell::Kind::Number) return number(cell.number, counts);
  if (cell.text.empty()) {
    ++counts.missing;
    return kMissing;
  }
  if (cell.text == "true") return 1;
  if (cell.text == "false") return 0;
  double read = 0;
  const char* end = cell.text.data() + cell.text.size();
  const auto [stop, error] = std::from_chars(cell.text.data(), end, read);
  const bool readable = error == std::errc{} && stop == end;
  if (readable && !std::isnan(read)) return number(read, counts);
  ++(readable ? counts.missing : counts.unreadable);
  return kMissing;
}

template <class T>
void Predictor::encode_numbers(size_t feature, std::span<const double> numbers, T* out,
                               InputCounts& counts) const {
  const size_t stride = package_.features.size();
  if (package_.features[feature].category) {
    for (size_t i = 0; i < numbers.size(); ++i)
      out[i * stride] = static_cast<T>(encode(feature, {Cell::Kind::Number, numbers[i], {}}, counts));
    return;
  }
  encode_plain(numbers, out, stride, counts);
}

template <class T>
void Predictor::encode_rows(std::span<const double> numbers, T* out, InputCounts& counts) const {
  encode_plain(numbers, out, 1, counts);
}

template <class T>
void Predictor::encode_plain(std::span<const double> numbers, T* out, size_t stride,
                             InputCounts& counts) const {
  int64_t missing = 0;
  if (std::is_same_v<T, float> && forest().precision == Precision::Float) {
    bool all_finite = true;
    for (size_t i = 0; i < numbers.size(); ++i) {
      const float seen = float_of(numbers[i]);
      out[i * stride] = static_cast<T>(seen);
      all_finite &= std::isfinite(seen);
    }
    if (!all_finite)
      for (const double number : numbers) {
        missing += std::isnan(number) ? 1 : 0;
        counts.beyond_floats += is_beyond_floats(number, float_of(number)) ? 1 : 0;
      }
  } else {
    for (size_t i = 0; i < numbers.size(); ++i) {
      out[i * stride] = static_cast<T>(number(numbers[i], counts));
      missing += std::isnan(numbers[i]) ? 1 : 0;
    }
  }
  counts.missing += missing;
}

template <class T>
void Predictor::encode_texts(size_t feature, std::span<const std::string_view> texts, T* out,
                             InputCounts& counts) const {
  const size_t stride = package_.features.size();
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto kind = texts[i].data() == nullptr ? Cell::Kind::Missing : Cell::Kind::Text;
    out[i * stride] = static_cast<T>(encode(feature, {kind, 0, texts[i]}, counts));
  }
}

template void Predictor::encode_numbers(size_t, std::span<const double>, float*, InputCounts&) const;
template void Predictor::encode_numbers(size_t, std::span<const double>, double*, InputCounts&) const;
template void Predictor::encode_rows(std::span<const double>, float*, InputCounts&) const;
template void Predictor::encode_rows(std::span<const double>, double*, InputCounts&) const;
template void Predictor::encode_texts(size_t, std::span<const std::string_view>, float*, InputCounts&) const;
template void Predictor::encode_texts(size_t, std::span<const std::string_view>, double*, InputCounts&) const;

void Predictor::predict(std::span<const float> rows, std::span<double> scores) const {
  if (forest().precision == Precision::Double)
    return predict(std::vector<double>(rows.begin(), rows.end()), scores);
  fmt::basic_memory_buffer<float, kFewScores> memory;
  memory.resize(scores.size());
  const std::span<float> margins(memory.data(), memory.size());
  engine_->predict_margin(rows, margins);
  apply_link(forest(), margins);
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = double{margins[i]};
  calibrate(scores);
}

void Predictor::predict(std::span<const double> rows, std::span<double> scores) const {
  if (forest().precision == Precision::Float) {
    std::vector<float> floats(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) floats[i] = static_cast<float>(rows[i]);
    return predict(floats, scores);
  }
  engine_->predict_margin(rows, scores);
  apply_link(forest(), scores);
  calibrate(scores);
}

void Predictor::calibrate(std::span<double> scores) const {
  if (package_.task == Task::Binary && !package_.calibration.kind.empty())
    for (double& score : scores) score = package_.calibration.apply(score);
}

Result<Package> load_package(const std::string& manifest, const ObjectReader& read) {
  TM_TRY(const std::string text, read(manifest));
  TM_TRY(const Json json, parse_json(text, manifest));
  return package_from_json(json);
}

Result<std::shared_ptr<const Predictor>> load_predictor(const std::string& manifest,
                                                        const ObjectReader& read) {
  TM_TRY(Package package, load_package(manifest, read));
  TM_TRY(const std::string object, model_object(package));
  TM_TRY(const std::string bytes, read(object));
  return Predictor::make(std::move(package), bytes);
}

}  // namespace tidemill::forest
