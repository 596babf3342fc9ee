#include "serving/deployments.hpp"

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

}  // namespace

Result<std::shared_ptr<const forest::Predictor>> load_predictor(const registry::Registry& registry,
                                                                const registry::Version& version) {
  TM_TRY(const std::string manifest, registry.read_object(version.package));
  TM_TRY(const Json json,
         parse_json(manifest, fmt::format("package of {} version {}", version.model, version.number)));
  TM_TRY(forest::Package package, forest::package_from_json(json));
  TM_TRY(const std::string object, forest::model_object(package));
  TM_TRY(const std::string bytes, registry.read_object(object));
  return forest::Predictor::make(std::move(package), bytes);
}

std::unique_ptr<Deployments> Deployments::open(const project::Project& project,
                                               registry::Registry& registry) {
  auto deployments = std::make_unique<Deployments>();
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

bool Deployments::load(const std::string& name, Slot& slot, registry::Registry& registry) {
  const auto fail = [&](const Error& error) {
    const std::lock_guard lock(slot.problem_mutex);
    if (slot.problem != error.message) log::warning("deployment {}: {}", name, error.message);
    slot.problem = error.message;
    return false;
  };
  const auto version = registry.version(slot.model, slot.reference);
  if (!version) return fail(version.error());
  const auto before = slot.live.load();
  if (before != nullptr && before->version == version->number) return false;
  auto predictor = load_predictor(registry, *version);
  if (!predictor) return fail(predictor.error());
  warm(**predictor);
  slot.live.store(
      std::make_shared<const LiveModel>(LiveModel{name, slot.model, version->number, std::move(*predictor)}));
  const std::lock_guard lock(slot.problem_mutex);
  slot.problem.clear();
  log::info("deployment {} serves {} version {}", name, slot.model, version->number);
  return true;
}

int Deployments::refresh(registry::Registry& registry) {
  const auto generation = registry.generation();
  if (!generation) {
    log::warning("cannot read the registry, serving what is loaded: {}", generation.error().message);
    return 0;
  }
  if (*generation == generation_) return 0;
  int swaps = 0;
  for (auto& [name, slot] : slots_) swaps += load(name, *slot, registry) ? 1 : 0;
  generation_ = *generation;
  return swaps;
}

}  // namespace tidemill::serving
