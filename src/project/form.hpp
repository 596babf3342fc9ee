// What a value in the project file may be, as data: one description drives the check of the file, the JSON
// Schema and the reference page, so that they cannot drift apart. The descriptions themselves are in
// describe_*.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "project/scalar.hpp"

namespace tidemill::project {

struct Object;

/// Up to one form each of: a scalar (any of `scalars`), a list of `item`, a map with fixed keys or of names
/// to `values`.
struct Form {
  std::vector<Scalar> scalars;
  std::shared_ptr<const Form> item;
  size_t min_items = 0;
  size_t max_items = kMaxItems;
  const Object* object = nullptr;
  std::shared_ptr<const Form> values;
  std::optional<Scalar> names;  // what the map's names are
  std::string noun;             // "source": what one of the map's entries is called in messages
  bool nullable = false;        // left empty it means the same as {}

  static constexpr size_t kMaxItems = 100'000;
};

struct Key {
  enum class Need { Optional, Required };
  std::string name;
  Form form;
  std::string doc;            // one sentence
  std::string standard = {};  // the default, in words or as it would be written
  Need need = Need::Optional;
};

/// `key` only has a meaning beside one of `others`.
struct Dependence {
  std::string key;
  std::vector<std::string> others;
  std::string hint;
};

struct Object {
  std::string name;  // of its section in the schema and the reference: "source"
  std::string doc;
  std::vector<Key> keys;
  std::vector<std::vector<std::string>> at_most_one;  // of these keys
  std::vector<std::vector<std::string>> at_least_one;
  std::string example = {};
  std::vector<Dependence> needs = {};
  std::string alone = {};  // a key that, when true, stands for all others: none is required, none allowed

  const Key* find(std::string_view key) const;
  std::vector<std::string> key_names() const;
};

// Builders, so that a description reads as a table
Form scalar(Scalar scalar);
Form any_of(Scalar a, Scalar b);
Form list_of(Form item, size_t min_items = 0, size_t max_items = Form::kMaxItems);
Form one_or_list(const Scalar& item);
Form object(const Object& object);
Form map_of(Scalar names, Form values, std::string noun);
/// Either form: their kinds (scalar, list, map) must not overlap, except that scalars add up.
Form either(Form a, Form b);
/// An empty value is allowed.
Form nullable(Form form);

/// "a whole number from 1 to 9, or a list of column names"
std::string describe(const Form& form);

/// The whole file.
const Object& project_object();
/// All objects below `project_object()`, itself first, each once, in the order a reader meets them.
std::vector<const Object*> all_objects();

}  // namespace tidemill::project
