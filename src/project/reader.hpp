// Typed reads from a tree that has been validated. Mistakes were reported there: what does not fit reads as
// if it were absent, so that what depends on other values can still be checked. Every key read must be in the
// description.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "project/form.hpp"
#include "project/problems.hpp"

namespace tidemill::project {

class Reader {
 public:
  /// node may be null or of another kind: all is absent then.
  Reader(const YamlNode* node, const Object& description, Place place);

  const Place& place() const { return place_; }
  const Object& description() const { return *description_; }
  bool has(const std::string& key) const { return node(key) != nullptr; }
  /// Null when absent.
  const YamlNode* node(const std::string& key) const;
  /// The place of the key's value; the object's own when it is absent.
  Place place_of(const std::string& key) const;

  /// Of each text under these keys, which are one or a list or a map (names and values): "key text" → where
  /// it stands.
  std::map<std::string, Place> places_of(std::initializer_list<const char*> keys) const;

  std::string text(const std::string& key, std::string standard = {}) const;
  std::vector<std::string> texts(const std::string& key) const;  // one or a list
  std::map<std::string, std::string> text_map(const std::string& key) const;
  std::optional<bool> boolean(const std::string& key) const;
  std::optional<int64_t> integer(const std::string& key) const;
  std::optional<double> number(const std::string& key) const;
  std::optional<double> share(const std::string& key) const;
  std::optional<Duration> duration(const std::string& key) const;
  Json json(const std::string& key) const;
  /// The object that the key's form describes.
  Reader object(const std::string& key) const;

  /// Of a map of names to objects: each name once, with the place of its key, called "noun name".
  void each(const std::string& key,
            const std::function<void(const std::string& name, const YamlNode& value, const Place& place)>&
                visit) const;

 private:
  const YamlNode* node_;
  const Object* description_;
  Place place_;
};

std::optional<std::string> text_of(const YamlNode& node);
std::optional<Duration> duration_of(const YamlNode& node);

}  // namespace tidemill::project
