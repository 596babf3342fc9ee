// The description against the loader, the schema, the reference page and the example that has every key.
#include <functional>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "project/form.hpp"
#include "project/load.hpp"
#include "project/testdata.hpp"

namespace tidemill::project {

namespace {

std::string full_text() { return read_file(testdata("full") / "tidemill.yaml").value(); }

/// YAML in flow style that parse_yaml reads back as the same tree.
std::string written(const YamlNode& node) {
  const auto quoted = [](const std::string& text) { return to_text(Json(text)); };
  switch (node.kind) {
    case YamlNode::Kind::Null:
      return "~";
    case YamlNode::Kind::Scalar:
      return node.plain && scalar_type(node) != ScalarType::Text ? node.text : quoted(node.text);
    case YamlNode::Kind::List: {
      std::string text = "[";
      for (const YamlNode& item : node.items) text += (text.size() > 1 ? ", " : "") + written(item);
      return text + "]";
    }
    case YamlNode::Kind::Map:
      break;
  }
  std::string text = "{";
  for (const YamlEntry& entry : node.entries)
    text +=
        fmt::format("{}{}: {}", text.size() > 1 ? ",\n " : "", quoted(entry.key.text), written(entry.value));
  return text + "}";
}

/// What the loader makes of a tree: its JSON without what every change of the file changes, or its errors.
std::string outcome(const YamlNode& tree) {
  auto project = load_text(written(tree), testdata("full"), {});
  if (!project) {
    std::string text = "errors\n";
    for (const Error& error : project.error()) text += error.code + " " + error.message + "\n";
    return text;
  }
  Json json = to_json(*project);
  json.erase("fingerprint");
  return to_text(json);
}

/// Every node below, the root left out.
void each_slot(YamlNode& node, const std::function<void(YamlNode& parent, size_t index)>& visit) {
  for (size_t i = 0; i < node.items.size(); ++i) visit(node, i), each_slot(node.items[i], visit);
  for (size_t i = 0; i < node.entries.size(); ++i) visit(node, i), each_slot(node.entries[i].value, visit);
}

void remove(YamlNode& parent, size_t index) {
  if (parent.is_list())
    parent.items.erase(parent.items.begin() + static_cast<long>(index));
  else
    parent.entries.erase(parent.entries.begin() + static_cast<long>(index));
}

/// The keys of the description that a tree uses: "object.key".
void collect(const Form& form, const YamlNode& node, std::set<std::string>& used) {
  if (form.item)
    for (const YamlNode& item : node.items) collect(*form.item, item, used);
  for (const YamlEntry& entry : node.entries) {
    if (form.values) collect(*form.values, entry.value, used);
    const Key* key = form.object == nullptr ? nullptr : form.object->find(entry.key.text);
    if (key == nullptr) continue;
    used.insert(form.object->name + "." + key->name);
    collect(key->form, entry.value, used);
  }
}

}  // namespace

TEST(Description, the_full_example_uses_every_key) {
  const auto tree = parse_yaml(full_text(), "tidemill.yaml");
  ASSERT_TRUE(tree);
  std::set<std::string> used;
  collect(object(project_object()), *tree, used);
  for (const Object* known : all_objects())
    for (const Key& key : known->keys)
      EXPECT_TRUE(used.contains(known->name + "." + key.name)) << known->name << "." << key.name;
}

TEST(Description, every_value_of_the_full_example_is_read) {
  set_test_variables();
  auto tree = parse_yaml(full_text(), "tidemill.yaml");
  ASSERT_TRUE(tree);
  const std::string whole = outcome(*tree);
  ASSERT_FALSE(whole.starts_with("errors")) << whole;
  size_t slots = 0;
  each_slot(*tree, [&](YamlNode&, size_t) { ++slots; });
  for (size_t target = 0; target < slots; ++target) {
    YamlNode changed = *tree;
    size_t at = 0;
    std::string removed;
    bool in_environments = false;
    each_slot(changed, [&](YamlNode& parent, size_t index) {
      if (at++ != target) return;
      removed = parent.is_map() ? parent.entries[index].key.text : written(parent.items[index]);
      const int line = parent.is_map() ? parent.entries[index].key.line : parent.items[index].line;
      in_environments = line >= tree->find("environments")->line;
    });
    if (in_environments) continue;  // nothing is read of an environment that is not chosen
    at = 0;
    std::function<bool(YamlNode&)> remove_it = [&](YamlNode& node) {
      const size_t count = node.items.size() + node.entries.size();
      for (size_t i = 0; i < count; ++i) {
        if (at++ == target) {
          remove(node, i);
          return true;
        }
        if (remove_it(node.is_list() ? node.items[i] : node.entries[i].value)) return true;
      }
      return false;
    };
    ASSERT_TRUE(remove_it(changed));
    static const std::set<std::string> standard{"algorithm", "reference", "severity",     "overlap",
                                                "catchup",   "sample",    "environments", "on_fail"};
    if (standard.contains(removed)) continue;  // says what is the default anyway, in some places
    EXPECT_TRUE(outcome(changed) != whole) << "nothing changes without " << removed << ", node " << target;
  }
}

TEST(Description, mutations_never_crash_and_every_error_has_a_place) {
  set_test_variables();
  const YamlNode tree = parse_yaml(full_text(), "tidemill.yaml").value();
  const bool ok = rc::check("mutations", [&] {
    YamlNode changed = tree;
    const int mutations = *rc::gen::inRange(1, 6);
    for (int i = 0; i < mutations; ++i) {
      std::vector<std::pair<YamlNode*, size_t>> slots;
      each_slot(changed, [&](YamlNode& parent, size_t index) { slots.emplace_back(&parent, index); });
      if (slots.empty()) break;
      const auto [parent, index] = slots[*rc::gen::inRange<size_t>(0, slots.size())];
      YamlNode& node = parent->is_list() ? parent->items[index] : parent->entries[index].value;
      switch (*rc::gen::inRange(0, 6)) {
        case 0:
          remove(*parent, index);
          break;
        case 1:
          if (parent->is_list())
            parent->items.push_back(YamlNode(node));
          else
            parent->entries.push_back(YamlEntry(parent->entries[index]));
          break;
        case 2:
          if (parent->is_map())
            parent->entries[index].key.text = *rc::gen::element<std::string>("", "x", "name", "min", "checks",
                                                                             "path", "é ü", "${env:HOME}");
          break;
        case 3: {
          const std::string text = *rc::gen::element<std::string>(
              "", "7", "-1", "1e999", "true", "~", "x", "1%", "9999999999999999999999", "${", "${param:x}",
              "${x}", "a@b@c", "5d", "[", "99999999999w");
          node = YamlNode{YamlNode::Kind::Scalar, text, text};
          node.plain = *rc::gen::arbitrary<bool>();
          break;
        }
        case 4: {
          YamlNode list{YamlNode::Kind::List};
          list.items.push_back(node);
          node = list;
          break;
        }
        default: {
          YamlNode map{YamlNode::Kind::Map};
          YamlNode key{YamlNode::Kind::Scalar, "min", "min"};
          map.entries.push_back({key, node});
          node = map;
        }
      }
    }
    LoadOptions options;
    options.environment = *rc::gen::element<std::string>("", "dev", "prod");
    const auto project = load_text(written(changed), testdata("full"), options);
    if (project) {
      RC_ASSERT(!to_text(to_json(*project)).empty());
      return;
    }
    RC_ASSERT(!project.error().empty());
    for (const Error& error : project.error()) {
      RC_ASSERT(error.where.line > 0);
      RC_ASSERT(error.where.column > 0);
      RC_ASSERT(error.code.starts_with("project."));
      RC_ASSERT(!error.message.empty());
    }
  });
  EXPECT_TRUE(ok);
}

TEST(Description, the_schema_has_every_key_with_its_sentence) {
  const Json schema = json_schema();
  EXPECT_EQ(schema.at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  for (const Object* known : all_objects()) {
    std::string name = known->name;
    std::replace(name.begin(), name.end(), ' ', '_');
    const Json& definition = known == &project_object() ? schema : schema.at("$defs").at(name);
    EXPECT_EQ(definition.at("additionalProperties"), false);
    EXPECT_EQ(definition.at("properties").size(), known->keys.size()) << name;
    for (const Key& key : known->keys) {
      EXPECT_TRUE(
          definition.at("properties").at(key.name).at("description").get<std::string>().starts_with(key.doc));
      EXPECT_TRUE(key.doc.ends_with('.')) << name << "." << key.name;
    }
  }
}

TEST(Description, every_reference_in_the_schema_resolves) {
  const Json schema = json_schema();
  std::function<void(const Json&)> walk = [&](const Json& value) {
    if (value.is_object() && value.contains("$ref") && value["$ref"].is_string()) {
      const Json::json_pointer target(value["$ref"].get<std::string>().substr(1));
      EXPECT_TRUE(schema.contains(target)) << value["$ref"];
    }
    if (value.is_structured())
      for (const Json& below : value) walk(below);
  };
  walk(schema);
}

TEST(Description, groups_and_dependences_name_known_keys) {
  std::set<std::string> names;
  for (const Object* known : all_objects()) {
    EXPECT_TRUE(names.insert(known->name).second) << known->name;
    std::set<std::string> keys;
    for (const Key& key : known->keys)
      EXPECT_TRUE(keys.insert(key.name).second) << known->name << "." << key.name;
    for (const auto& groups : {known->at_most_one, known->at_least_one})
      for (const auto& group : groups)
        for (const std::string& key : group) EXPECT_TRUE(keys.contains(key)) << known->name << "." << key;
    for (const Dependence& need : known->needs) {
      EXPECT_TRUE(keys.contains(need.key)) << known->name << "." << need.key;
      for (const std::string& other : need.others)
        EXPECT_TRUE(keys.contains(other)) << known->name << "." << other;
    }
  }
}

TEST(Description, check_kinds_are_those_that_the_description_has) {
  std::set<std::string> described;
  for (const Object* known : all_objects())
    if (known->name.ends_with(" check") && known->name != "freshness check")
      described.insert(known->at_least_one.at(0).begin(), known->at_least_one.at(0).end());
  EXPECT_EQ(described, std::set<std::string>(check_kinds().begin(), check_kinds().end()));
}

TEST(Description, the_reference_page_is_the_committed_one) {
  const Path page = Path(TIDEMILL_ROOT) / "docs/reference/project-file.md";
  if (std::getenv("TIDEMILL_ACCEPT") != nullptr) {
    ASSERT_TRUE(make_folder(page.parent_path()));
    ASSERT_TRUE(write_file(page, reference_markdown()));
  }
  EXPECT_TRUE(read_file(page).value_or("") == reference_markdown())
      << "docs/reference/project-file.md is not what `tidemill schema --markdown` prints";
}

}  // namespace tidemill::project
