// The description as a page of the documentation: docs/reference/project-file.md.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "project/form.hpp"

namespace tidemill::project {

namespace {

std::string anchor(const Object& object) {
  std::string text = object.name;
  for (char& c : text)
    if (c == ' ') c = '-';
  return text;
}

std::string in_cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.replace(at, 1, "\\|");
  return text;
}

/// As describe(), but with links to the sections of objects.
std::string values_of(const Form& form) {
  std::vector<std::string> parts;
  for (const Scalar& scalar : form.scalars)
    parts.push_back(scalar.kind == Scalar::Kind::Metric ? "a [metric](#metrics)" : describe(scalar));
  if (form.item) {
    const bool same = form.scalars.size() == 1 && form.item->scalars.size() == 1 &&
                      form.item->scalars[0].kind == form.scalars[0].kind && form.item->object == nullptr;
    parts.push_back(same ? "a list of them" : "a list; each: " + values_of(*form.item));
  }
  if (form.object != nullptr && !form.object->keys.empty())
    parts.push_back(fmt::format("[{}](#{})", form.object->name, anchor(*form.object)));
  if (form.object != nullptr && form.object->keys.empty()) parts.push_back("nothing");
  if (form.values) parts.push_back(fmt::format("{} names, each: {}", form.noun, values_of(*form.values)));
  return fmt::format("{}", fmt::join(parts, ", or "));
}

std::string section(const Object& object) {
  std::string text = fmt::format("## {}\n\n{}\n\n", object.name, object.doc);
  if (!object.example.empty()) text += fmt::format("```yaml\n{}\n```\n\n", object.example);
  text += "| key | what | value | default |\n|---|---|---|---|\n";
  for (const Key& key : object.keys) {
    const std::string standard = key.need == Key::Need::Required ? "**required**" : key.standard;
    text += fmt::format("| `{}` | {} | {} | {} |\n", key.name, in_cell(key.doc), in_cell(values_of(key.form)),
                        in_cell(standard));
  }
  for (const auto& group : object.at_least_one) {
    bool exactly = false;
    for (const auto& other : object.at_most_one) exactly = exactly || other == group;
    text +=
        fmt::format("\n{} of `{}`.\n", exactly ? "Exactly one" : "At least one", fmt::join(group, "`, `"));
  }
  for (const auto& group : object.at_most_one) {
    bool exactly = false;
    for (const auto& other : object.at_least_one) exactly = exactly || other == group;
    if (!exactly) text += fmt::format("\nAt most one of `{}`.\n", fmt::join(group, "`, `"));
  }
  for (const Dependence& need : object.needs)
    text += fmt::format("\n`{}` needs `{}`: {}.\n", need.key, fmt::join(need.others, "` or `"), need.hint);
  if (!object.alone.empty()) text += fmt::format("\n`{}: true` stands alone.\n", object.alone);
  return text + "\n";
}

}  // namespace

std::string reference_markdown() {
  std::string text =
      "# The project file\n\n"
      "`tidemill.yaml` says what a project is made of. This page is printed by `tidemill schema --markdown`; "
      "`tidemill schema`\n"
      "prints the same as a JSON Schema, with which editors complete and check the file. Every mistake is "
      "reported at once, each\n"
      "with its place; keys and names that are not known are never passed over.\n\n";
  for (const Object* object : all_objects())
    if (!object->keys.empty()) text += section(*object);
  text += fmt::format("## metrics\n\nBinary, multiclass and regression: `{}`.\n",
                      fmt::join(metric_names(), "`, `"));
  return text;
}

}  // namespace tidemill::project
