// LightGBM's text model (gbdt_model_text.cpp and Tree's constructor from text) → Forest. A header of
// `name=value` lines, then trees as blocks of such lines, "end of trees", and what nobody predicts with.
// Every index is checked before it is believed.
//
// Its nodes become ours: `x <= t` is `x < nextafter(t)`, and since a category in the set goes left there and
// right here, such a node's children change places; NaN and codes below 0 are in no set, so they go to what
// is now the left.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "forest/forest.hpp"
#include "forest/shape.hpp"

namespace tidemill::forest {

namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 30;
constexpr size_t kMaxShown = 40;  // bytes of a value in a message
constexpr uint32_t kMaxLeaves = 1U << 26;
constexpr uint32_t kBitsOfWord = 32;

// decision_type: bit 0 categorical, bit 1 missing goes left, bits 2 and 3 what is missing.
constexpr uint32_t kCategorical = 1;
constexpr uint32_t kDefaultLeft = 2;
constexpr uint32_t kMostDecisionType = 11;

using Fields = std::map<std::string_view, std::string_view>;

std::string shown(std::string_view text) {
  std::string out(text.substr(0, kMaxShown));
  if (text.size() > kMaxShown) out += "…";
  return out;
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    const size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

 private:
  std::string_view rest_;
};

/// A line into its place; false when there is a field of this name already.
bool add_field(std::string_view line, Fields& fields) {
  const size_t equals = std::min(line.find('='), line.size());
  return fields.emplace(line.substr(0, equals), line.substr(std::min(equals + 1, line.size()))).second;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return words;
    const size_t end = std::min(text.find(' ', start), text.size());
    words.push_back(text.substr(start, end - start));
    text.remove_prefix(end);
  }
}

Result<std::string_view> field(const Fields& fields, std::string_view name) {
  const auto found = fields.find(name);
  if (found == fields.end()) return invalid(fmt::format("'{}' is missing", name));
  return found->second;
}

template <class T>
Result<T> number_of(std::string_view text, std::string_view name) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    return invalid(fmt::format("'{}' holds '{}', which is no number it could be", name, shown(text)));
  return number;
}

Result<uint32_t> count_of(const Fields& fields, std::string_view name, uint32_t least, double most) {
  TM_TRY(const std::string_view text, field(fields, name));
  TM_TRY(const uint32_t count, number_of<uint32_t>(text, name));
  if (count < least || static_cast<double>(count) > most)
    return invalid(fmt::format("'{}' is {} ({} to {})", name, count, least, most));
  return count;
}

template <class T>
Result<std::vector<T>> numbers_of(const Fields& fields, std::string_view name, size_t size) {
  TM_TRY(const std::string_view text, field(fields, name));
  std::vector<T> numbers;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    if (end > 0) {
      TM_TRY(const T number, number_of<T>(rest.substr(0, end), name));
      numbers.push_back(number);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (numbers.size() > size) break;
  }
  if (numbers.size() != size) return invalid(fmt::format("'{}' does not have {} values", name, size));
  return numbers;
}
template <class T>
Result<std::vector<T>> numbers_if_any(const Fields& fields, std::string_view name, size_t size) {
  if (!fields.contains(name)) return std::vector<T>(size);
  return numbers_of<T>(fields, name, size);
}

// ---- one tree ----

/// The bits of each set, as sorted codes.
Result<void> read_category_sets(const Fields& fields, uint32_t count, Tree& tree) {
  TM_TRY(const auto boundaries, numbers_of<uint32_t>(fields, "cat_boundaries", size_t{count} + 1));
  TM_TRY(const auto words, numbers_of<uint32_t>(fields, "cat_threshold", boundaries.back()));
  if (boundaries.front() != 0 || !std::is_sorted(boundaries.begin(), boundaries.end()))
    return invalid("'cat_boundaries' does not rise from 0");
  for (uint32_t s = 0; s < count; ++s) {
    std::vector<uint32_t>& set = tree.category_sets.emplace_back();
    for (uint32_t w = boundaries[s]; w < boundaries[s + 1]; ++w)
      for (uint32_t bit = 0; bit < kBitsOfWord; ++bit)
        if ((words[w] >> bit & 1) != 0) {
          const double code = static_cast<double>(w - boundaries[s]) * kBitsOfWord + bit;
          if (code >= kMaxCategory) return invalid(fmt::format("category {} is out of range", code));
          set.push_back(static_cast<uint32_t>(code));
        }
  }
  return {};
}

Result<void> read_decision(uint32_t decision, double threshold, uint32_t sets, Node& node) {
  if (decision > kMostDecisionType) return invalid(fmt::format("decision_type {} is not known", decision));
  if ((decision & kCategorical) != 0) {
    if (!(threshold >= 0) || threshold >= sets || threshold != std::floor(threshold))
      return invalid(fmt::format("a node asks for set {} of {}", threshold, sets));
    node.categories = static_cast<int32_t>(threshold);
    node.default_left = true;
    std::swap(node.left, node.right);
    return {};
  }
  if (std::isnan(threshold)) return invalid("a threshold is not a number");
  constexpr Missing kMissing[] = {Missing::Nothing, Missing::NanAndZero, Missing::Nan};
  node.missing = kMissing[decision >> 2];
  node.default_left = (decision & kDefaultLeft) != 0 && node.missing != Missing::Nothing;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (threshold < kInfinity) {
    node.value = std::nextafter(threshold, kInfinity);
    return {};
  }
  // Every number goes left: the children change places, and no number is below −∞.
  node.value = -kInfinity;
  std::swap(node.left, node.right);
  node.default_left = !node.default_left && node.missing != Missing::Nothing;
  return {};
}

Result<Tree> read_tree(const Fields& fields, uint32_t features) {
  if (const auto linear = fields.find("is_linear"); linear != fields.end() && linear->second != "0")
    return unsupported("forest.linear_tree", "trees with linear leaves are not supported",
                       "train with linear_tree=false");
  TM_TRY(const uint32_t leaves, count_of(fields, "num_leaves", 1, kMaxLeaves));
  TM_TRY(const auto values, numbers_of<double>(fields, "leaf_value", leaves));
  // A tree of one leaf may have counted it, or not.
  std::vector<double> counts;
  if (leaves > 1) {
    TM_TRY(counts, numbers_if_any<double>(fields, "leaf_count", leaves));
  }
  const uint32_t inner = leaves - 1;
  Tree tree;
  tree.nodes.resize(size_t{inner} + leaves);
  for (uint32_t leaf = 0; leaf < leaves; ++leaf) {
    Node& node = tree.nodes[inner + leaf];
    node.value = values[leaf];
    if (leaf < counts.size()) node.cover = static_cast<float>(counts[leaf]);
  }
  std::vector<bool> splits_on_categories(tree.nodes.size());
  if (inner > 0) {
    TM_TRY(const auto lefts, numbers_of<int32_t>(fields, "left_child", inner));
    TM_TRY(const auto rights, numbers_of<int32_t>(fields, "right_child", inner));
    TM_TRY(const auto split_features, numbers_of<uint32_t>(fields, "split_feature", inner));
    TM_TRY(const auto thresholds, numbers_of<double>(fields, "threshold", inner));
    TM_TRY(const auto decisions, numbers_if_any<uint32_t>(fields, "decision_type", inner));
    TM_TRY(const auto gains, numbers_if_any<float>(fields, "split_gain", inner));
    TM_TRY(const auto covers, numbers_if_any<double>(fields, "internal_count", inner));
    TM_TRY(const uint32_t sets, count_of(fields, "num_cat", 0, kMaxLeaves));
    if (sets > 0) TM_CHECK(read_category_sets(fields, sets, tree));
    // Leaf i is written ~i.
    const auto place = [&](int32_t child) -> int32_t {
      if (child >= 0) return child < static_cast<int32_t>(inner) ? child : -1;
      return ~child < static_cast<int32_t>(leaves) ? static_cast<int32_t>(inner) + ~child : -1;
    };
    for (uint32_t i = 0; i < inner; ++i) {
      Node& node = tree.nodes[i];
      node.left = place(lefts[i]);
      node.right = place(rights[i]);
      if (node.left < 0 || node.right < 0)
        return invalid(
            fmt::format("node {} has the children {} and {} of {} nodes", i, lefts[i], rights[i], inner));
      node.feature = split_features[i];
      node.gain = gains[i];
      node.cover = static_cast<float>(covers[i]);
      TM_CHECK(read_decision(decisions[i], thresholds[i], sets, node));
      splits_on_categories[i] = node.categories >= 0;
    }
  }
  TM_CHECK(check_shape(tree, features, splits_on_categories));
  return tree;
}

// ---- the header ----

/// "binary sigmoid:1": how an objective turns margins into predictions.
Result<void> read_objective(std::string_view text, Forest& forest) {
  const std::vector<std::string_view> words = words_of(text);
  const std::string_view name = words.empty() ? std::string_view("custom") : words[0];
  if (name == "custom") return {};
  forest.objective = name;
  bool root = false;
  uint32_t classes = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t colon = std::min(words[i].find(':'), words[i].size());
    const std::string_view option = words[i].substr(0, colon);
    const std::string_view value = words[i].substr(std::min(colon + 1, words[i].size()));
    if (option == "sigmoid") {
      TM_TRY(forest.sigmoid, number_of<double>(value, "objective"));
      if (!(forest.sigmoid > 0) || !std::isfinite(forest.sigmoid))
        return invalid(fmt::format("its sigmoid is {}", forest.sigmoid));
    } else if (option == "num_class") {
      TM_TRY(classes, number_of<uint32_t>(value, "objective"));
    } else if (option == "sqrt") {
      root = true;
    }
  }
  if (name == "multiclass" || name == "multiclassova") {
    if (classes != forest.outputs)
      return invalid(
          fmt::format("its objective has {} classes, its iterations {} trees", classes, forest.outputs));
    forest.link = name == "multiclass" ? Link::Softmax : Link::Logistic;
    return {};
  }
  if (forest.outputs != 1)
    return invalid(
        fmt::format("its objective '{}' has 1 output, its iterations {} trees", name, forest.outputs));
  if (name == "binary" || name == "cross_entropy") {
    forest.link = Link::Logistic;
  } else if (name == "cross_entropy_lambda") {
    forest.link = Link::LogOnePlusExponential;
  } else if (name == "poisson" || name == "gamma" || name == "tweedie") {
    forest.link = Link::Exponential;
  } else if (name == "regression" || name == "regression_l1" || name == "huber" || name == "fair" ||
             name == "quantile" || name == "mape") {
    forest.link = root ? Link::SignedSquare : Link::Identity;
  } else if (name != "lambdarank" && name != "rank_xendcg") {
    return unsupported("forest.objective", fmt::format("the objective '{}' is not known", shown(name)));
  }
  return {};
}

/// "[0:1]" or "none" for a number, "0:2:5" for categories.
Result<void> read_features(const Fields& fields, Forest& forest) {
  TM_TRY(const uint32_t last, count_of(fields, "max_feature_idx", 0, kMaxFeatures - 1));
  forest.features = last + 1;
  TM_TRY(const std::string_view names, field(fields, "feature_names"));
  for (const std::string_view name : words_of(names)) forest.feature_names.emplace_back(name);
  if (forest.feature_names.size() != forest.features)
    return invalid(fmt::format("it names {} of {} features", forest.feature_names.size(), forest.features));
  TM_TRY(const std::string_view infos, field(fields, "feature_infos"));
  for (const std::string_view info : words_of(infos))
    forest.categorical.push_back(!info.starts_with('[') && info != "none");
  if (forest.categorical.size() != forest.features)
    return invalid(fmt::format("it types {} of {} features", forest.categorical.size(), forest.features));
  return {};
}

Result<Forest> read_header(const Fields& fields) {
  TM_TRY(const std::string_view version, field(fields, "version"));
  if (version != "v2" && version != "v3" && version != "v4")
    return unsupported("forest.version", fmt::format("LightGBM's format '{}' is not known", shown(version)));
  Forest forest;
  forest.precision = Precision::Double;
  TM_TRY(forest.outputs,
         count_of(fields, fields.contains("num_tree_per_iteration") ? "num_tree_per_iteration" : "num_class",
                  1, kMaxOutputs));
  forest.trees_of_round = forest.outputs;
  forest.base_margins.assign(forest.outputs, 0.0F);
  TM_CHECK(read_features(fields, forest));
  const auto objective = fields.find("objective");
  TM_CHECK(read_objective(objective == fields.end() ? std::string_view() : objective->second, forest));
  return forest;
}

// ---- what stands behind the trees ----

/// Nobody predicts with it, but where it stops short the names of the categories at its end are lost.
/// Versions that do not say "end of trees" do not say where their parameters end, either.
Result<void> check_rest(Lines& lines) {
  bool importances = false, in_parameters = false;
  std::string_view last;
  for (auto line = lines.next(); line; line = lines.next()) {
    if (*line == "feature_importances:" || *line == "feature importances:") importances = true;
    if (*line == "parameters:") in_parameters = true;
    if (*line == "end of parameters") in_parameters = false;
    last = *line;
  }
  if (!importances)
    return invalid("it is cut behind 'end of trees', where 'feature_importances:' should follow");
  if (in_parameters) return invalid("it is cut within its parameters: 'end of parameters' is missing");
  for (const std::string_view whole : {"parameters:", "pandas_categorical:"})
    if (!last.empty() && last != whole && whole.starts_with(last))
      return invalid(fmt::format("it is cut: its last line is '{}' instead of '{}'", last, whole));
  return {};
}

}  // namespace

Result<Forest> read_lightgbm(std::string_view text) {
  if (text.size() > kMaxTextBytes)
    return unsupported("forest.too_large",
                       fmt::format("it has {} bytes (limit {})", text.size(), kMaxTextBytes));
  Lines lines(text);
  if (lines.next() != "tree") return invalid("it does not begin with 'tree'");
  Fields header;
  std::optional<std::string_view> line = lines.next();
  for (; line && !line->starts_with("Tree=") && *line != "end of trees"; line = lines.next())
    if (!line->empty() && !add_field(*line, header))
      return invalid(fmt::format("it has '{}' twice", shown(*line)));
  TM_TRY(Forest forest, read_header(header));

  while (line && line->starts_with("Tree=")) {
    const size_t number = forest.trees.size();
    if (number == kMaxTrees) return invalid(fmt::format("it has more than {} trees", kMaxTrees));
    if (line->substr(5) != fmt::format("{}", number))
      return invalid(fmt::format("'{}' where tree {} should begin", shown(*line), number));
    Fields fields;
    for (line = lines.next();
         line && !line->starts_with("Tree=") && *line != "end of trees" && *line != "feature importances:";
         line = lines.next())
      if (!line->empty() && !add_field(*line, fields))
        return invalid(fmt::format("it has '{}' twice (tree {})", shown(*line), number));
    auto tree = read_tree(fields, forest.features);
    if (!tree) {
      tree.error().message += fmt::format(" (tree {})", number);
      return std::unexpected(std::move(tree).error());
    }
    tree->output = static_cast<uint32_t>(number % forest.outputs);
    forest.trees.push_back(std::move(*tree));
  }
  if (!line) return invalid("it ends before its trees do");
  if (*line == "end of trees") TM_CHECK(check_rest(lines));
  if (forest.trees.size() % forest.outputs != 0)
    return invalid(fmt::format("it has {} trees in iterations of {}", forest.trees.size(), forest.outputs));
  if (const auto sizes = header.find("tree_sizes");
      sizes != header.end() && words_of(sizes->second).size() != forest.trees.size())
    return invalid(
        fmt::format("it has {} trees and sizes of {}", forest.trees.size(), words_of(sizes->second).size()));
  if (header.contains("average_output"))
    forest.average_over = static_cast<uint32_t>(forest.trees.size() / forest.outputs);
  for (const Tree& tree : forest.trees)
    for (const Node& node : tree.nodes)
      if (node.categories >= 0) forest.categorical[node.feature] = true;
  TM_CHECK(check_categories(forest));
  return forest;
}

}  // namespace tidemill::forest
