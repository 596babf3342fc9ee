#include "app/champion_moves.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/log.hpp"
#include "monitoring/kept.hpp"

namespace tidemill::app {

namespace {

constexpr const char* kToldMemo = "told_release";
constexpr int64_t kMostReleases = 1'000;  // that are read at once; older ones are not told

int version_of(const registry::Release& release, const std::string& model, const std::string& alias) {
  const auto aliases = release.aliases.find(model);
  if (aliases == release.aliases.end()) return 0;
  const auto version = aliases->second.find(alias);
  return version == aliases->second.end() ? 0 : version->second;
}

/// The registry begins the note of a release that was made by going back so.
bool goes_back(const registry::Release& release) { return release.note.starts_with("rollback "); }

std::optional<int64_t> number_in(const std::optional<std::string>& text) {
  int64_t number = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json or_null(int version) { return version == 0 ? Json() : Json(version); }

}  // namespace

void ChampionMoves::use(const project::Project& project) {
  served_.clear();
  for (const auto& [name, deployment] : project.deployments)
    if (std::ranges::none_of(served_, [&](const Served& one) {
          return one.model == deployment.model && one.alias == deployment.version;
        }))
      served_.push_back({deployment.model, deployment.version, name});
  for (const auto& [name, model] : project.models)
    if (std::ranges::none_of(served_,
                             [&](const Served& one) { return one.model == name && one.alias == "champion"; }))
      served_.push_back({name, "champion", ""});
}

void ChampionMoves::look(Instant now) {
  if (!options_.tell) return;
  const auto generation = options_.registry.generation();
  if (generation && *generation == generation_) return;
  const auto told = generation ? tell_of_releases(now) : std::unexpected(generation.error());
  if (!told && !troubled_) log::error("moves of champions are not told yet: {}", to_text(told.error()));
  troubled_ = !told;
  if (told) generation_ = *generation;
}

Result<void> ChampionMoves::tell_of_releases(Instant now) {
  const registry::Registry& registry = options_.registry;
  TM_TRY(const auto newest, registry.releases(1));
  const int64_t last = newest.empty() ? 0 : newest.front().id;
  if (!told_) {
    TM_TRY(const auto kept, registry.memo(monitoring::kWatchMemos, kToldMemo));
    told_ = kept_ = number_in(kept);
  }
  if (told_ && *told_ < last) {
    told_ = std::max(*told_, last - kMostReleases);
    registry::Release before;
    if (*told_ > 0) {
      TM_TRY(before, registry.release(*told_));
    }
    while (*told_ < last) {
      TM_TRY(registry::Release after, registry.release(*told_ + 1));
      tell_of(before, after, now);
      ++*told_;
      before = std::move(after);
    }
  }
  told_ = last;
  if (kept_ == told_) return {};
  TM_CHECK(options_.registry.set_memos(monitoring::kWatchMemos, {{kToldMemo, std::to_string(last)}}));
  kept_ = told_;
  return {};
}

void ChampionMoves::tell_of(const registry::Release& before, const registry::Release& after,
                            Instant now) const {
  const std::string why = after.note.empty() ? fmt::format("run {}", after.run) : after.note;
  for (const auto& [model, alias, deployment] : served_) {
    const int was = version_of(before, model, alias), is = version_of(after, model, alias);
    if (was == is) continue;
    const std::string named = is == 0 ? "no version" : fmt::format("version {}", is);
    const std::string instead = was == 0 ? "" : fmt::format(", it was version {}", was);
    Event event;
    event.kind = is == 0 || goes_back(after) ? Event::Kind::RolledBack : Event::Kind::Promoted;
    event.at = now;
    event.text = fmt::format("{}@{} is {}{}: {}", model, alias, named, instead, why);
    event.details = {{"model", model},
                     {"alias", alias},
                     {"version", or_null(is)},
                     {"before", or_null(was)},
                     {"deployment", or_null(deployment)},
                     {"release", after.id},
                     {"run", or_null(after.run)},
                     {"reason", why},
                     {"since", to_text(after.made_at)}};
    event.key = fmt::format("release {} {}@{} {}", after.id, model, alias, after.made_at.micros);
    options_.tell(event);
  }
}

}  // namespace tidemill::app
