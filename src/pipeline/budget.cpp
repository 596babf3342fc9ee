#include "pipeline/budget.hpp"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace tidemill::pipeline {

namespace {

constexpr double kShareOfMachine = 0.6;
constexpr int64_t kSlotMemory = int64_t{512} << 20;
// A CSV file is read through buffers of 32 MB: with fewer bytes than two of them a quarter is not enough.
constexpr int64_t kReadingMemory = int64_t{64} << 20;
constexpr int64_t kSpillPerMemory = 16;  // spilling sorts and joins need several times the data

int64_t machine_memory() {
  const int64_t physical = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  // A container's limit is what counts inside of it.
  if (const auto limit = read_file("/sys/fs/cgroup/memory.max", 64);
      limit && !limit->empty() && (*limit)[0] != 'm')
    return std::min<int64_t>(physical, std::strtoll(limit->c_str(), nullptr, 10));
  return physical;
}

}  // namespace

int Budget::slots() const {
  return std::clamp<int>(static_cast<int>(memory_bytes / kSlotMemory), 1, std::max(threads, 1));
}

Budget budget_of(std::optional<int> threads, std::optional<int64_t> memory_bytes) {
  Budget budget;
  budget.threads = threads.value_or(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  budget.memory_bytes = std::max(
      memory_bytes.value_or(static_cast<int64_t>(kShareOfMachine * static_cast<double>(machine_memory()))),
      project::kLeastMemory);
  return budget;
}

Budget budget_of(const project::Project& project) { return budget_of(project.threads, project.memory_bytes); }

engine::DatabaseOptions engine_within(const Budget& budget, Path spill_folder) {
  engine::DatabaseOptions options;
  options.threads = budget.threads;
  options.memory_bytes = budget.memory_bytes;
  options.spill_folder = std::move(spill_folder);
  options.spill_cap_bytes = budget.memory_bytes * kSpillPerMemory;
  return options;
}

Path temporary_spill_folder() {
  std::error_code error;
  const Path folder = std::filesystem::temp_directory_path(error);
  return error ? Path() : folder / fmt::format("tidemill-spill.{}", ::getpid());
}

MemoryParts parts_of(int64_t memory_bytes, OneThread one_thread) {
  // Reading streams; transforming sorts and joins.
  MemoryParts parts;
  parts.reading_bytes = std::max(memory_bytes / 4, std::min(memory_bytes / 2, kReadingMemory));
  const int64_t rest = memory_bytes - parts.reading_bytes;
  if (one_thread == OneThread::Needed) parts.one_thread_bytes = rest / 3;
  parts.transforming_bytes = rest - parts.one_thread_bytes;
  return parts;
}

}  // namespace tidemill::pipeline
