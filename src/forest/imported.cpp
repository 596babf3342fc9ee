#include "forest/imported.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "forest/shape.hpp"

namespace tidemill::forest {

namespace {

constexpr std::string_view kPandas = "\npandas_categorical:";

std::string level_text(const Json& level) {
  if (level.is_string()) return level.get<std::string>();
  if (level.is_boolean()) return level.get<bool>() ? "true" : "false";
  return level.is_number() ? category_text(level.get<double>()) : "";
}

/// LightGBM's Python package writes the levels of pandas' category columns behind the model: a list for each,
/// whose order gives the codes.
Result<std::vector<std::vector<std::string>>> pandas_levels(std::string_view text) {
  std::vector<std::vector<std::string>> out;
  const size_t at = text.rfind(kPandas);
  if (at == std::string_view::npos) return out;
  const auto line =
      2 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
  text.remove_prefix(at + kPandas.size());
  const size_t end = text.find('\n');
  const auto parsed = parse_json(text.substr(0, std::min(end, text.size())));
  if (!parsed) {
    auto refused = end == std::string_view::npos
                       ? invalid("it is cut within 'pandas_categorical', the names of its categories")
                       : invalid("'pandas_categorical' is " + parsed.error().message);
    refused.error().where.line = line;
    return refused;
  }
  const Json& json = *parsed;
  if (json.is_null()) return out;
  if (!json.is_array()) return invalid("'pandas_categorical' is no list");
  for (const Json& column : json) {
    if (!column.is_array()) return invalid("'pandas_categorical' is no list of lists");
    std::vector<std::string>& levels = out.emplace_back();
    for (const Json& level : column) levels.push_back(level_text(level));
  }
  return out;
}

/// Of XGBoost 3.1 and newer. The file's feature types need not be there to tell which are categories.
Result<void> name_xgboost_levels(const Forest& forest, Package& package) {
  for (size_t f = 0; f < forest.levels.size(); ++f) {
    const Levels& levels = forest.levels[f];
    if (levels.names.empty()) continue;
    Feature& feature = package.features[f];
    // Of a pandas frame it counts characters where it cuts bytes (to 3.2 at least), and the file does not say
    // of what frame it was.
    for (const std::string& level : levels.names)
      if (std::ranges::any_of(level, [](char c) { return static_cast<unsigned char>(c) > 0x7f; }))
        return unsupported(
            "forest.categories",
            fmt::format(
                "feature '{}' has categories beyond ASCII, which XGBoost may have cut in the wrong place",
                feature.name),
            "train it on names in ASCII, or on codes instead of categories of a data frame");
    feature.category = true;
    feature.sql_type = levels.are_numbers ? "BIGINT" : "VARCHAR";
    feature.levels = levels.names;
    feature.refuses_unknown = true;
  }
  return {};
}

Result<void> name_levels(const Forest& forest, std::string_view bytes, Package& package) {
  if (forest.precision != Precision::Double) return name_xgboost_levels(forest, package);
  TM_TRY(auto levels, pandas_levels(bytes));
  if (levels.empty()) return {};
  const auto categorical = std::count(forest.categorical.begin(), forest.categorical.end(), true);
  if (static_cast<size_t>(categorical) != levels.size())
    return unsupported(
        "forest.categories",
        fmt::format("it lists the categories of {} columns, and {} of its features have some", levels.size(),
                    categorical),
        "train it on codes instead of pandas' category columns, or without columns that have one value");
  size_t next = 0;
  for (size_t f = 0; f < package.features.size(); ++f) {
    if (!forest.categorical[f]) continue;
    package.features[f].category = true;
    package.features[f].sql_type = "VARCHAR";
    package.features[f].levels = std::move(levels[next++]);
  }
  return {};
}

Result<Task> task_of(const Forest& forest) {
  if (forest.outputs > 1) {
    if (forest.link == Link::Softmax || forest.link == Link::Logistic) return Task::Multiclass;
    return unsupported("forest.outputs", fmt::format("it has {} outputs that are no classes", forest.outputs),
                       "import a model for each target");
  }
  return forest.objective == "binary:logistic" || forest.objective == "binary" ? Task::Binary
                                                                               : Task::Regression;
}

}  // namespace

std::string_view file_name_of(std::string_view bytes) {
  if (bytes.starts_with("tree")) return "model.txt";
  const size_t second = bytes.find_first_not_of(" \t\r\n", 1);
  return second != std::string_view::npos && bytes[second] == '"' ? "model.json" : "model.ubj";
}

Result<Package> imported_package(const ImportedModel& imported, std::string_view bytes) {
  TM_TRY(const Forest forest, read_model(bytes));
  Package package;
  package.model = imported.model;
  package.key = imported.key;
  package.target = imported.target;
  TM_TRY(package.task, task_of(forest));
  if (package.task == Task::Multiclass)
    for (uint32_t k = 0; k < forest.outputs; ++k) package.classes.push_back(fmt::format("{}", k));
  for (uint32_t f = 0; f < forest.features; ++f) {
    Feature& feature = package.features.emplace_back();
    feature.name = forest.feature_names.empty() ? fmt::format("f{}", f) : forest.feature_names[f];
    const auto type = imported.types.find(feature.name);
    feature.sql_type = type == imported.types.end() ? "DOUBLE" : type->second;
  }
  TM_CHECK(name_levels(forest, bytes, package));
  package.provenance = {{"imported", true},
                        {"library", forest.precision == Precision::Double ? "lightgbm" : "xgboost"},
                        {"objective", forest.objective},
                        {"trees", forest.trees.size()},
                        {"rounds_in_file", forest.rounds()}};
  if (imported.rounds == Rounds::Best && forest.best_round)
    package.rounds = *forest.best_round + 1;
  else if (forest.rounds() > 0 && forest.trees.size() % forest.trees_of_round == 0)
    package.rounds = forest.rounds();
  // What a package may be is said in one place.
  return package_from_json(to_json(package));
}

}  // namespace tidemill::forest
