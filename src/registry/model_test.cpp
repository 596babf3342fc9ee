// Random sequences of acts against a model that keeps whole copies of every release where the registry keeps
// intervals.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

using StepKey = std::pair<std::string, std::string>;

struct Model {
  struct Made {
    StepKey key;
    std::string bytes;
    bool dropped = false;
  };
  struct State {
    std::map<std::string, int64_t> tables;
    std::vector<int> champion;  // its history; the last is live
    bool operator==(const State&) const = default;
  };
  struct Known {
    std::optional<int64_t> table;
    std::optional<int> version;
    bool withdrawn = false;
  };

  std::map<int64_t, Made> tables;
  std::vector<StepKey> versions;  // number - 1
  std::vector<bool> rejected;
  std::vector<bool> dropped;
  std::vector<State> releases;
  State live;
  std::map<StepKey, Known> outputs;
  bool hold = false;
  std::optional<int> anchor;
  std::optional<int> challenger;
  int64_t audits = 0;
  int64_t rollout_moves = 0;

  static std::optional<int> top(const State& state) {
    return state.champion.empty() ? std::nullopt : std::optional(state.champion.back());
  }
  StepKey key_of(int version) const { return versions[static_cast<size_t>(version - 1)]; }
  void end_rollout() {
    if (!challenger) return;
    challenger.reset();
    ++rollout_moves;
    ++audits;
  }
  bool moved(const State& before, const State& after) const {
    return before.tables != after.tables || top(before) != top(after);
  }

  /// gc may have forgotten the output of a key, while the version that was live is still there.
  void withdraw(int version) {
    const auto [output, is_new] = outputs.try_emplace(key_of(version));
    if (is_new && !dropped[static_cast<size_t>(version - 1)]) output->second.version = version;
    output->second.withdrawn = true;
  }

  void rollback(size_t to) {  // index of the release
    const State target = releases[to];
    for (size_t i = to + 1; i < releases.size(); ++i) {
      for (const auto& [name, id] : releases[i].tables) outputs[tables.at(id).key].withdrawn = true;
      if (top(releases[i])) withdraw(*top(releases[i]));
    }
    // What the target has, too, was no part of what went wrong.
    for (const auto& [name, id] : target.tables) outputs[tables.at(id).key] = {id, std::nullopt, false};
    if (top(target)) outputs[key_of(*top(target))] = {std::nullopt, *top(target), false};
    if (top(live) != top(target)) {
      hold = true;
      if (anchor && outputs[key_of(*anchor)].withdrawn) anchor = top(target);
      live.champion = target.champion;
    }
    live.tables = target.tables;
    releases.push_back(live);
    ++audits;
    end_rollout();
  }

  void gc(size_t keep) {
    std::set<int64_t> needed;
    for (const auto& [name, id] : live.tables) needed.insert(id);
    for (size_t i = releases.size() - std::min(keep, releases.size()); i < releases.size(); ++i)
      for (const auto& [name, id] : releases[i].tables) needed.insert(id);
    std::map<std::string, int64_t> newest;
    for (const auto& [key, known] : outputs)
      if (known.table && !known.withdrawn) newest[key.first] = std::max(newest[key.first], *known.table);
    for (const auto& [step, id] : newest) needed.insert(id);
    for (auto& [id, made] : tables) made.dropped = made.dropped || !needed.contains(id);
    std::set<int> named;
    if (top(live)) named.insert(*top(live));
    if (live.champion.size() > 1) named.insert(live.champion[live.champion.size() - 2]);
    for (size_t i = releases.size() - std::min(keep, releases.size()); i < releases.size(); ++i)
      if (top(releases[i])) named.insert(*top(releases[i]));
    if (anchor) named.insert(*anchor);
    if (challenger) named.insert(*challenger);
    int newest_version = 0;
    for (const auto& [key, known] : outputs)
      if (known.version && !known.withdrawn) newest_version = std::max(newest_version, *known.version);
    named.insert(newest_version);
    for (size_t i = 0; i < dropped.size(); ++i)
      dropped[i] = dropped[i] || !named.contains(static_cast<int>(i) + 1);
    for (auto it = outputs.begin(); it != outputs.end();) {
      const bool no_table = it->second.table && tables.at(*it->second.table).dropped;
      const bool no_version = it->second.version && dropped[static_cast<size_t>(*it->second.version - 1)];
      if (no_table || no_version) {
        it->second.table.reset();
        it->second.version.reset();
        if (!it->second.withdrawn) {
          it = outputs.erase(it);
          continue;
        }
      }
      ++it;
    }
    ++audits;
  }
};

class Pair {
 public:
  void act() {
    switch (*rc::gen::weightedElement<int>(
        {{6, 0}, {2, 1}, {2, 2}, {1, 3}, {2, 4}, {1, 5}, {1, 6}, {1, 7}, {3, 8}, {1, 9}})) {
      case 0:
        return run();
      case 1:
        return promote();
      case 2:
        return rollback_alias();
      case 3:
        return release_hold();
      case 4:
        return rollback_release();
      case 5:
        return reinstate();
      case 6:
        return gc();
      case 8:
        return set_rollout();
      case 9:
        return end_rollout();
      default:
        registry_.reset();
        registry_ = home_.open();
    }
  }

  void compare() const {
    std::map<std::string, int64_t> live;
    for (const auto& [name, table] : must(registry_->live_tables())) live[name] = table.id;
    RC_ASSERT(live == model_.live.tables);
    const auto aliases = must(registry_->aliases("late"));
    RC_ASSERT(Model::top(model_.live) ==
              (aliases.empty() ? std::nullopt : std::optional(aliases.at("champion"))));
    RC_ASSERT(must(registry_->hold("late")).has_value() == model_.hold);
    RC_ASSERT(must(registry_->anchor("late")) == model_.anchor);

    const auto releases = must(registry_->releases(1000));
    RC_ASSERT(releases.size() == model_.releases.size());
    for (size_t i = 0; i < releases.size(); ++i) {
      const Model::State& expected = model_.releases[releases.size() - 1 - i];
      RC_ASSERT(releases[i].tables == expected.tables);
      RC_ASSERT(releases[i].aliases.empty() == expected.champion.empty());
      if (!expected.champion.empty())
        RC_ASSERT(releases[i].aliases.at("late").at("champion") == expected.champion.back());
    }
    RC_ASSERT(must(registry_->generation()) == static_cast<int64_t>(releases.size()) + model_.rollout_moves);
    const auto rollouts = must(registry_->rollouts());
    RC_ASSERT((rollouts.empty() ? std::nullopt : std::optional(rollouts.at("late").version)) ==
              model_.challenger);

    const auto outputs = must(registry_->all_outputs());
    RC_ASSERT(outputs.size() == model_.outputs.size());
    for (const auto& [key, known] : model_.outputs) {
      const auto& output = outputs.at(key.first + '\0' + key.second);
      RC_ASSERT(output.withdrawn == known.withdrawn);
      RC_ASSERT((output.table ? std::optional(output.table->id) : std::nullopt) == known.table);
      RC_ASSERT((output.version ? std::optional(output.version->number) : std::nullopt) == known.version);
    }
    for (const auto& [id, made] : model_.tables)
      RC_ASSERT(must(registry_->table(id))->dropped == made.dropped);
    RC_ASSERT(must(registry_->verify_audit()) == model_.audits);
    RC_ASSERT(must(registry_->verify_objects()).empty());
  }

 private:
  void run() {
    const std::string run = "run" + std::to_string(++runs_);
    TestHome::begin(*registry_, run);
    Registry::Publication publication{run, "done"};
    Model::State next = model_.live;
    for (const std::string name : {"a", "b", "c"}) {
      if (*rc::gen::inRange(0, 3) == 0) continue;
      const std::string key = "k" + std::to_string(*rc::gen::inRange(0, 4));
      const std::string bytes = name + key + std::to_string(*rc::gen::inRange(0, 2));
      const Table made = TestHome::add_table(*registry_, run, {name, key, bytes});
      const StepKey step{"source:" + name, key};
      model_.tables[made.id] = {step, bytes};
      model_.outputs[step] = {made.id, std::nullopt, false};
      if (*rc::gen::inRange(0, 4) == 0) continue;  // recorded, not published
      publication.tables[name] = made.id;
      const auto live = next.tables.find(name);
      if (live == next.tables.end() || model_.tables.at(live->second).bytes != bytes ||
          model_.tables.at(live->second).key != step)
        next.tables[name] = made.id;
    }
    if (*rc::gen::inRange(0, 2) == 0) {
      const std::string key = "m" + std::to_string(*rc::gen::inRange(0, 5));
      const bool rejected = *rc::gen::inRange(0, 4) == 0;
      const int number =
          TestHome::add_version(*registry_, run, {"late", key, rejected ? "rejected" : "accepted"}).number;
      model_.versions.push_back({"model:late", key});
      model_.rejected.push_back(rejected);
      model_.dropped.push_back(false);
      RC_ASSERT(number == static_cast<int>(model_.versions.size()));
      model_.outputs[{"model:late", key}] = {std::nullopt, number, false};
      if (!rejected) {
        publication.aliases.push_back({"late", "champion", number, "better"});
        next.champion.push_back(number);
      }
    }
    if (!publication.aliases.empty() && model_.hold) {
      RC_ASSERT(code_of(registry_->end_run(publication)) == "registry.on_hold");
      publication.aliases.clear();
      next.champion = model_.live.champion;
    }
    const auto release = must(registry_->end_run(publication));
    RC_ASSERT(release.has_value() == model_.moved(model_.live, next));
    if (!release) return;
    model_.live = next;
    model_.releases.push_back(next);
    ++model_.audits;
    if (Model::top(next) == model_.challenger) model_.end_rollout();
  }

  void promote() {
    if (model_.versions.empty()) return;
    const int version = *rc::gen::inRange<int>(1, static_cast<int>(model_.versions.size()) + 1);
    const std::string code = code_of(registry_->promote("late", version, "champion", ""));
    if (model_.rejected[static_cast<size_t>(version - 1)]) {
      RC_ASSERT(code == "registry.rejected");
    } else if (model_.dropped[static_cast<size_t>(version - 1)]) {
      RC_ASSERT(code == "registry.dropped");
    } else if (model_.hold) {
      RC_ASSERT(code == "registry.on_hold");
    } else {
      RC_ASSERT(code == "no error");
      if (Model::top(model_.live) != version) {
        model_.live.champion.push_back(version);
        model_.releases.push_back(model_.live);
      }
      model_.outputs[model_.key_of(version)] = {std::nullopt, version, false};
      model_.anchor = version;
      ++model_.audits;
      if (model_.challenger == version) model_.end_rollout();
    }
  }

  void rollback_alias() {
    const auto result = registry_->rollback_alias("late", "champion", "");
    std::vector<int>& history = model_.live.champion;
    if (history.size() < 2) {
      RC_ASSERT(!result.has_value());
      return;
    }
    if (model_.dropped[static_cast<size_t>(history[history.size() - 2] - 1)]) {
      RC_ASSERT(code_of(result) == "registry.dropped");
      return;
    }
    const int culprit = history.back();
    history.pop_back();
    RC_ASSERT(must(result) == history.back());
    model_.withdraw(culprit);
    model_.outputs[model_.key_of(history.back())] = {std::nullopt, history.back(), false};
    if (model_.anchor == culprit) model_.anchor = history.back();
    model_.hold = true;
    model_.releases.push_back(model_.live);
    ++model_.audits;
    model_.end_rollout();
  }

  void release_hold() {
    RC_ASSERT(code_of(registry_->release_hold("late")) == (model_.hold ? "no error" : "registry.no_hold"));
    model_.audits += model_.hold;
    model_.hold = false;
  }

  void rollback_release() {
    if (model_.releases.empty()) return;
    const size_t to = *rc::gen::inRange<size_t>(0, model_.releases.size());
    const Model::State& target = model_.releases[to];
    const std::string code = code_of(registry_->rollback_release(static_cast<int64_t>(to) + 1, ""));
    if (!model_.moved(model_.live, target)) {
      RC_ASSERT(code == "registry.already_live");
      return;
    }
    for (const auto& [name, id] : target.tables)
      if (model_.tables.at(id).dropped) {
        RC_ASSERT(code == "registry.dropped");
        return;
      }
    if (Model::top(target) && model_.dropped[static_cast<size_t>(*Model::top(target) - 1)]) {
      RC_ASSERT(code == "registry.dropped");
      return;
    }
    RC_ASSERT(code == "no error");
    model_.rollback(to);
  }

  void reinstate() {
    if (model_.outputs.empty()) return;
    auto it = model_.outputs.begin();
    std::advance(it, *rc::gen::inRange<size_t>(0, model_.outputs.size()));
    must(registry_->reinstate(it->first.first, it->first.second));
    if (!it->second.withdrawn) return;
    ++model_.audits;
    it->second.withdrawn = false;
    if (!it->second.table && !it->second.version) model_.outputs.erase(it);
  }

  void set_rollout() {
    if (model_.versions.empty()) return;
    const int version = *rc::gen::inRange<int>(1, static_cast<int>(model_.versions.size()) + 1);
    const std::string code =
        code_of(registry_->set_rollout({"late", "late", "champion", version, Rollout::Stage::Canary, 10}));
    const auto at = static_cast<size_t>(version - 1);
    const auto known = model_.outputs.find(model_.key_of(version));
    if (model_.rejected[at]) {
      RC_ASSERT(code == "registry.rejected");
    } else if (model_.dropped[at]) {
      RC_ASSERT(code == "registry.dropped");
    } else if (model_.hold) {
      RC_ASSERT(code == "registry.on_hold");
    } else if (!Model::top(model_.live)) {
      RC_ASSERT(code == "registry.no_champion");
    } else if (Model::top(model_.live) == version) {
      RC_ASSERT(code == "registry.already_live");
    } else if (known != model_.outputs.end() && known->second.withdrawn) {
      RC_ASSERT(code == "registry.withdrawn");
    } else {
      RC_ASSERT(code == "no error");
      model_.challenger = version;
      ++model_.rollout_moves;
      ++model_.audits;
    }
  }

  void end_rollout() {
    RC_ASSERT(code_of(registry_->end_rollout("late", "")) ==
              (model_.challenger ? "no error" : "registry.no_rollout"));
    model_.end_rollout();
  }

  void gc() {
    const size_t keep = *rc::gen::inRange<size_t>(0, 4);
    must(registry_->gc(keep, false));
    model_.gc(keep);
  }

  TestHome home_;
  std::unique_ptr<Registry> registry_ = home_.open();
  Model model_;
  int runs_ = 0;
};

RC_GTEST_PROP(Registry, does_what_a_simple_model_of_it_does, ()) {
  Pair pair;
  const int acts = *rc::gen::inRange(1, 30);
  for (int i = 0; i < acts; ++i) {
    pair.act();
    pair.compare();
  }
}

}  // namespace
}  // namespace tidemill::registry
