#include "monitoring/forgotten_keys.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.hpp"
#include "monitoring/column_rules.hpp"

namespace tidemill::monitoring {

namespace {

constexpr std::string_view kFile = "forgotten.json";

size_t place_of(const LogTable& table, std::string_view name) {
  const auto found = std::ranges::find(table.columns, name, &engine::GivenColumn::name);
  return static_cast<size_t>(found - table.columns.begin());
}

template <class T>
void keep(std::vector<T>& values, const std::vector<bool>& kept) {
  if (values.empty()) return;
  size_t to = 0;
  for (size_t r = 0; r < kept.size(); ++r)
    if (kept[r]) {
      if (to != r) values[to] = std::move(values[r]);
      ++to;
    }
  values.resize(to);
}

}  // namespace

Result<ForgottenKeys> ForgottenKeys::read(const Path& folder) {
  std::error_code ignored;
  const Path file = folder / kFile;
  if (!std::filesystem::exists(file, ignored)) return ForgottenKeys(file, {});
  TM_TRY(Secret secret, hash_key(folder.parent_path().parent_path()));
  TM_TRY(const std::string text, read_file(file));
  const auto json = parse_json(text, file.native());
  ForgottenKeys keys(file, std::move(secret));
  const auto bad = [&] {
    return data_error("log.bad_forgotten", "it does not say whose rows are to be left out", {file.native()},
                      "put it back from a backup; or remove it, and forget those again who asked for it");
  };
  if (!json || !json->is_object()) return bad();
  for (const auto& [hash, until] : json->items()) {
    if (!until.is_number_integer()) return bad();
    keys.until_[hash] = {until.get<int64_t>()};
  }
  return keys;
}

Result<void> ForgottenKeys::add(const std::string& key, Instant until, Duration retain) {
  if (secret_.empty()) {
    TM_TRY(secret_, hash_key(file_.parent_path().parent_path().parent_path()));
  }
  until_[hashed(secret_, key)] = until;
  std::erase_if(until_, [&](const auto& each) { return each.second.micros + retain.micros < until.micros; });
  Json json = Json::object();
  for (const auto& [hash, at] : until_) json[hash] = at.micros;
  return write_file(file_, to_text(json) + "\n");
}

bool ForgottenKeys::has(const std::string& key, Instant at) const {
  const auto found = until_.find(hashed(secret_, key));
  return found != until_.end() && at <= found->second;
}

size_t ForgottenKeys::remove_from(LogTable& table) const {
  if (empty()) return 0;
  const engine::GivenValues& keys = table.values[place_of(table, "key")];
  const engine::GivenValues& times = table.values[place_of(table, "time")];
  std::vector<bool> kept(table.rows);
  size_t left = 0;
  for (size_t r = 0; r < table.rows; ++r) {
    kept[r] = keys.missing[r] != 0 || !has(keys.texts[r], {times.wholes[r]});
    left += kept[r] ? 1 : 0;
  }
  const size_t removed = table.rows - left;
  if (removed == 0) return 0;
  for (engine::GivenValues& values : table.values) {
    keep(values.missing, kept);
    keep(values.reals, kept);
    keep(values.texts, kept);
    keep(values.wholes, kept);
  }
  table.rows = left;
  return removed;
}

size_t ForgottenKeys::rows_of(const std::string& key, const LogTable& table) const {
  const engine::GivenValues& keys = table.values[place_of(table, "key")];
  const engine::GivenValues& times = table.values[place_of(table, "time")];
  size_t found = 0;
  for (size_t r = 0; r < table.rows; ++r)
    if (keys.missing[r] == 0 && keys.texts[r] == key && has(key, {times.wholes[r]})) ++found;
  return found;
}

}  // namespace tidemill::monitoring
