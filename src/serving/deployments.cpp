#include "serving/deployments.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/log.hpp"

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
  for (const auto& [name, declared] : project.deployments) {
    auto slot = std::make_unique<Slot>();
    slot->model = declared.model;
    slot->reference = declared.version;
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
  const auto version = registry.version(slot.model, slot.reference);
  if (!version) return fail(version.error());
  const auto before = slot.live.load();
  if (before != nullptr && before->version == version->number) return succeed(Loaded::Same);
  auto predictor = forest::load_predictor(
      version->package, [&](const std::string& object) { return registry.read_object(object); });
  if (!predictor) return fail(predictor.error());
  warm(**predictor);
  slot.live.store(std::make_shared<const LiveModel>(
      LiveModel{name, slot.model, version->number, std::move(*predictor), role_of(slot.reference)}));
  log::info("deployment {} serves {} version {}", name, slot.model, version->number);
  return succeed(Loaded::Swapped);
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
