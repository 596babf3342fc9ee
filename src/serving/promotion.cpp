#include "serving/promotion.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "forest/package.hpp"

namespace tidemill::serving {

namespace {

std::vector<std::string> differences(const forest::Package& before, const forest::Package& after) {
  std::vector<std::string> out;
  if (after.task != before.task)
    out.push_back(
        fmt::format("its task is {} and was {}", forest::to_text(after.task), forest::to_text(before.task)));
  const auto kind = [](const forest::Feature& feature) { return feature.category ? "text" : "a number"; };
  for (const forest::Feature& feature : after.features) {
    const auto was = std::ranges::find(before.features, feature.name, &forest::Feature::name);
    if (was != before.features.end() && was->category != feature.category)
      out.push_back(fmt::format("feature '{}' is {} and was {}", feature.name, kind(feature), kind(*was)));
  }
  return out;
}

}  // namespace

Result<void> check_keeps_callers(const registry::Registry& registry, const Promotion& wanted) {
  const auto read = [&](const std::string& object) { return registry.read_object(object); };
  const auto now = registry.version(wanted.model, wanted.alias);
  const auto next = registry.version(wanted.model, std::to_string(wanted.version));
  if (!now || !next || now->number == next->number) return {};
  const auto before = forest::load_package(now->package, read);
  const auto after = forest::load_package(next->package, read);
  if (!before || !after) return {};
  const std::vector<std::string> differ = differences(*before, *after);
  if (differ.empty()) return {};
  return user_error(
      "serving.breaks_callers",
      fmt::format("version {} of {} would break the callers of version {}, which is {}@{}: {}", next->number,
                  wanted.model, now->number, wanted.model, wanted.alias, fmt::join(differ, "; ")));
}

}  // namespace tidemill::serving
