// forest_predict MODEL ROWS MARGINS PREDICTIONS: reads rows (doubles, row-major, little-endian), predicts
// with every engine on every instruction set of this machine, and writes what all of them say, as doubles. 1
// where two of them differ. For tests that compare with the trainers themselves: rows are rounded to float
// for XGBoost's models.
#include <bit>
#include <cstdio>
#include <cstring>

#include "base/file.hpp"
#include "forest/engine.hpp"

namespace {

using namespace tidemill;
using namespace tidemill::forest;

constexpr size_t kFewRows = 80;  // also predicted one by one

int fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// The margins of the plain walk, held against all other ways; empty text: they agree.
template <class T>
std::string compare(const Forest& forest, const std::vector<T>& rows, std::vector<T>& margins) {
  predict_margin(forest, std::span<const T>(rows), std::span<T>(margins));
  std::string took;
  for (const InstructionSet set : instruction_sets()) {
    for (const EngineKind kind : {EngineKind::Walk, EngineKind::Sliced64, EngineKind::SlicedWide}) {
      const auto engine = Engine::make(forest, {.instruction_set = set, .kind = kind});
      if (!engine->has(kind)) continue;
      if (set == InstructionSet::Portable) took += std::string(" ") + std::string(to_text(kind));
      std::vector<T> seen(margins.size());
      engine->predict_margin(std::span<const T>(rows), std::span<T>(seen));
      if (!same(margins, seen))
        return std::string(to_text(kind)) + " on " + std::string(to_text(set)) + " differs";
    }
    const auto engine = Engine::make(forest, {.instruction_set = set, .kind = {}});
    const size_t count = margins.size() / forest.outputs;
    for (size_t r = 0; r < std::min(count, kFewRows); ++r) {
      std::vector<T> one(forest.outputs);
      engine->predict_margin(std::span<const T>(rows).subspan(r * forest.features, forest.features),
                             std::span<T>(one));
      if (std::memcmp(one.data(), margins.data() + r * forest.outputs, one.size() * sizeof(T)) != 0)
        return "one row on " + std::string(to_text(set)) + " differs";
    }
  }
  std::printf("%zu trees:%s\n", forest.trees.size(), took.c_str());
  return {};
}

template <class T>
int run(const Forest& forest, const std::vector<double>& rows, char** argv) {
  std::vector<T> asked(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    asked[i] = std::is_same_v<T, float> ? static_cast<T>(rows[i]) : static_cast<T>(lightgbm_number(rows[i]));
  std::vector<T> margins(rows.size() / forest.features * forest.outputs);
  if (const std::string problem = compare(forest, asked, margins); !problem.empty()) return fail(problem);
  for (const int file : {3, 4}) {
    if (file == 4) apply_link(forest, std::span<T>(margins));
    const std::vector<double> out(margins.begin(), margins.end());
    if (auto written =
            write_file(argv[file], {reinterpret_cast<const char*>(out.data()), out.size() * sizeof(double)});
        !written)
      return fail(written.error().message);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fail("forest_predict MODEL ROWS MARGINS PREDICTIONS");
  const auto model = read_file(argv[1]);
  const auto bytes = read_file(argv[2]);
  if (!model || !bytes) return fail((model ? bytes : model).error().message);
  const auto forest = read_model(*model);
  if (!forest) return fail(to_text(forest.error()));
  std::vector<double> rows(bytes->size() / sizeof(double));
  std::memcpy(rows.data(), bytes->data(), rows.size() * sizeof(double));
  if (forest->features == 0 || rows.size() % forest->features != 0)
    return fail("the rows are not as wide as the model");
  return forest->precision == Precision::Float ? run<float>(*forest, rows, argv)
                                               : run<double>(*forest, rows, argv);
}
