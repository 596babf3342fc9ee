#include "pipeline/sample.hpp"

#include <cmath>

#include <fmt/format.h>

#include "engine/database.hpp"
#include "quality/quality.hpp"

namespace tidemill::pipeline {

namespace {

constexpr int64_t kBuckets = 1'000'000;

bool points_at(const project::Source& source, const std::string& table) {
  const auto checks = quality::checks_of(source);
  return std::any_of(checks.begin(), checks.end(), [&](const project::Check& check) {
    return check.kind == "relationships" && check.arguments.value("table", "") == table;
  });
}

}  // namespace

std::optional<double> sample_of(const project::Project& project, const project::Source& source) {
  if (!project.sample || source.key.empty()) return std::nullopt;
  for (const auto& [name, other] : project.sources)
    if (name != source.name && points_at(other, source.name)) return std::nullopt;
  return project.sample;
}

std::string sampled(const std::string& select, const project::Source& source, std::optional<double> share) {
  if (!share) return select;
  std::string keys;
  for (const std::string& key : source.key) keys += (keys.empty() ? "" : ", ") + engine::quote_name(key);
  return fmt::format("SELECT * FROM ({}) WHERE hash({}) % {} < {}", select, keys, kBuckets,
                     static_cast<int64_t>(std::llround(*share * static_cast<double>(kBuckets))));
}

}  // namespace tidemill::pipeline
