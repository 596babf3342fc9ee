#include "forest/engine.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <new>

#include "forest/compile.hpp"

namespace tidemill::forest {

namespace {

constexpr size_t kMaxScratchBytes = size_t{64} << 20;  // of a call; a wider block than that is not taken

const Kernels& kernels_of(InstructionSet set) {
#ifdef __x86_64__
  if (set == InstructionSet::Avx512Vbmi) return kAvx512VbmiKernels;
  if (set == InstructionSet::Avx512) return kAvx512Kernels;
  if (set == InstructionSet::Avx2) return kAvx2Kernels;
#endif
  (void)set;
  return kPortableKernels;
}

template <class T, class K>
const KernelsOf<T, K>& typed(const Kernels& kernels) {
  if constexpr (std::is_same_v<T, float> && std::is_same_v<K, uint8_t>)
    return kernels.float8;
  else if constexpr (std::is_same_v<T, float>)
    return kernels.float16;
  else if constexpr (std::is_same_v<K, uint8_t>)
    return kernels.double8;
  else
    return kernels.double16;
}

/// Memory of this thread's calls, kept between them.
class Arena {
 public:
  std::byte* take(size_t bytes) {
    if (bytes > size_) {
      memory_.reset();
      memory_.reset(static_cast<std::byte*>(::operator new(bytes, kAlignment)));
      size_ = bytes;
    }
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t size_ = 0;
};

template <class T, class K>
Scratch<T, K> scratch_for(const Compiled<T, K>& forest, size_t rows, std::byte* memory, size_t* bytes) {
  size_t used = 0;
  const auto take = [&](size_t size) {
    std::byte* at = memory == nullptr ? nullptr : memory + used;
    used += (size + 63) / 64 * 64;
    return at;
  };
  Scratch<T, K> out{};
  out.keys = reinterpret_cast<K*>(take(std::max({forest.keys, rows, kMinKeys}) * sizeof(K)));
  out.masks = reinterpret_cast<uint64_t*>(take(forest.masks * rows / 8));
  out.words = reinterpret_cast<uint64_t*>(take(forest.most_words * rows / 8));
  out.ranks = reinterpret_cast<uint64_t*>(take(forest.most_ranks * std::max<size_t>(rows, 64) / 8));
  out.columns = reinterpret_cast<T*>(take(16 * rows * sizeof(T)));
  out.sums = reinterpret_cast<T*>(take(forest.outputs * rows * sizeof(T)));
  if (bytes != nullptr) *bytes = used;
  return out;
}

template <class T, class K>
class CompiledEngine final : public Engine {
 public:
  CompiledEngine(Forest forest, CompiledForest<T, K> compiled, InstructionSet set, EngineOptions options)
      : Engine(std::move(forest)),
        compiled_(std::move(compiled)),
        kernels_(kernels_of(set)),
        view_(compiled_.view()),
        forced_(options.kind),
        costs_(costs_of(compiled_, set)) {
    for (const EngineKind kind : {EngineKind::Walk, EngineKind::Sliced64, EngineKind::SlicedWide})
      scratch_for(view_, rows_of(kind), nullptr, &scratch_bytes_[static_cast<size_t>(kind)]);
  }

  void predict_margin(std::span<const float> rows, std::span<float> margins) const override {
    if constexpr (std::is_same_v<T, float>)
      predict(rows, margins);
    else
      forest::predict_margin(forest_, rows, margins);
  }
  void predict_margin(std::span<const double> rows, std::span<double> margins) const override {
    if constexpr (std::is_same_v<T, double>)
      predict(rows, margins);
    else
      forest::predict_margin(forest_, rows, margins);
  }

  bool has(EngineKind kind) const override {
    if (kind == EngineKind::Plain || kind == EngineKind::Walk) return true;
    return view_.sliced_trees != nullptr && scratch_bytes_[static_cast<size_t>(kind)] <= kMaxScratchBytes;
  }

  EngineKind chosen(size_t rows) const override {
    if (forced_) return has(*forced_) ? *forced_ : EngineKind::Plain;
    EngineKind best = EngineKind::Walk;
    double least = costs_.walk_row * static_cast<double>(rows);
    for (const EngineKind kind : {EngineKind::Sliced64, EngineKind::SlicedWide}) {
      if (!has(kind)) continue;
      // What a block costs falls on the rows that are there.
      const double block = kind == EngineKind::Sliced64 ? costs_.block64 : costs_.wide_block;
      const size_t taken = std::min(rows, rows_of(kind));
      const double cost = block / static_cast<double>(taken) * static_cast<double>(rows);
      if (cost < least) {
        least = cost;
        best = kind;
      }
    }
    return best;
  }

 private:
  /// Of a block; the walk takes row by row.
  size_t rows_of(EngineKind kind) const {
    return kind == EngineKind::Walk ? 1 : kind == EngineKind::Sliced64 ? 64 : kernels_.wide_rows;
  }

  void predict(std::span<const T> rows, std::span<T> margins) const {
    static thread_local Arena arena;
    const KernelsOf<T, K>& kernels = typed<T, K>(kernels_);
    size_t left = margins.size() / view_.outputs;
    const T* from = rows.data();
    T* to = margins.data();
    while (left > 0) {
      const EngineKind kind = chosen(left);
      if (kind == EngineKind::Plain) return forest::predict_margin(forest_, rows, margins);
      std::byte* const memory = arena.take(scratch_bytes_[static_cast<size_t>(kind)]);
      const Scratch<T, K> scratch = scratch_for(view_, rows_of(kind), memory, nullptr);
      const size_t count = kind == EngineKind::Walk ? left : std::min(left, rows_of(kind));
      if (kind == EngineKind::Walk)
        kernels.walk(view_, from, count, to, scratch);
      else
        kernels.sliced(view_, kind == EngineKind::Sliced64 ? Width::Rows64 : Width::Wide, from, count, to,
                       scratch);
      left -= count;
      from += count * view_.features;
      to += count * view_.outputs;
    }
  }

  CompiledForest<T, K> compiled_;
  const Kernels& kernels_;
  Compiled<T, K> view_;                    // of compiled_
  std::array<size_t, 4> scratch_bytes_{};  // of a call, by kind
  std::optional<EngineKind> forced_;
  Costs costs_;
};

/// What the compiled ones do not take.
class PlainEngine final : public Engine {
 public:
  explicit PlainEngine(Forest forest) : Engine(std::move(forest)) {}
  void predict_margin(std::span<const float> rows, std::span<float> margins) const override {
    forest::predict_margin(forest_, rows, margins);
  }
  void predict_margin(std::span<const double> rows, std::span<double> margins) const override {
    forest::predict_margin(forest_, rows, margins);
  }
  bool has(EngineKind kind) const override { return kind == EngineKind::Plain; }
  EngineKind chosen(size_t) const override { return EngineKind::Plain; }
};

template <class T>
std::shared_ptr<const Engine> compiled(Forest forest, InstructionSet set, const EngineOptions& options) {
  const KeyIndex<T> index(forest);
  if (index.template fits<uint8_t>()) {
    auto arrays = compile<T, uint8_t>(forest, index);
    return std::make_shared<CompiledEngine<T, uint8_t>>(std::move(forest), std::move(arrays), set, options);
  }
  if (index.template fits<uint16_t>()) {
    auto arrays = compile<T, uint16_t>(forest, index);
    return std::make_shared<CompiledEngine<T, uint16_t>>(std::move(forest), std::move(arrays), set, options);
  }
  return std::make_shared<PlainEngine>(std::move(forest));
}

}  // namespace

std::string_view to_text(EngineKind kind) {
  switch (kind) {
    case EngineKind::Plain:
      return "plain";
    case EngineKind::Walk:
      return "walk";
    case EngineKind::Sliced64:
      return "sliced64";
    case EngineKind::SlicedWide:
      return "sliced_wide";
  }
  return "";
}

std::string_view to_text(InstructionSet set) {
  switch (set) {
    case InstructionSet::Portable:
      return "portable";
    case InstructionSet::Avx2:
      return "avx2";
    case InstructionSet::Avx512:
      return "avx512";
    case InstructionSet::Avx512Vbmi:
      return "avx512vbmi";
  }
  return "";
}

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> out = {InstructionSet::Portable};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("popcnt") != 0) {
    out.push_back(InstructionSet::Avx2);
    if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
        __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0) {
      out.push_back(InstructionSet::Avx512);
      if (__builtin_cpu_supports("avx512vbmi") != 0) out.push_back(InstructionSet::Avx512Vbmi);
    }
  }
#endif
  if (const char* limit = std::getenv("TIDEMILL_INSTRUCTION_SET"); limit != nullptr)
    while (out.size() > 1 && to_text(out.back()) != limit) out.pop_back();
  return out;
}

std::shared_ptr<const Engine> Engine::make(Forest forest, EngineOptions options) {
  if (options.kind == EngineKind::Plain) return std::make_shared<PlainEngine>(std::move(forest));
  const InstructionSet set = options.instruction_set.value_or(instruction_sets().back());
  if (forest.precision == Precision::Double) return compiled<double>(std::move(forest), set, options);
  return compiled<float>(std::move(forest), set, options);
}

}  // namespace tidemill::forest
