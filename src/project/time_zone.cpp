#include "project/time_zone.hpp"

#include <algorithm>
#include <array>
#include <system_error>
#include <vector>

namespace tidemill::project {

namespace {

constexpr std::array<std::string_view, 3> kOtherTrees{"posix", "right", "Etc"};
constexpr size_t kMaxZones = 5'000;

bool well_formed(std::string_view name) {
  return !name.empty() && name.size() < 64 && name[0] != '/' && name.find("..") == std::string_view::npos &&
         std::all_of(
             name.begin(), name.end(),
             [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '+' || c == '/';
             });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::vector<std::string> all_zones(const Path& zones) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = std::filesystem::recursive_directory_iterator(zones, error);
       !error && it != std::filesystem::recursive_directory_iterator() && names.size() < kMaxZones;
       it.increment(error)) {
    const std::string name = it->path().lexically_relative(zones).native();
    if (std::find(kOtherTrees.begin(), kOtherTrees.end(), name) != kOtherTrees.end())
      it.disable_recursion_pending();
    else if (name[0] >= 'A' && name[0] <= 'Z' && it->is_regular_file(error))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool is_time_zone(std::string_view name, const Path& zones) {
  if (!well_formed(name)) return false;
  std::error_code error;
  if (name == "UTC" || !std::filesystem::is_directory(zones, error)) return true;
  return name[0] >= 'A' && name[0] <= 'Z' && std::filesystem::is_regular_file(zones / name, error);
}

std::string nearest_time_zone(std::string_view name, const Path& zones) {
  const std::vector<std::string> names = all_zones(zones);
  std::vector<std::string> small;
  for (const std::string& zone : names) {
    small.push_back(lower(zone));
    // "New_York" and "new york" mean the city
    if (const size_t slash = zone.rfind('/');
        slash != std::string::npos && lower(zone.substr(slash + 1)) == lower(name))
      return zone;
  }
  const std::string found = nearest(lower(name), small);
  for (size_t i = 0; i < names.size(); ++i)
    if (small[i] == found) return names[i];
  return {};
}

}  // namespace tidemill::project
