// A forest made ready to predict fast. Three engines give the same bits: the plain walk over nodes (the
// oracle), a branchless walk for few rows, a bit-sliced one for blocks; which one runs is chosen by the
// number of rows and the shape of the forest. kernels.hpp says how they work.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "forest/forest.hpp"

namespace tidemill::forest {

enum class EngineKind { Plain, Walk, Sliced64, SlicedWide };
std::string_view to_text(EngineKind kind);

enum class InstructionSet { Portable, Avx2, Avx512, Avx512Vbmi };
std::string_view to_text(InstructionSet set);
/// What this machine has, the narrowest first. TIDEMILL_INSTRUCTION_SET=portable|avx2|avx512|avx512vbmi is an
/// upper limit.
std::vector<InstructionSet> instruction_sets();

struct EngineOptions {
  std::optional<InstructionSet> instruction_set;  // default: the widest of this machine
  std::optional<EngineKind> kind;                 // default: by rows and shape
};

/// Immutable; safe to share between threads.
class Engine {
 public:
  static std::shared_ptr<const Engine> make(Forest forest, EngineOptions options = {});
  virtual ~Engine() = default;
  const Forest& forest() const { return forest_; }

  /// rows: row-major, `forest().features` a row, NaN is missing; margins: rows × outputs, before the link.
  /// Float for XGBoost's models, double for LightGBM's.
  virtual void predict_margin(std::span<const float> rows, std::span<float> margins) const = 0;
  virtual void predict_margin(std::span<const double> rows, std::span<double> margins) const = 0;

  /// Whether the forest fits the engine: deep trees don't fit the bit-sliced one.
  virtual bool has(EngineKind kind) const = 0;
  /// The engine that a call with so many rows begins with.
  virtual EngineKind chosen(size_t rows) const = 0;

 protected:
  explicit Engine(Forest forest) : forest_(std::move(forest)) {}
  Forest forest_;
};

}  // namespace tidemill::forest
