#include "project/form.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace tidemill::project {

const Key* Object::find(std::string_view key) const {
  for (const Key& known : keys)
    if (known.name == key) return &known;
  return nullptr;
}

std::vector<std::string> Object::key_names() const {
  std::vector<std::string> names;
  for (const Key& key : keys) names.push_back(key.name);
  return names;
}

Form scalar(Scalar scalar) {
  Form form;
  form.scalars.push_back(std::move(scalar));
  return form;
}

Form any_of(Scalar a, Scalar b) {
  Form form = scalar(std::move(a));
  form.scalars.push_back(std::move(b));
  return form;
}

Form list_of(Form item, size_t min_items, size_t max_items) {
  Form form;
  form.item = std::make_shared<const Form>(std::move(item));
  form.min_items = min_items;
  form.max_items = max_items;
  return form;
}

Form one_or_list(const Scalar& item) { return either(scalar(item), list_of(scalar(item), 1)); }

Form object(const Object& object) {
  Form form;
  form.object = &object;
  form.nullable = object.at_least_one.empty() &&
                  std::none_of(object.keys.begin(), object.keys.end(),
                               [](const Key& key) { return key.need == Key::Need::Required; });
  return form;
}

Form map_of(Scalar names, Form values, std::string noun) {
  Form form;
  form.names = std::move(names);
  form.values = std::make_shared<const Form>(std::move(values));
  form.noun = std::move(noun);
  form.nullable = true;
  return form;
}

Form either(Form a, Form b) {
  a.scalars.insert(a.scalars.end(), b.scalars.begin(), b.scalars.end());
  if (b.item) {
    a.item = b.item;
    a.min_items = b.min_items;
    a.max_items = b.max_items;
  }
  if (b.object != nullptr) a.object = b.object;
  if (b.values) {
    a.values = b.values;
    a.names = b.names;
    a.noun = b.noun;
  }
  a.nullable = a.nullable || b.nullable;
  return a;
}

Form nullable(Form form) {
  form.nullable = true;
  return form;
}

std::string describe(const Form& form) {
  std::vector<std::string> parts;
  for (const Scalar& scalar : form.scalars) parts.push_back(describe(scalar));
  if (form.item) {
    if (form.item->object != nullptr)
      parts.push_back(fmt::format("a list of {}s", form.item->object->name));
    else if (form.item->scalars.size() == 1 && form.scalars.size() == 1 &&
             form.item->scalars[0].kind == form.scalars[0].kind)
      parts.push_back("a list of them");
    else
      parts.push_back("a list, each item " + describe(*form.item));
  }
  if (form.object != nullptr) {
    std::vector<std::string> names = form.object->key_names();
    constexpr size_t kShown = 8;
    const bool more = names.size() > kShown;
    if (more) names.resize(kShown);
    parts.push_back(fmt::format("a map with {}{}", fmt::join(names, ", "), more ? ", …" : ""));
  }
  if (form.values) parts.push_back(fmt::format("a map of {} names", form.noun));
  return fmt::format("{}", fmt::join(parts, ", or "));
}

namespace {

void collect(const Form& form, std::vector<const Object*>& found, std::set<const Object*>& seen) {
  if (form.object != nullptr && seen.insert(form.object).second) {
    found.push_back(form.object);
    for (const Key& key : form.object->keys) collect(key.form, found, seen);
  }
  if (form.item) collect(*form.item, found, seen);
  if (form.values) collect(*form.values, found, seen);
}

}  // namespace

std::vector<const Object*> all_objects() {
  std::vector<const Object*> found;
  std::set<const Object*> seen;
  collect(object(project_object()), found, seen);
  return found;
}

}  // namespace tidemill::project
