#include "serving/deployments.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/log.hpp"
#include "serving/request_tables.hpp"

namespace tidemill::serving {

namespace {

// The first prediction touches every page of the forest: better here than in somebody's request.
void warm(const forest::Predictor& predictor) {
  const std::vector<double> row(predictor.package().features.size(),
                                std::numeric_limits<double>::quiet_NaN());
  std::vector<double> scores(predictor.outputs());
  predictor.predict(row, scores);
}

std::string role_of(const std::string& reference) {
  const bool number =
      std::all_of(reference.begin(), reference.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number ? "pinned" : reference;
}

Duration pause_after(int failures) {
  constexpr int64_t kFirst = 1'000'000, kMost = 60'000'000;
  constexpr int kMostDoublings = 6;
  return {std::min(kMost, kFirst << std::min(failures - 1, kMostDoublings))};
}

}  // namespace

std::unique_ptr<Deployments> Deployments::open(const project::Project& project, registry::Registry& registry,
                                               std::shared_ptr<const Clock> clock) {
  auto deployments = std::make_unique<Deployments>();
  deployments->clock_ = std::move(clock);
  deployments->home_ = project.home;
  const auto holding = std::ranges::count_if(project.deployments,
                                             [](const auto& each) { return !each.second.request.empty(); });
  // Twice: a new one is loaded beside the old.
  if (project.memory_bytes && holding > 0)
    deployments->memory_bytes_ = std::max(*project.memory_bytes / (2 * holding), project::kLeastMemory);
  for (const auto& [name, declared] : project.deployments) {
    auto slot = std::make_unique<Slot>();
    slot->declared = declared;
    deployments->slots_.emplace(name, std::move(slot));
  }
  deployments->refresh(registry);
  return deployments;
}

std::shared_ptr<const LiveModel> Deployments::find(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  return slot == slots_.end() ? nullptr : slot->second->live.load();
}

std::vector<std::string> Deployments::names() const {
  std::vector<std::string> out;
  for (const auto& [name, slot] : slots_) out.push_back(name);
  return out;
}

bool Deployments::ready() const {
  for (const auto& [name, slot] : slots_)
    if (slot->live.load() == nullptr) return false;
  return true;
}

std::string Deployments::problem(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  if (slot == slots_.end()) return "no such deployment";
  const std::lock_guard lock(slot->second->problem_mutex);
  return slot->second->problem;
}

uint64_t Deployments::load_failures(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  return slot == slots_.end() ? 0 : slot->second->load_failures.load();
}

Deployments::Loaded Deployments::load(const std::string& name, Slot& slot, registry::Registry& registry) {
  const auto fail = [&](const Error& error) {
    ++slot.load_failures;
    const std::lock_guard lock(slot.problem_mutex);
    if (slot.problem != error.message) log::warning("deployment {}: {}", name, error.message);
    slot.problem = error.message;
    return Loaded::Failed;
  };
  const auto succeed = [&](Loaded loaded) {
    const std::lock_guard lock(slot.problem_mutex);
    slot.problem.clear();
    return loaded;
  };
  const auto before = slot.live.load();
  auto live = load_anew(slot.declared, registry, before.get());
  if (!live) return fail(live.error());
  if (*live == nullptr) return succeed(Loaded::Same);
  const bool same_version = before != nullptr && before->version == (*live)->version;
  log::info("deployment {} serves {} version {}{}", name, (*live)->model, (*live)->version,
            same_version ? " over newer tables" : "");
  slot.live.store(std::move(*live));
  return succeed(Loaded::Swapped);
}

Result<std::shared_ptr<const LiveModel>> Deployments::load_anew(const project::Deployment& declared,
                                                                registry::Registry& registry,
                                                                const LiveModel* before) const {
  TM_TRY(const registry::Version version, registry.version(declared.model, declared.version));
  const bool same_version = before != nullptr && before->version == version.number;
  if (same_version && declared.request.empty()) return std::shared_ptr<const LiveModel>();
  LiveModel live{declared.name, declared.model, version.number, nullptr, role_of(declared.version)};
  if (same_version) {
    live.predictor = before->predictor;
  } else {
    TM_TRY(live.predictor, forest::load_predictor(version.package, [&](const std::string& object) {
             return registry.read_object(object);
           }));
    warm(*live.predictor);
  }
  if (!declared.request.empty()) {
    TM_TRY(RequestPath path, RequestPath::make(live.predictor->package(), declared));
    TM_TRY(live.tables, tables_of(path, registry));
    if (same_version &&
        std::ranges::equal(before->tables, live.tables, {}, &registry::Table::id, &registry::Table::id))
      return std::shared_ptr<const LiveModel>();
    TM_TRY(live.row_features,
           open_row_features({live.predictor, std::move(path), live.tables, home_, memory_bytes_}, registry));
  }
  return std::make_shared<const LiveModel>(std::move(live));
}

int Deployments::refresh(registry::Registry& registry) {
  const auto generation = registry.generation();
  if (!generation) {
    log::warning("cannot read the registry, serving what is loaded: {}", generation.error().message);
    return 0;
  }
  const bool moved = *generation != generation_;
  const Instant now = clock_->now();
  int swaps = 0;
  for (auto& [name, slot] : slots_) {
    if (moved) slot->failed_in_a_row = 0;  // what is to be loaded may be another version: at once
    if (!moved && (slot->failed_in_a_row == 0 || now < slot->retry_at)) continue;
    const Loaded loaded = load(name, *slot, registry);
    swaps += loaded == Loaded::Swapped ? 1 : 0;
    if (loaded == Loaded::Failed)
      slot->retry_at = {now.micros + pause_after(++slot->failed_in_a_row).micros};
    else
      slot->failed_in_a_row = 0;
  }
  generation_ = *generation;
  return swaps;
}

}  // namespace tidemill::serving
