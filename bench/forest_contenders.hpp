// What forest_bench lets take turns: our engines, and the libraries that people predict with today, loaded
// from where their packages put them. Each reads rows as it likes them best and leaves its scores where
// `score` finds them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "forest/engine.hpp"

namespace bench {

/// Row-major, as floats and as the same numbers in double.
struct Data {
  size_t rows = 0, features = 0;
  std::vector<float> floats;
  std::vector<double> doubles;
  const float* row(size_t at) const { return floats.data() + at * features; }
  const double* double_row(size_t at) const { return doubles.data() + at * features; }
};

struct Shape {
  int trees = 100, depth = 6, leaves = 0;
  size_t features = 28;
  double missing = 0;
};

inline constexpr size_t kTrainingRows = 20'000, kRows = 100'000;

Data made(size_t rows, size_t features, double missing, uint64_t seed);

struct Model {
  std::string path, bytes;  // XGBoost's JSON or LightGBM's text
  bool lightgbm = false;
  tidemill::forest::Forest forest;
};
Model read_model(const std::string& path);

struct Contender {
  std::string name;
  int threads = 1;
  std::function<void(size_t at, size_t rows)> predict;  // probabilities of rows [at, at + rows) of the data
  std::function<double(size_t i)> score;                // of the i-th of the rows predicted last
  /// Nanoseconds a row in calls of so many rows, from one who keeps time itself; empty: the bench does.
  std::function<double(size_t rows, double seconds)> timed;
  size_t most_rows = kRows;  // of a call it is asked for
  size_t least_rows = 1;
};

/// Trains on rows that are the same in every run; writes the model to `path`, and to `path`.trees.json in a
/// form that what converts it need not know XGBoost or LightGBM for.
void train_with_xgboost(const Shape& shape, const std::string& path);
void train_with_lightgbm(const Shape& shape, const std::string& library, const std::string& path);

/// All of ours that can take the forest; the first is the oracle, the plain walk.
std::vector<Contender> ours(const Model& model, const Data& data);
/// Of the XGBoost that the program is linked with.
std::vector<Contender> linked_xgboost(const Model& model, const Data& data);

/// Ours and the linked XGBoost's on one thread, which explain instead of predicting: score(i) is the i-th
/// contribution of the rows explained last.
std::vector<Contender> explainers(const Model& model, const Data& data);

/// `from` is what the competitor needs: its library and files, separated by commas. Throws std::runtime_error
/// with the reason if it cannot take part.
std::vector<Contender> competitor(const std::string& name, const std::string& from, const Model& model,
                                  const Data& data);

/// Halves on two threads, the second of which waits between calls.
class Pair {
 public:
  Pair();
  ~Pair();
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  void halves(size_t rows, const std::function<void(size_t at, size_t rows)>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A shared library and its functions, looked up by name.
class Library {
 public:
  explicit Library(const std::string& path);
  template <class Function>
  Function* find(const char* name) const {
    return reinterpret_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const char* name) const;
  std::string path_;
  void* handle_ = nullptr;
};

std::vector<std::string> words(const std::string& list, char separator = ',');

}  // namespace bench
