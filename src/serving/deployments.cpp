#include "serving/deployments.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/log.hpp"
#include "serving/request_tables.hpp"
#include "serving/rollout.hpp"
#include "serving/row_features.hpp"

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

std::string role_of(const registry::Rollout& rollout) { return std::string(to_text(rollout.stage)); }

std::shared_ptr<const LiveModel> as_role(const std::shared_ptr<const LiveModel>& live,
                                         const std::string& role) {
  if (live->role == role) return live;
  LiveModel other = *live;
  other.role = role;
  return std::make_shared<const LiveModel>(std::move(other));
}

bool takes_column(const LiveModel& live, const std::string& column) {
  const auto& features = live.predictor->package().features;
  if (std::ranges::find(features, column, &forest::Feature::name) != features.end()) return true;
  if (std::ranges::find(live.key, column) != live.key.end()) return true;
  return live.row_features != nullptr && live.row_features->schema().find(column).has_value();
}

Duration pause_after(int failures) {
  constexpr int64_t kFirst = 1'000'000, kMost = 60'000'000;
  constexpr int kMostDoublings = 6;
  return {std::min(kMost, kFirst << std::min(failures - 1, kMostDoublings))};
}

}  // namespace

std::unique_ptr<Deployments> Deployments::declare(const project::Project& project,
                                                  std::shared_ptr<const Clock> clock,
                                                  std::shared_ptr<ComputeSlots> slots) {
  auto deployments = std::make_unique<Deployments>();
  deployments->clock_ = std::move(clock);
  deployments->compute_slots_ = std::move(slots);
  deployments->home_ = project.home;
  const auto holding = std::ranges::count_if(project.deployments,
                                             [](const auto& each) { return !each.second.request.empty(); });
  // Three times: a new one is loaded beside the champion and its challenger.
  if (project.memory_bytes && holding > 0)
    deployments->memory_bytes_ = std::max(*project.memory_bytes / (3 * holding), project::kLeastMemory);
  for (const auto& [name, declared] : project.deployments) {
    auto slot = std::make_unique<Slot>();
    slot->declared = declared;
    slot->key = project.key_of(declared);
    slot->live.store(std::make_shared<const LiveDeployment>());
    deployments->slots_.emplace(name, std::move(slot));
  }
  return deployments;
}

std::unique_ptr<Deployments> Deployments::open(const project::Project& project, registry::Registry& registry,
                                               std::shared_ptr<const Clock> clock,
                                               std::shared_ptr<ComputeSlots> slots) {
  auto deployments = declare(project, std::move(clock), std::move(slots));
  deployments->refresh(registry);
  return deployments;
}

const LiveModel* LiveDeployment::find(std::string_view version) const {
  for (const auto& live : {champion.get(), challenger.get()})
    if (live != nullptr && version == std::to_string(live->version)) return live;
  return nullptr;
}

std::shared_ptr<const LiveModel> Deployments::find(const std::string& deployment) const {
  const auto all = live(deployment);
  return all == nullptr ? nullptr : all->champion;
}

std::shared_ptr<const LiveDeployment> Deployments::live(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  return slot == slots_.end() ? nullptr : slot->second->live.load();
}

std::vector<std::string> Deployments::names() const {
  std::vector<std::string> out;
  for (const auto& [name, slot] : slots_) out.push_back(name);
  return out;
}

bool Deployments::ready() const {
  return std::ranges::all_of(slots_,
                             [](const auto& each) { return each.second->live.load()->champion != nullptr; });
}

const project::Deployment* Deployments::declared(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  return slot == slots_.end() ? nullptr : &slot->second->declared;
}

std::string Deployments::problem(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  if (slot == slots_.end()) return "no such deployment";
  const std::lock_guard lock(slot->second->problem_mutex);
  return slot->second->problem;
}

std::string Deployments::challenger_problem(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  if (slot == slots_.end()) return "no such deployment";
  const std::lock_guard lock(slot->second->problem_mutex);
  return slot->second->challenger_problem;
}

uint64_t Deployments::load_failures(const std::string& deployment) const {
  const auto slot = slots_.find(deployment);
  return slot == slots_.end() ? 0 : slot->second->load_failures.load();
}

Deployments::Outcome Deployments::load(Slot& slot, const std::optional<registry::Rollout>& rollout,
                                       registry::Registry& registry) {
  const std::string& name = slot.declared.name;
  Outcome outcome;
  const auto note = [&](std::string& problem, std::string_view who, const Error* error) {
    const std::lock_guard lock(slot.problem_mutex);
    if (error != nullptr && problem != error->message)
      log::warning("deployment {}{}: {}", name, who, error->message);
    problem = error == nullptr ? "" : error->message;
    if (error == nullptr) return;
    ++slot.load_failures;
    outcome.failed = true;
  };
  const auto before = slot.live.load();
  Loaded loaded{before->champion, before->challenger, slot.previous};
  std::erase(loaded, nullptr);
  auto next = std::make_shared<LiveDeployment>(LiveDeployment{before->champion, nullptr});
  auto champion =
      load_version(slot.declared, {slot.declared.version, role_of(slot.declared.version)}, registry, loaded);
  note(slot.problem, "", champion ? nullptr : &champion.error());
  if (champion) next->champion = *champion;
  // A challenger is nobody's without the champion that it challenges.
  if (rollout && next->champion != nullptr && next->champion->version != rollout->version) {
    next->rollout = *rollout;
    if (slot.declared.rollout) next->sticky = slot.declared.rollout->sticky;
    auto challenger = load_challenger(slot.declared, *rollout, registry, loaded, *next->champion);
    note(slot.challenger_problem, "'s challenger", challenger ? nullptr : &challenger.error());
    if (challenger)
      next->challenger = *challenger;
    else if (before->challenger != nullptr && before->challenger->version == rollout->version)
      next->challenger = as_role(before->challenger, role_of(*rollout));
  } else {
    note(slot.challenger_problem, "", nullptr);
  }
  const bool same_rollout = before->rollout.version == next->rollout.version &&
                            before->rollout.percent == next->rollout.percent &&
                            before->rollout.since == next->rollout.since;
  if (next->champion == before->champion && next->challenger == before->challenger && same_rollout)
    return outcome;
  if (next->champion != before->champion)
    log::info("deployment {} serves {} version {}{}", name, next->champion->model, next->champion->version,
              before->champion != nullptr && before->champion->version == next->champion->version
                  ? " over newer tables"
                  : "");
  if (next->challenger != nullptr)
    log::info("deployment {}: version {} is its {}{}", name, next->challenger->version,
              next->challenger->role,
              next->has_canary() ? fmt::format(" for {} % of the requests", next->rollout.percent) : "");
  else if (before->challenger != nullptr && before->challenger->version != next->champion->version)
    log::info("deployment {}: version {} challenges no longer", name, before->challenger->version);
  if (before->champion != nullptr && before->champion->version != next->champion->version) {
    LiveModel previous = *before->champion;
    previous.row_features = nullptr;
    previous.tables.clear();
    slot.previous = std::make_shared<const LiveModel>(std::move(previous));
  }
  slot.live.store(std::move(next));
  outcome.swapped = true;
  return outcome;
}

Result<std::shared_ptr<const LiveModel>> Deployments::load_version(const project::Deployment& declared,
                                                                   const Wanted& wanted,
                                                                   registry::Registry& registry,
                                                                   const Loaded& loaded) const {
  TM_TRY(const registry::Version version, registry.version(declared.model, wanted.version));
  const auto found =
      std::ranges::find(loaded, version.number, [](const auto& live) { return live->version; });
  const std::shared_ptr<const LiveModel> same = found == loaded.end() ? nullptr : *found;
  if (same != nullptr && declared.request.empty()) return as_role(same, wanted.role);
  LiveModel live{declared.name, declared.model, version.number, nullptr, wanted.role};
  live.key = slots_.at(declared.name)->key;
  if (same != nullptr) {
    live.predictor = same->predictor;
  } else {
    TM_TRY(live.predictor, forest::load_predictor(version.package, [&](const std::string& object) {
             return registry.read_object(object);
           }));
    warm(*live.predictor);
  }
  if (!declared.request.empty()) {
    TM_TRY(RequestPath path, RequestPath::make(live.predictor->package(), declared));
    TM_TRY(live.tables, tables_of(path, registry));
    if (same != nullptr && same->row_features != nullptr &&
        std::ranges::equal(same->tables, live.tables, {}, &registry::Table::id, &registry::Table::id))
      return as_role(same, wanted.role);
    TM_TRY(live.row_features, open_row_features({live.predictor, std::move(path), live.tables, home_,
                                                 memory_bytes_, compute_slots_},
                                                registry));
  }
  return std::make_shared<const LiveModel>(std::move(live));
}

Result<std::shared_ptr<const LiveModel>> Deployments::load_challenger(const project::Deployment& declared,
                                                                      const registry::Rollout& rollout,
                                                                      registry::Registry& registry,
                                                                      const Loaded& loaded,
                                                                      const LiveModel& champion) const {
  if (rollout.model != declared.model || rollout.alias != declared.version)
    return user_error("serving.rollout",
                      fmt::format("the rollout is of {}@{}, and the deployment serves {}@{}", rollout.model,
                                  rollout.alias, declared.model, declared.version),
                      {}, fmt::format("tidemill rollout {} --end", declared.name));
  TM_TRY(auto challenger,
         load_version(declared, {std::to_string(rollout.version), role_of(rollout)}, registry, loaded));
  TM_CHECK(check_answers_as(champion.predictor->package(), challenger->predictor->package()));
  if (declared.request.empty())
    TM_CHECK(check_takes_inputs_of(champion.predictor->package(), challenger->predictor->package()));
  const std::string sticky = declared.rollout ? declared.rollout->sticky : "";
  if (!sticky.empty() && !takes_column(champion, sticky))
    return user_error("serving.sticky",
                      fmt::format("`sticky: {}` is neither a feature of version {} nor a column of "
                                  "the requests' rows",
                                  sticky, champion.version));
  return challenger;
}

Result<void> Deployments::check_rollout(const registry::Rollout& wanted, registry::Registry& registry) {
  const std::lock_guard lock(refresh_mutex_);  // no more is loaded at a time than there is memory for
  const Slot& slot = *slots_.at(wanted.deployment);
  const auto live = slot.live.load();
  if (live->champion == nullptr)
    return user_error("serving.not_live", fmt::format("deployment {} has no champion to challenge: {}",
                                                      wanted.deployment, problem(wanted.deployment)));
  Loaded loaded{live->champion, live->challenger};
  std::erase(loaded, nullptr);
  TM_CHECK(load_challenger(slot.declared, wanted, registry, loaded, *live->champion));
  return {};
}

Result<void> Deployments::check_promotion(const Promotion& wanted, registry::Registry& registry) {
  const std::lock_guard lock(refresh_mutex_);
  const std::string number = std::to_string(wanted.version);
  TM_TRY(const registry::Version version, registry.version(wanted.model, number));
  if (version.state == "rejected" || version.retired || version.dropped) return {};
  for (const auto& [name, slot] : slots_) {
    if (slot->declared.model != wanted.model || slot->declared.version != wanted.alias) continue;
    const auto live = slot->live.load();
    Loaded loaded{live->champion, live->challenger};
    std::erase(loaded, nullptr);
    auto served = load_version(slot->declared, {number, wanted.alias}, registry, loaded);
    if (served) continue;
    Error error = std::move(served).error();
    error.kind = ErrorKind::User;
    error.code = "serving.cannot_serve";
    error.message = fmt::format("deployment {} could not serve version {} of {}: {}", name, wanted.version,
                                wanted.model, error.message);
    return std::unexpected(std::move(error));
  }
  return {};
}

Result<void> Deployments::check_promotion(const project::Project& project, const Promotion& wanted,
                                          registry::Registry& registry) {
  return declare(project, system_clock(), one_a_core())->check_promotion(wanted, registry);
}

int Deployments::refresh(registry::Registry& registry) {
  const std::lock_guard lock(refresh_mutex_);
  const auto generation = registry.generation();
  if (!generation) {
    log::warning("cannot read the registry, serving what is loaded: {}", generation.error().message);
    return 0;
  }
  const bool moved = *generation != generation_;
  const Instant now = clock_->now();
  const auto is_due = [&](const auto& each) {
    return moved || (each.second->failed_in_a_row > 0 && now >= each.second->retry_at);
  };
  if (std::ranges::none_of(slots_, is_due)) return 0;  // what most calls find
  const auto rollouts = registry.rollouts();
  if (!rollouts) {
    log::warning("cannot read the rollouts, serving what is loaded: {}", rollouts.error().message);
    return 0;
  }
  int swaps = 0;
  for (auto& each : slots_) {
    if (!is_due(each)) continue;
    auto& [name, slot] = each;
    if (moved) slot->failed_in_a_row = 0;  // what is to be loaded may be another version: at once
    const auto rollout = rollouts->find(name);
    const Outcome outcome =
        load(*slot, rollout == rollouts->end() ? std::nullopt : std::optional(rollout->second), registry);
    swaps += outcome.swapped ? 1 : 0;
    if (outcome.failed)
      slot->retry_at = {now.micros + pause_after(++slot->failed_in_a_row).micros};
    else
      slot->failed_in_a_row = 0;
  }
  generation_ = *generation;
  return swaps;
}

}  // namespace tidemill::serving
