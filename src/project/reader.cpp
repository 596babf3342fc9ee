#include "project/reader.hpp"

#include <cassert>
#include <set>

#include <fmt/format.h>

namespace tidemill::project {

std::optional<std::string> text_of(const YamlNode& node) {
  if (!node.is_scalar() || node.deferred) return std::nullopt;
  return node.text;
}

std::optional<Duration> duration_of(const YamlNode& node) {
  const auto text = text_of(node);
  if (!text) return std::nullopt;
  const auto duration = parse_duration(*text);
  return duration ? std::optional(*duration) : std::nullopt;
}

Reader::Reader(const YamlNode* node, const Object& description, Place place)
    : node_(node != nullptr && node->is_map() ? node : nullptr),
      description_(&description),
      place_(std::move(place)) {}

const YamlNode* Reader::node(const std::string& key) const {
  assert(description_->find(key) != nullptr);
  return node_ == nullptr ? nullptr : node_->find(key);
}

Place Reader::place_of(const std::string& key) const {
  const YamlNode* found = node(key);
  if (found == nullptr) return place_;
  Place place = place_;
  place.line = found->line;
  place.column = found->column;
  return place;
}

std::map<std::string, Place> Reader::places_of(std::initializer_list<const char*> keys) const {
  std::map<std::string, Place> places;
  for (const char* key : keys) {
    const YamlNode* found = node(key);
    if (found == nullptr) continue;
    const auto note = [&](const YamlNode& name) {
      const auto text = text_of(name);
      if (!text) return;
      Place place = place_;
      place.line = name.line;
      place.column = name.column;
      places.emplace(fmt::format("{} {}", key, *text), std::move(place));
    };
    note(*found);
    for (const YamlNode& item : found->items) note(item);
    for (const YamlEntry& entry : found->entries) {
      note(entry.key);
      note(entry.value);
    }
  }
  return places;
}

std::string Reader::text(const std::string& key, std::string standard) const {
  const YamlNode* found = node(key);
  if (found == nullptr) return standard;
  return text_of(*found).value_or(std::move(standard));
}

std::vector<std::string> Reader::texts(const std::string& key) const {
  const YamlNode* found = node(key);
  std::vector<std::string> all;
  if (found == nullptr) return all;
  if (const auto one = text_of(*found)) all.push_back(*one);
  for (const YamlNode& item : found->items)
    if (const auto one = text_of(item)) all.push_back(*one);
  return all;
}

std::map<std::string, std::string> Reader::text_map(const std::string& key) const {
  const YamlNode* found = node(key);
  std::map<std::string, std::string> all;
  if (found == nullptr) return all;
  for (const YamlEntry& entry : found->entries)
    if (const auto one = text_of(entry.value)) all.emplace(entry.key.text, *one);
  return all;
}

std::optional<bool> Reader::boolean(const std::string& key) const {
  const YamlNode* found = node(key);
  return found == nullptr ? std::nullopt : truth_of(*found);
}

std::optional<int64_t> Reader::integer(const std::string& key) const {
  const YamlNode* found = node(key);
  return found == nullptr ? std::nullopt : parse_integer(*found);
}
std::optional<double> Reader::number(const std::string& key) const {
  const YamlNode* found = node(key);
  return found == nullptr ? std::nullopt : parse_number(*found);
}
std::optional<double> Reader::share(const std::string& key) const {
  const YamlNode* found = node(key);
  return found == nullptr ? std::nullopt : parse_share(*found);
}
std::optional<Duration> Reader::duration(const std::string& key) const {
  const YamlNode* found = node(key);
  return found == nullptr ? std::nullopt : duration_of(*found);
}

Json Reader::json(const std::string& key) const {
  const YamlNode* found = node(key);
  return found == nullptr || found->is_null() ? Json::object() : to_json(*found, Secrets::Values);
}

Reader Reader::object(const std::string& key) const {
  const YamlNode* found = node(key);
  const Object* described = description_->find(key)->form.object;
  assert(described != nullptr);
  Place place = place_of(key);
  if (found != nullptr) place.what += (place.what.empty() ? "" : ", ") + key;
  return {found, *described, std::move(place)};
}

void Reader::each(const std::string& key,
                  const std::function<void(const std::string&, const YamlNode&, const Place&)>& visit) const {
  const YamlNode* found = node(key);
  if (found == nullptr || !found->is_map()) return;
  const std::string& noun = description_->find(key)->form.noun;
  std::set<std::string_view> seen;
  for (const YamlEntry& entry : found->entries) {
    if (!seen.insert(entry.key.text).second) continue;
    Place place = place_;
    place.line = entry.key.line;
    place.column = entry.key.column;
    place.what = fmt::format("{}{}{} {}", place.what, place.what.empty() ? "" : ", ", noun, entry.key.text);
    visit(entry.key.text, entry.value, place);
  }
}

}  // namespace tidemill::project
