// The one budget of threads and memory of this process. What opens an SQL engine or fits a model takes its
// part from here, so that all parts together stay within.
#pragma once

#include <optional>

#include "engine/database.hpp"
#include "project/project.hpp"

namespace tidemill::pipeline {

/// A step takes one slot, training all of them: sorts and joins side by side ran out of memory where one
/// after the other did not, so the number of slots follows from memory too.
struct Budget {
  int threads = 1;
  int64_t memory_bytes = 0;
  int slots() const;
};

/// Of what was not said: all of the machine's threads, 60 % of its (or its container's) memory.
Budget budget_of(std::optional<int> threads, std::optional<int64_t> memory_bytes);
Budget budget_of(const project::Project& project);

/// An engine with this many threads and this much memory, which spills into the folder up to a cap. The
/// caller adds what the engine may see.
engine::DatabaseOptions engine_within(const Budget& budget, Path spill_folder);
/// Where a command without a home spills.
Path temporary_spill_folder();

/// How the engines of a run divide its memory. They are open side by side, so the parts add up to the whole.
struct MemoryParts {
  int64_t reading_bytes = 0;
  int64_t transforming_bytes = 0;
  int64_t one_thread_bytes = 0;  // 0: no transform asks for it
};
enum class OneThread { Needed, NotNeeded };
MemoryParts parts_of(int64_t memory_bytes, OneThread one_thread);

}  // namespace tidemill::pipeline
