// Model files as hostile bytes, XGBoost's and LightGBM's: refused with a reason, or read and predicted with,
// by every engine to the same bits.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "forest/engine.hpp"

namespace {

using namespace tidemill::forest;

constexpr size_t kMostFeatures =
    2000;  // rows of a model that says it has a million would be all the time goes into
constexpr size_t kMostOutputs = 200;
constexpr uint32_t kMostCode = 1 << 16;

template <class T>
void predict(const Forest& forest) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const T values[] = {std::numeric_limits<T>::quiet_NaN(),
                      T{0},
                      T{-1},
                      T{0.5},
                      T{3},
                      kInfinity,
                      -kInfinity,
                      static_cast<T>(1e-36)};
  constexpr size_t kRows = 70;  // more than a narrow block
  std::vector<T> rows(kRows * forest.features);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = values[(i * 7 + i / forest.features) % std::size(values)];
  std::vector<T> expected(kRows * forest.outputs);
  predict_margin(forest, std::span<const T>(rows), std::span<T>(expected));
  for (const EngineKind kind : {EngineKind::Walk, EngineKind::Sliced64, EngineKind::SlicedWide}) {
    const auto engine = Engine::make(forest, {.instruction_set = {}, .kind = kind});
    std::vector<T> seen(expected.size());
    engine->predict_margin(std::span<const T>(rows), std::span<T>(seen));
    // An overflown sum may be a NaN of either sign.
    for (size_t i = 0; i < seen.size(); ++i)
      if (!std::isnan(expected[i]) && std::memcmp(&expected[i], &seen[i], sizeof(T)) != 0) std::abort();
  }
  apply_link(forest, std::span<T>(expected));
}

bool is_small(const Forest& forest) {
  if (forest.features > kMostFeatures || forest.outputs > kMostOutputs) return false;
  for (const Tree& tree : forest.trees)
    for (const auto& set : tree.category_sets)
      if (!set.empty() && set.back() > kMostCode) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto forest = read_model({reinterpret_cast<const char*>(data), size});
  if (!forest && forest.error().code.empty()) std::abort();
  if (!forest || forest->features == 0 || !is_small(*forest)) return 0;
  if (forest->precision == Precision::Float)
    predict<float>(*forest);
  else
    predict<double>(*forest);
  return 0;
}
