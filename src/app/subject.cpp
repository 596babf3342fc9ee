#include "app/subject.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/output.hpp"

namespace tidemill::app {

Result<Json> key_from_words(const std::vector<std::string>& columns, const std::vector<std::string>& words) {
  Json key = Json::object();
  if (columns.empty()) return key;
  if (columns.size() == 1 && words.size() == 1 && !words[0].starts_with(columns[0] + "=")) {
    key[columns[0]] = words[0];
    return key;
  }
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    const std::string column = word.substr(0, equals);
    if (equals == word.npos || std::ranges::find(columns, column) == columns.end())
      return user_error("usage.arguments", fmt::format("'{}' is no COLUMN=VALUE of the key", word), {},
                        fmt::format("the key is {}", fmt::join(columns, ", ")));
    key[column] = word.substr(equals + 1);
  }
  return key;
}

std::string holders_text(const monitoring::Forgotten& found) {
  std::string out;
  for (const auto& holder : found.snapshots)
    out += fmt::format("\nstill in {}@{}: {} rows{}", holder.table, holder.snapshot, grouped(holder.rows),
                       holder.is_live ? ", live" : "");
  if (!found.versions.empty()) out += fmt::format("\ntrained on it: {}", fmt::join(found.versions, ", "));
  return out;
}

}  // namespace tidemill::app
