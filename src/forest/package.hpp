// A model package: everything a version needs to be served, judged and watched. The manifest is one JSON
// object; the files it names (the model in XGBoost's own UBJ, the card) are stored beside it by content.
// docs/formats/package.md describes it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "forest/engine.hpp"

namespace tidemill::forest {

enum class Task { Regression, Binary, Multiclass };
std::string_view to_text(Task task);

struct Feature {
  std::string name;
  std::string sql_type;  // type in the training table, DuckDB's text
  bool category = false;
  std::vector<std::string> levels;  // code = index; distinct, and sorted by bytes when trained here
  std::string other_level;          // rare levels fold into this code when not empty (it is one of levels)
  std::vector<std::string> folded;  // the rare levels that fold; sorted
  bool refuses_unknown = false;     // a level that is none of these is an error, not missing
  bool operator==(const Feature&) const = default;
};

/// score → calibrated score. isotonic: rising, straight between its points and flat outside. platt: 1 / (1 +
/// exp(a·s + b)) where s is the score's log-odds, ln(p / (1 − p)), p kept 2⁻³⁰ away from 0 and 1.
struct Calibration {
  std::string kind;  // "" | "isotonic" | "platt"
  std::vector<double> x, y;
  double a = 0, b = 0;
  double apply(double score) const;
  static double log_odds(double score);
  bool operator==(const Calibration&) const = default;
};

struct Package {
  std::string model;
  Task task = Task::Binary;
  std::vector<std::string> key;
  std::string target;
  std::vector<std::string> classes;  // multiclass and text targets: class index → label
  std::vector<Feature> features;     // signature, in order
  Calibration calibration;
  std::optional<double> threshold;             // binary decision
  std::optional<double> conformal_half_width;  // regression interval: prediction ± this
  std::optional<double> conformal_coverage;    // as asked for
  Json metrics = Json::object();               // see training/evaluate.hpp
  Json importance = Json::array();
  Json baseline = Json::object();    // statistics of every input and of the score
  Json split = Json::object();       // kind, column, boundaries as instants or hash thresholds
  Json provenance = Json::object();  // hashes of data, SQL, project file; git commit, dirty; engine and
                                     // library versions; rounds, seed, params
  Json pipeline = Json::object();    // the SQL of the transforms that made the features, sources' columns,
                                     // as_of: what serving and later gates need
  std::map<std::string, std::string> files;  // name → object id: "model.ubj", "card.md"
  std::optional<uint32_t> rounds;            // how many of the model file's are used; nothing: all
};

/// The object that holds the model: "model.ubj", or as it was imported "model.json" or "model.txt". Error
/// package.no_model.
Result<std::string> model_object(const Package& package);

inline constexpr int kPackageFormat = 2;

Json to_json(const Package& package);
/// Errors: package.invalid with the member's name, package.newer_format.
Result<Package> package_from_json(const Json& json);

/// A number as a category's level: "12" for whole numbers, else the shortest decimal that reads back.
/// Training and serving share it.
std::string category_text(double number);

/// One feature value as a caller gives it.
struct Cell {
  enum class Kind { Missing, Number, Text };
  Kind kind = Kind::Missing;
  double number = 0;
  std::string_view text;
};

/// Counts of what was odd in the inputs of a call.
struct InputCounts {
  int64_t unseen_categories = 0;
  int64_t missing = 0;
  int64_t unreadable = 0;     // a text that is no number where a number belongs: taken as missing
  int64_t refused = 0;        // of unseen_categories, those that the feature refuses: for the caller to say
  int64_t beyond_floats = 0;  // finite numbers that are infinite to a model of floats: for the caller to say
};

/// A package made ready to predict. Immutable; safe to share between threads.
class Predictor {
 public:
  static Result<std::shared_ptr<const Predictor>> make(Package package, std::string_view model_bytes);
  const Package& package() const { return package_; }
  const Forest& forest() const { return engine_->forest(); }
  /// Its place in the signature.
  std::optional<size_t> find_feature(std::string_view name) const;
  /// How many features are categories.
  size_t categories() const { return categories_; }

  /// Feature value → the number the model sees: NaN for missing or unseen, the code for a category; −0 is 0,
  /// "true" and "false" are 1 and 0. For XGBoost it is the nearest float, for LightGBM the double, 0 up to
  /// 1e-35.
  double encode(size_t feature, const Cell& cell, InputCounts& counts) const;
  /// A column at a time, into every `features`-th place of row-major rows: T is float for XGBoost, double for
  /// LightGBM. NaN and a text without data are missing.
  template <class T>
  void encode_numbers(size_t feature, std::span<const double> numbers, T* out, InputCounts& counts) const;
  /// Whole rows of numbers, row-major as `out`, where no feature is a category.
  template <class T>
  void encode_rows(std::span<const double> numbers, T* out, InputCounts& counts) const;
  template <class T>
  void encode_texts(size_t feature, std::span<const std::string_view> texts, T* out,
                    InputCounts& counts) const;
  /// rows: encoded, row-major. scores: rows × outputs (1 for binary and regression): after link and
  /// calibration.
  void predict(std::span<const double> rows, std::span<double> scores) const;
  void predict(std::span<const float> rows, std::span<double> scores) const;
  size_t outputs() const { return forest().outputs; }

 private:
  double number(double x, InputCounts& counts) const;
  template <class T>
  void encode_plain(std::span<const double> numbers, T* out, size_t stride, InputCounts& counts) const;
  void calibrate(std::span<double> scores) const;

  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Codes = std::unordered_map<std::string, float, TextHash, std::equal_to<>>;

  Package package_;
  std::shared_ptr<const Engine> engine_;
  std::unordered_map<std::string, size_t, TextHash, std::equal_to<>> places_;  // of features, by name
  size_t categories_ = 0;
  std::vector<Codes> codes_;  // one a feature; empty unless it is a category
};

/// Reads an object of the home whole, by its id.
using ObjectReader = std::function<Result<std::string>(const std::string& object)>;
/// The package whose manifest is this object. Errors: the reader's, package.invalid, package.newer_format.
Result<Package> load_package(const std::string& manifest, const ObjectReader& read);
/// … with its model, ready to predict. Errors: package.no_model and those of Predictor::make, too.
Result<std::shared_ptr<const Predictor>> load_predictor(const std::string& manifest,
                                                        const ObjectReader& read);

}  // namespace tidemill::forest
