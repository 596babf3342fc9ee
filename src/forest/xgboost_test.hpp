// Models that the linked XGBoost trains on random data, for tests that hold ours against what it says of
// them.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <xgboost/c_api.h>

namespace tidemill::forest {

inline void must(int status) { ASSERT_EQ(status, 0) << XGBGetLastError(); }

struct Matrix {
  size_t rows = 0, columns = 0;
  std::vector<float> values;
  std::vector<bool> categorical;
};

struct Handle {
  DMatrixHandle matrix = nullptr;
  BoosterHandle booster = nullptr;
  ~Handle() {
    if (booster) XGBoosterFree(booster);
    if (matrix) XGDMatrixFree(matrix);
  }
};

inline std::string array_interface(const Matrix& m) {
  return fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<uintptr_t>(m.values.data()), m.rows, m.columns);
}

inline Matrix random_matrix(std::mt19937_64& random, size_t rows, size_t columns, size_t category_every,
                            double missing) {
  Matrix m{rows, columns, std::vector<float>(rows * columns), std::vector<bool>(columns)};
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> unit;
  for (size_t c = 0; c < columns; ++c) m.categorical[c] = category_every && c % category_every == 0;
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) {
      float& x = m.values[r * columns + c];
      if (m.categorical[c])
        x = static_cast<float>(random() % (c % 2 ? 3 : 40));
      else if (c % 3 == 1)
        x = static_cast<float>(static_cast<int>(random() % 7) - 3);  // ties, zeros
      else
        x = normal(random);
      if (unit(random) < missing) x = NAN;
    }
  return m;
}

/// Values a request may carry and training never saw.
inline void add_oddities(std::mt19937_64& random, Matrix& m, bool infinities) {
  const float odd[] = {-0.0F,
                       0.0F,
                       std::numeric_limits<float>::denorm_min(),
                       -std::numeric_limits<float>::denorm_min(),
                       std::numeric_limits<float>::max(),
                       std::numeric_limits<float>::lowest(),
                       1e-39F,
                       -1.0F,
                       0.5F,
                       2.9F,
                       77.0F,
                       16777215.0F,
                       16777216.0F,
                       4e9F,
                       NAN,
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity()};
  const size_t kinds = std::size(odd) - (infinities ? 0 : 2);
  for (float& x : m.values)
    if (random() % 5 == 0) x = odd[random() % kinds];
}

using Parameters = std::vector<std::pair<std::string, std::string>>;

inline void train(Handle& h, const Matrix& m, std::mt19937_64& random, const Parameters& parameters,
                  int rounds, int classes) {
  must(XGDMatrixCreateFromDense(array_interface(m).c_str(), R"({"missing":NaN,"nthread":1})", &h.matrix));
  std::vector<const char*> types;
  for (const bool c : m.categorical) types.push_back(c ? "c" : "q");
  must(XGDMatrixSetStrFeatureInfo(h.matrix, "feature_type", types.data(), types.size()));
  std::vector<float> labels(m.rows);
  for (size_t r = 0; r < m.rows; ++r) {
    const float x = m.values[r * m.columns], y = m.values[r * m.columns + m.columns - 1];
    const double signal = (std::isnan(x) ? 0.3 : std::sin(3.0 * double{x})) +
                          (std::isnan(y) ? -0.2 : 0.5 * double{y}) +
                          static_cast<double>(random() % 1000) / 1500;
    labels[r] = classes == 1 ? static_cast<float>(std::abs(signal))
                             : static_cast<float>(std::min<int>(
                                   classes - 1, static_cast<int>(std::abs(signal) * classes * 0.7)));
  }
  must(XGDMatrixSetFloatInfo(h.matrix, "label", labels.data(), labels.size()));
  must(XGBoosterCreate(&h.matrix, 1, &h.booster));
  for (const auto& [name, value] : Parameters{{"nthread", "1"}, {"verbosity", "0"}, {"seed", "7"}})
    must(XGBoosterSetParam(h.booster, name.c_str(), value.c_str()));
  for (const auto& [name, value] : parameters)
    must(XGBoosterSetParam(h.booster, name.c_str(), value.c_str()));
  for (int i = 0; i < rounds; ++i) must(XGBoosterUpdateOneIter(h.booster, i, h.matrix));
}

inline std::string saved(const Handle& h, const char* format) {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  must(XGBoosterSaveModelToBuffer(h.booster, fmt::format(R"({{"format":"{}"}})", format).c_str(), &size,
                                  &bytes));
  return {bytes, size};
}

/// What XGBoost says of rows: type 0 predictions, 1 margins, 2 contributions.
inline std::vector<float> in_place(const Handle& h, const Matrix& m, int type) {
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* result = nullptr;
  const std::string config = fmt::format(
      R"({{"type":{},"iteration_begin":0,"iteration_end":0,"strict_shape":true,"missing":NaN,"cache_id":0}})",
      type);
  must(XGBoosterPredictFromDense(h.booster, array_interface(m).c_str(), config.c_str(), nullptr, &shape,
                                 &dimensions, &result));
  size_t size = 1;
  for (bst_ulong d = 0; d < dimensions; ++d) size *= shape[d];
  return {result, result + size};
}

inline std::vector<float> by_matrix(const Handle& h, const Matrix& m, int type) {
  Handle data;
  must(XGDMatrixCreateFromDense(array_interface(m).c_str(), R"({"missing":NaN,"nthread":1})", &data.matrix));
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* result = nullptr;
  const std::string config = fmt::format(
      R"({{"type":{},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true}})", type);
  must(XGBoosterPredictFromDMatrix(h.booster, data.matrix, config.c_str(), &shape, &dimensions, &result));
  size_t size = 1;
  for (bst_ulong d = 0; d < dimensions; ++d) size *= shape[d];
  return {result, result + size};
}

struct Case {
  std::string name;
  Parameters parameters;
  int classes;  // 1: regression, 2: 0/1
  size_t category_every = 0;
};

inline std::vector<Case> cases() {
  const Parameters hist = {{"tree_method", "hist"}, {"max_depth", "6"}};
  const auto with = [&](Parameters more) {
    more.insert(more.begin(), hist.begin(), hist.end());
    return more;
  };
  return {
      {"regression", with({{"objective", "reg:squarederror"}}), 1},
      {"regression_base", with({{"objective", "reg:squarederror"}, {"base_score", "0.1"}}), 1},
      {"binary", with({{"objective", "binary:logistic"}}), 2},
      {"binary_base", with({{"objective", "binary:logistic"}, {"base_score", "0.037"}}), 2},
      {"binary_steep",
       with({{"objective", "binary:logistic"},
             {"eta", "5"},
             {"lambda", "0"},
             {"min_child_weight", "0"},
             {"max_delta_step", "20"}}),
       2},
      {"logitraw", with({{"objective", "binary:logitraw"}, {"base_score", "0.3"}}), 2},
      {"hinge", with({{"objective", "binary:hinge"}}), 2},
      {"softprob", with({{"objective", "multi:softprob"}, {"num_class", "4"}}), 4},
      {"poisson", with({{"objective", "count:poisson"}}), 1},
      {"gamma", with({{"objective", "reg:gamma"}, {"base_score", "0.7"}}), 1},
      {"tweedie", with({{"objective", "reg:tweedie"}}), 1},
      {"absolute", with({{"objective", "reg:absoluteerror"}}), 1},
      {"leafwise",
       with({{"objective", "binary:logistic"},
             {"grow_policy", "lossguide"},
             {"max_leaves", "40"},
             {"max_depth", "0"}}),
       2},
      {"exact_pruned",
       {{"objective", "binary:logistic"}, {"tree_method", "exact"}, {"gamma", "1"}, {"max_depth", "5"}},
       2},
      {"forest_of_parallel_trees",
       with({{"objective", "binary:logistic"}, {"num_parallel_tree", "3"}, {"subsample", "0.6"}}), 2},
      {"dart",
       with({{"booster", "dart"},
             {"objective", "binary:logistic"},
             {"rate_drop", "0.3"},
             {"base_score", "0.2"}}),
       2},
      {"dart_multiclass",
       with({{"booster", "dart"}, {"objective", "multi:softprob"}, {"num_class", "3"}, {"rate_drop", "0.2"}}),
       3},
      {"one_hot", with({{"objective", "binary:logistic"}, {"max_cat_to_onehot", "1000"}}), 2, 2},
      {"partitions", with({{"objective", "binary:logistic"}, {"max_cat_to_onehot", "1"}}), 2, 2},
      {"partitions_multiclass",
       with({{"objective", "multi:softprob"}, {"num_class", "3"}, {"max_cat_to_onehot", "4"}}), 3, 3},
  };
}

}  // namespace tidemill::forest
