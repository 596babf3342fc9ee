// XGBoost's model schema (doc/model.schema and src/tree/tree_model.cc, 1.7 to 3.x) → Forest. Every index is
// checked before it is believed: a tree's nodes are reached exactly once from its root, features and
// categories are in range, thresholds and leaves are numbers.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "forest/document.hpp"
#include "forest/forest.hpp"
#include "forest/levels.hpp"
#include "forest/shape.hpp"

namespace tidemill::forest {

namespace {

constexpr float kMaxFloat = std::numeric_limits<float>::max();

Result<const Document*> member(const Document& object, std::string_view name) {
  const Document* result = object.find(name);
  if (!result) return invalid(fmt::format("'{}' is missing", name));
  return result;
}
Result<double> number_of(const Document& object, std::string_view name, double fallback) {
  const Document* item = object.find(name);
  if (!item) return fallback;
  return item->number(name);
}
Result<double> count_of(const Document& object, std::string_view name, double fallback, double limit) {
  TM_TRY(const double result, number_of(object, name, fallback));
  if (!(result >= 0) || result > limit || result != std::floor(result))
    return invalid(fmt::format("{} is {} (0 to {})", name, result, limit));
  return result;
}
Result<const Document::Numbers*> numbers_of(const Document& object, std::string_view name, size_t size) {
  TM_TRY(const Document* item, member(object, name));
  static const Document::Numbers none;
  const Document::Numbers* result = item->is_empty_array() ? &none : item->numbers();
  if (!result) return invalid(fmt::format("'{}' is not a list of numbers", name));
  if (result->size() != size)
    return invalid(fmt::format("'{}' has {} values, expected {}", name, result->size(), size));
  return result;
}
Result<std::vector<std::string>> texts_of(const Document& object, std::string_view name) {
  std::vector<std::string> result;
  const Document* item = object.find(name);
  if (!item || item->is_empty_array()) return result;
  if (!item->array()) return invalid(fmt::format("'{}' is not a list of texts", name));
  for (const Document& one : *item->array()) {
    TM_TRY(const std::string_view text, one.text(name));
    result.emplace_back(text);
  }
  return result;
}
/// A number of a list as an index below `limit`; -1 where it is none.
int64_t index(double number, double limit) {
  return number >= 0 && number < limit && number == std::floor(number) ? static_cast<int64_t>(number) : -1;
}

// Flags are lists of 0/1, or of true/false in some JSON versions.
Result<std::vector<bool>> flags_of(const Document& object, std::string_view name, size_t size) {
  TM_TRY(const Document* item, member(object, name));
  std::vector<bool> result;
  if (const auto* numbers = item->numbers()) {
    for (const double number : *numbers) result.push_back(number != 0);
  } else if (const auto* array = item->array()) {
    for (const Document& one : *array) {
      const bool* flag = std::get_if<bool>(&one.value);
      if (!flag) return invalid(fmt::format("'{}' is not a list of flags", name));
      result.push_back(*flag);
    }
  }
  if (result.size() != size)
    return invalid(fmt::format("'{}' has {} values, expected {}", name, result.size(), size));
  return result;
}

// Which nodes split on categories: node → its set.
Result<void> read_categories(const Document& document, Tree& tree) {
  const Document* nodes = document.find("categories_nodes");
  if (!nodes || nodes->is_empty_array()) return {};
  if (!nodes->numbers()) return invalid("'categories_nodes' is not a list of numbers");
  const size_t sets = nodes->numbers()->size();
  TM_TRY(const auto* segments, numbers_of(document, "categories_segments", sets));
  TM_TRY(const auto* sizes, numbers_of(document, "categories_sizes", sets));
  TM_TRY(const Document* all, member(document, "categories"));
  if (!all->numbers() && !all->is_empty_array()) return invalid("'categories' is not a list of numbers");
  static const Document::Numbers none;
  const Document::Numbers& categories = all->numbers() ? *all->numbers() : none;
  size_t taken = 0;
  for (size_t i = 0; i < sets; ++i) {
    const int64_t node = index((*nodes->numbers())[i], static_cast<double>(tree.nodes.size()));
    const int64_t begin = index((*segments)[i], static_cast<double>(categories.size()) + 1);
    const int64_t size = index((*sizes)[i], static_cast<double>(categories.size()) + 1);
    if (node < 0 || begin < 0 || size < 0 || static_cast<size_t>(begin + size) > categories.size())
      return invalid("a set of categories is out of range");
    taken += static_cast<size_t>(size);
    if (taken > categories.size()) return invalid("sets of categories overlap");
    if (tree.nodes[static_cast<size_t>(node)].categories >= 0)
      return invalid(fmt::format("node {} has two sets of categories", node));
    std::vector<uint32_t> set;
    for (int64_t c = begin; c < begin + size; ++c) {
      const int64_t category = index(categories[static_cast<size_t>(c)], kMaxCategory);
      if (category < 0)
        return invalid(fmt::format("category {} is out of range", categories[static_cast<size_t>(c)]));
      set.push_back(static_cast<uint32_t>(category));
    }
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    tree.nodes[static_cast<size_t>(node)].categories = static_cast<int32_t>(tree.category_sets.size());
    tree.category_sets.push_back(std::move(set));
  }
  return {};
}

Result<Tree> read_tree(const Document& document, uint32_t features) {
  TM_TRY(const Document* parameters, member(document, "tree_param"));
  TM_TRY(const double leaf_size, count_of(*parameters, "size_leaf_vector", 0, kMaxOutputs));
  if (leaf_size > 1)
    return unsupported("forest.vector_leaf", "trees with vector leaves are not supported",
                       "train with multi_strategy one_output_per_tree");
  TM_TRY(const Document* lefts, member(document, "left_children"));
  if (!lefts->numbers() || lefts->numbers()->empty()) return invalid("a tree has no nodes");
  const size_t size = lefts->numbers()->size();
  if (size > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return invalid("a tree has too many nodes");
  TM_TRY(const double declared, count_of(*parameters, "num_nodes", static_cast<double>(size), 2e9));
  if (declared != static_cast<double>(size))
    return invalid(fmt::format("a tree declares {} nodes and has {}", declared, size));
  TM_TRY(const auto* rights, numbers_of(document, "right_children", size));
  TM_TRY(const auto* indices, numbers_of(document, "split_indices", size));
  TM_TRY(const auto* conditions, numbers_of(document, "split_conditions", size));
  TM_TRY(const std::vector<bool> defaults, flags_of(document, "default_left", size));
  static const Document::Numbers none;
  const Document::Numbers* covers = &none;
  const Document::Numbers* gains = &none;
  if (document.find("sum_hessian")) {
    TM_TRY(covers, numbers_of(document, "sum_hessian", size));
  }
  if (document.find("loss_changes")) {
    TM_TRY(gains, numbers_of(document, "loss_changes", size));
  }
  std::vector<bool> splits_on_categories(size);
  if (const Document* types = document.find("split_type"); types && !types->is_empty_array()) {
    TM_TRY(splits_on_categories, flags_of(document, "split_type", size));
  }

  Tree tree;
  tree.nodes.resize(size);
  for (size_t i = 0; i < size; ++i) {
    Node& node = tree.nodes[i];
    node.left = static_cast<int32_t>(index((*lefts->numbers())[i], 2e9));
    node.right = static_cast<int32_t>(index((*rights)[i], 2e9));
    const int64_t feature = index((*indices)[i], 4294967296.0);
    node.feature = feature < 0 ? std::numeric_limits<uint32_t>::max() : static_cast<uint32_t>(feature);
    node.value = std::abs((*conditions)[i]) <= double{kMaxFloat} || !std::isfinite((*conditions)[i])
                     ? double{static_cast<float>((*conditions)[i])}
                     : NAN;
    node.default_left = defaults[i];
    if (!covers->empty()) node.cover = static_cast<float>((*covers)[i]);
    if (!gains->empty()) node.gain = static_cast<float>((*gains)[i]);
  }
  TM_CHECK(read_categories(document, tree));
  TM_CHECK(check_shape(tree, features, splits_on_categories));
  return tree;
}

// How an objective turns margins into predictions, and base_score into a margin (ProbToMargin in XGBoost's
// objectives).
enum class BaseScore { AsIs, Logit, Log };
struct Objective {
  Link link;
  BaseScore base;
};
Result<Objective> objective_of(std::string_view name) {
  if (name == "binary:logistic" || name == "reg:logistic") return Objective{Link::Logistic, BaseScore::Logit};
  if (name == "binary:logitraw") return Objective{Link::Identity, BaseScore::AsIs};
  if (name == "binary:hinge") return Objective{Link::Hinge, BaseScore::AsIs};
  if (name == "multi:softprob" || name == "multi:softmax") return Objective{Link::Softmax, BaseScore::AsIs};
  if (name == "survival:aft") return Objective{Link::ExponentialInDouble, BaseScore::Log};
  if (name == "count:poisson" || name == "reg:gamma" || name == "reg:tweedie" || name == "survival:cox")
    return Objective{Link::Exponential, BaseScore::Log};
  for (const std::string_view identity :
       {"reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror",
        "reg:quantileerror", "reg:expectileerror", "rank:pairwise", "rank:ndcg", "rank:map"})
    if (name == identity) return Objective{Link::Identity, BaseScore::AsIs};
  return unsupported("forest.objective", fmt::format("the objective '{}' is not known", name));
}

/// One value or "[a,b]" (3.x), as text or number: one for all outputs, or one an output.
Result<std::vector<float>> read_base_scores(const Document& parameters, size_t outputs) {
  const Document* item = parameters.find("base_score");
  std::vector<float> scores;
  if (!item) {
    scores.push_back(0.5F);
  } else if (const auto* numbers = item->numbers()) {
    for (const double number : *numbers) scores.push_back(static_cast<float>(number));
  } else if (const auto* text = std::get_if<std::string>(&item->value);
             text && text->starts_with('[') && text->ends_with(']')) {
    std::string_view rest = std::string_view(*text).substr(1, text->size() - 2);
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      std::string_view one = rest.substr(0, comma);
      while (one.starts_with(' ')) one.remove_prefix(1);
      while (one.ends_with(' ')) one.remove_suffix(1);
      TM_TRY(const double number, Document{std::string(one)}.number("base_score"));
      scores.push_back(static_cast<float>(number));
      rest = rest.substr(std::min(comma + 1, rest.size()));
    }
  } else {
    TM_TRY(const double number, item->number("base_score"));
    scores.push_back(static_cast<float>(number));
  }
  if (scores.size() == 1) scores.resize(outputs, scores[0]);
  if (scores.size() != outputs)
    return invalid(fmt::format("base_score has {} values for {} outputs", scores.size(), outputs));
  for (const float score : scores)
    if (!std::isfinite(score)) return invalid("base_score is not a finite number");
  return scores;
}

Result<float> margin_of(float score, BaseScore form, std::string_view objective) {
  switch (form) {
    case BaseScore::AsIs:
      return score;
    case BaseScore::Logit:
      if (!(score > 0 && score < 1))
        return invalid(fmt::format("base_score {} of '{}' is not inside (0, 1)", score, objective));
      return -logf(1.0F / score - 1.0F);
    case BaseScore::Log:
      if (!(score > 0))
        return invalid(fmt::format("base_score {} of '{}' is not positive", score, objective));
      return std::log(score);
  }
  return score;
}

Result<void> read_trees(const Document& booster, Forest& forest) {
  const Document* trees_in = &booster;
  TM_TRY(const Document* name_document, member(booster, "name"));
  TM_TRY(const std::string_view name, name_document->text("name"));
  if (name == "dart") {
    TM_TRY(trees_in, member(booster, "gbtree"));
  } else if (name != "gbtree") {
    return unsupported("forest.booster", fmt::format("the booster '{}' is no tree ensemble", name));
  }
  TM_TRY(const Document* model, member(*trees_in, "model"));
  TM_TRY(const Document* list, member(*model, "trees"));
  static const Document::Array none;
  const Document::Array* trees = list->is_empty_array() ? &none : list->array();
  if (!trees) return invalid("'trees' is not a list");
  if (trees->size() > kMaxTrees)
    return invalid(fmt::format("it has {} trees (limit {})", trees->size(), kMaxTrees));
  TM_TRY(const auto* outputs, numbers_of(*model, "tree_info", trees->size()));
  for (size_t i = 0; i < trees->size(); ++i) {
    auto tree = read_tree((*trees)[i], forest.features);
    if (!tree) {
      tree.error().message += fmt::format(" (tree {})", i);
      return std::unexpected(std::move(tree).error());
    }
    const int64_t output = index((*outputs)[i], forest.outputs);
    if (output < 0)
      return invalid(fmt::format("tree {} adds to output {} of {}", i, (*outputs)[i], forest.outputs));
    tree->output = static_cast<uint32_t>(output);
    forest.trees.push_back(std::move(*tree));
  }
  TM_TRY(forest.levels, read_levels(*model, forest.features));
  if (const Document* form = model->find("gbtree_model_param")) {
    TM_TRY(const double parallel, count_of(*form, "num_parallel_tree", 1, kMaxTrees));
    const double of_round = std::min(std::max(parallel, 1.0) * forest.outputs, double{kMaxTrees});
    forest.trees_of_round = static_cast<uint32_t>(of_round);
  }
  if (name == "dart") {
    TM_TRY(const auto* weights, numbers_of(booster, "weight_drop", trees->size()));
    for (const double weight : *weights) {
      if (!std::isfinite(weight)) return invalid("a tree's weight is not a finite number");
      forest.tree_weights.push_back(static_cast<float>(weight));
    }
  }
  return {};
}

/// What early stopping noted. Attributes are the user's own texts: one that is no round of this file says
/// nothing.
std::optional<uint32_t> best_round_of(const Document& learner, const Forest& forest) {
  const Document* attributes = learner.find("attributes");
  const Document* noted = attributes == nullptr ? nullptr : attributes->find("best_iteration");
  if (noted == nullptr || forest.trees.size() % forest.trees_of_round != 0) return std::nullopt;
  const auto number = noted->number("best_iteration");
  const int64_t best = number ? index(*number, forest.rounds()) : -1;
  return best < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(best));
}

}  // namespace

Result<Forest> read_xgboost(std::string_view bytes) {
  TM_TRY(const Document document, parse_document(bytes));
  TM_TRY(const Document* learner, member(document, "learner"));
  TM_TRY(const Document* parameters, member(*learner, "learner_model_param"));
  TM_TRY(const Document* objective_document, member(*learner, "objective"));
  TM_TRY(const Document* objective_name, member(*objective_document, "name"));
  TM_TRY(const std::string_view name, objective_name->text("objective"));
  TM_TRY(const Objective objective, objective_of(name));

  Forest forest;
  forest.objective = name;
  forest.link = objective.link;
  TM_TRY(const double features, count_of(*parameters, "num_feature", 0, kMaxFeatures));
  TM_TRY(const double classes, count_of(*parameters, "num_class", 0, kMaxOutputs));
  TM_TRY(const double targets, count_of(*parameters, "num_target", 1, kMaxOutputs));
  forest.features = static_cast<uint32_t>(features);
  forest.outputs = static_cast<uint32_t>(std::max({classes, targets, 1.0}));
  TM_TRY(const std::vector<float> scores, read_base_scores(*parameters, forest.outputs));
  for (const float score : scores) {
    TM_TRY(const float margin, margin_of(score, objective.base, name));
    forest.base_margins.push_back(margin);
  }
  TM_TRY(forest.feature_names, texts_of(*learner, "feature_names"));
  TM_TRY(const std::vector<std::string> types, texts_of(*learner, "feature_types"));
  for (const std::string& type : types) forest.categorical.push_back(type == "c");
  if (!forest.feature_names.empty() && forest.feature_names.size() != forest.features)
    return invalid(fmt::format("it names {} of {} features", forest.feature_names.size(), forest.features));
  if (!forest.categorical.empty() && forest.categorical.size() != forest.features)
    return invalid(fmt::format("it types {} of {} features", forest.categorical.size(), forest.features));
  TM_TRY(const Document* booster, member(*learner, "gradient_booster"));
  TM_CHECK(read_trees(*booster, forest));
  forest.best_round = best_round_of(*learner, forest);
  TM_CHECK(check_categories(forest));
  return forest;
}

Result<Forest> read_model(std::string_view bytes) {
  if (bytes.starts_with("tree\n") || bytes.starts_with("tree\r\n")) return read_lightgbm(bytes);
  const size_t start = bytes.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && bytes[start] == '{') return read_xgboost(bytes);
  return unsupported("forest.format", "neither a model of XGBoost (JSON or UBJ) nor one of LightGBM (text)",
                     "save it with save_model: as .json or .ubj from XGBoost, as .txt from LightGBM");
}

}  // namespace tidemill::forest
