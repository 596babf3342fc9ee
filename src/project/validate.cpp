#include "project/validate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tidemill::project {

namespace {

constexpr size_t kMaxSeen = 80;

std::string shortened(const std::string& text) {
  if (text.size() <= kMaxSeen) return text;
  std::string out(text, 0, kMaxSeen);
  return out += "…";
}

std::string extended(const std::string& what, const std::string& more) {
  return what.empty() ? more : what + ", " + more;
}

/// What is checked: the node, the key it stands under (the place for what is missing in it), and what the
/// user calls it.
struct Subject {
  const YamlNode& node;
  const YamlNode& at;
  std::string what;
  std::string label;
};

class Validator {
 public:
  Validator(Problems& problems, std::vector<Mention>& mentions) : problems_(problems), mentions_(mentions) {}

  void check(const Form& form, const Subject& subject) {
    const YamlNode& node = subject.node;
    if (node.deferred) return;
    switch (node.kind) {
      case YamlNode::Kind::Null:
        return check_null(form, subject);
      case YamlNode::Kind::Scalar:
        return check_scalar(form, subject);
      case YamlNode::Kind::List:
        return check_list(form, subject);
      case YamlNode::Kind::Map:
        break;
    }
    if (form.object != nullptr) return check_object(*form.object, subject);
    if (form.values) return check_map(form, subject);
    wrong_type("a map", form, subject);
  }

  void check_object(const Object& object, const Subject& subject) {
    const std::vector<std::string> known = object.key_names();
    check_doubles(subject);
    const bool alone = stands_alone(object, subject);
    std::set<std::string> meant;  // known keys that unknown ones look like: not reported as missing too
    bool unknown = false;
    for (const YamlEntry& entry : subject.node.entries) {
      const Key* key = object.find(entry.key.text);
      if (key == nullptr) {
        Error& error =
            problems_.add("project.unknown_key", fmt::format("unknown key '{}'", shortened(entry.key.text)),
                          entry.key, subject.what);
        error.expected = fmt::format("{}", fmt::join(known, ", "));
        error.hint = did_you_mean(entry.key.text, known);
        meant.insert(nearest(entry.key.text, known));
        unknown = true;
        continue;
      }
      const bool is_check_kind = object.name.ends_with("check");
      const bool names_itself = key->form.object == nullptr || is_check_kind;
      check(key->form,
            {entry.value, entry.key, names_itself ? subject.what : extended(subject.what, key->name),
             fmt::format("`{}`", key->name)});
    }
    for (const Key& key : object.keys)
      if (key.need == Key::Need::Required && !alone && subject.node.find(key.name) == nullptr &&
          !meant.contains(key.name)) {
        Error& error = problems_.add("project.missing_key", fmt::format("`{}` is missing", key.name),
                                     subject.at, subject.what);
        error.expected = describe(key.form);
        error.hint = key.doc;
      }
    check_needs(object, subject, meant);
    check_exclusive(object, subject);
    if (!unknown) check_one_of(object, subject);
  }

 private:
  /// Whether the key that stands for all others is true; what stands beside it is a mistake.
  bool stands_alone(const Object& object, const Subject& subject) {
    const YamlNode* said = object.alone.empty() ? nullptr : subject.node.find(object.alone);
    if (said == nullptr || !truth_of(*said).value_or(false)) return false;
    for (const YamlEntry& entry : subject.node.entries)
      if (entry.key.text != object.alone && object.find(entry.key.text) != nullptr)
        problems_
            .add("project.exclusive_keys",
                 fmt::format("`{}` and `{}: true` exclude each other", entry.key.text, object.alone),
                 entry.key, subject.what)
            .hint = object.find(object.alone)->doc;
    return true;
  }

  Error& wrong_type(std::string_view seen, const Form& form, const Subject& subject) {
    Error& error = problems_.add("project.wrong_type", fmt::format("{} is {}", subject.label, seen),
                                 subject.node, subject.what);
    error.expected = describe(form);
    return error;
  }

  void check_null(const Form& form, const Subject& subject) {
    if (form.nullable) return;
    for (const Scalar& scalar : form.scalars)
      if (scalar.kind == Scalar::Kind::Value) return;
    Error& error = problems_.add("project.wrong_type", fmt::format("{} is empty", subject.label),
                                 subject.node, subject.what);
    error.expected = describe(form);
  }

  void check_scalar(const Form& form, const Subject& subject) {
    const YamlNode& node = subject.node;
    std::optional<Misfit> worst;
    for (const Scalar& scalar : form.scalars) {
      std::optional<Misfit> found = misfit(scalar, node);
      if (!found) {
        mention(scalar, node, subject.what);
        return;
      }
      if (!worst || worst->code == "project.wrong_type") worst = std::move(found);
    }
    if (!worst) {
      Error& error = wrong_type("a single value", form, subject);
      error.seen = shortened(node.shown);
      if (form.item) error.hint = fmt::format("put it in brackets: [{}]", shortened(node.shown));
      return;
    }
    // A kind of check that stands as a bare word but needs arguments
    if (form.object != nullptr && form.object->find(node.text) != nullptr) {
      Error& error = problems_.add("project.missing_key", fmt::format("`{}` needs its arguments", node.text),
                                   node, subject.what);
      error.expected = describe(form.object->find(node.text)->form);
      error.hint = fmt::format("write {{{}: …}}", node.text);
      return;
    }
    const bool says_itself = worst->code != "project.wrong_type";
    Error& error = problems_.add(
        worst->code, fmt::format("{}{} {}", subject.label, says_itself ? ":" : "", worst->message), node,
        subject.what);
    if (!says_itself) error.seen = shortened(node.shown);
    error.expected = describe(form);
    error.hint = worst->hint;
    // A bare number where a share or a span may stand could be either.
    const bool span = std::ranges::any_of(
        form.scalars, [](const Scalar& scalar) { return scalar.kind == Scalar::Kind::Duration; });
    if (span && form.scalars.size() > 1 && says_itself && error.hint == fmt::format("write {}%", node.shown))
      error.hint = fmt::format("write {0}d for a span, {0}% for a share", node.shown);
    if (form.object != nullptr && error.hint.empty())
      error.hint = did_you_mean(node.text, form.object->key_names());
  }

  void mention(const Scalar& scalar, const YamlNode& node, const std::string& what) {
    using Kind = Scalar::Kind;
    if (scalar.kind == Kind::Reference || scalar.kind == Kind::ModelReference ||
        scalar.kind == Kind::TableColumn || scalar.kind == Kind::Selector)
      mentions_.push_back({&node, scalar, what});
  }

  void check_list(const Form& form, const Subject& subject) {
    if (!form.item) {
      wrong_type("a list", form, subject);
      return;
    }
    const size_t count = subject.node.items.size();
    if (count < form.min_items || count > form.max_items) {
      Error& error = problems_.add("project.bad_value", fmt::format("{} has {} items", subject.label, count),
                                   subject.node, subject.what);
      error.expected = form.min_items == form.max_items ? fmt::format("{} items", form.min_items)
                       : count < form.min_items         ? fmt::format("{} or more", form.min_items)
                                                        : fmt::format("at most {}", form.max_items);
    }
    const Object* object = form.item->object;
    const bool numbered = object != nullptr && !object->name.ends_with("check");
    for (size_t i = 0; i < std::min(count, form.max_items); ++i) {
      const YamlNode& item = subject.node.items[i];
      check(*form.item,
            {item, item,
             numbered ? extended(subject.what, fmt::format("{} {}", object->name, i + 1)) : subject.what,
             fmt::format("item {} of {}", i + 1, subject.label)});
    }
  }

  void check_map(const Form& form, const Subject& subject) {
    check_doubles(subject);
    for (const YamlEntry& entry : subject.node.entries) {
      const std::string what =
          extended(subject.what, fmt::format("{} {}", form.noun, shortened(entry.key.text)));
      YamlNode name;
      name.kind = YamlNode::Kind::Scalar;
      name.text = name.shown = entry.key.text;
      if (const auto found = misfit(*form.names, name)) {
        Error& error = problems_.add(found->code, found->message, entry.key, subject.what);
        error.expected = describe(*form.names);
        error.hint = found->hint;
      } else {
        mention(*form.names, entry.key, subject.what);
      }
      check(*form.values, {entry.value, entry.key, what, fmt::format("`{}`", shortened(entry.key.text))});
    }
  }

  void check_doubles(const Subject& subject) {
    std::map<std::string_view, const YamlNode*> first;
    for (const YamlEntry& entry : subject.node.entries) {
      const auto [it, is_new] = first.emplace(entry.key.text, &entry.key);
      if (is_new) continue;
      Error& error =
          problems_.add("project.duplicate_key",
                        fmt::format("the key '{}' stands here a second time", shortened(entry.key.text)),
                        entry.key, subject.what);
      error.hint = fmt::format("the first one is in line {}: join them", it->second->line);
    }
  }

  void check_needs(const Object& object, const Subject& subject, const std::set<std::string>& meant) {
    for (const Dependence& need : object.needs) {
      if (subject.node.find(need.key) == nullptr) continue;
      const bool met = std::any_of(need.others.begin(), need.others.end(), [&](const std::string& other) {
        return subject.node.find(other) != nullptr || meant.contains(other);
      });
      if (met) continue;
      Error& error = problems_.add("project.missing_key",
                                   fmt::format("`{}` needs `{}`", need.key, fmt::join(need.others, "` or `")),
                                   *subject.node.find(need.key), subject.what);
      error.hint = need.hint;
    }
  }

  void check_exclusive(const Object& object, const Subject& subject) {
    for (const std::vector<std::string>& group : object.at_most_one) {
      const YamlEntry* first = nullptr;
      for (const YamlEntry& entry : subject.node.entries) {
        if (std::find(group.begin(), group.end(), entry.key.text) == group.end()) continue;
        if (first != nullptr && first->key.text != entry.key.text)
          problems_
              .add("project.exclusive_keys",
                   fmt::format("`{}` and `{}` exclude each other", first->key.text, entry.key.text),
                   entry.key, subject.what)
              .hint = "keep one of them";
        else if (first == nullptr)
          first = &entry;
      }
    }
  }

  void check_one_of(const Object& object, const Subject& subject) {
    for (const std::vector<std::string>& group : object.at_least_one) {
      const bool found = std::any_of(group.begin(), group.end(), [&](const std::string& key) {
        return subject.node.find(key) != nullptr;
      });
      if (!found)
        problems_.add("project.missing_key",
                      fmt::format("one of these keys is missing: {}", fmt::join(group, ", ")), subject.at,
                      subject.what);
    }
  }

  Problems& problems_;
  std::vector<Mention>& mentions_;
};

}  // namespace

void validate(const YamlNode& tree, const Object& description, Problems& problems,
              std::vector<Mention>& mentions) {
  if (!tree.is_map()) {
    problems
        .add("project.wrong_type",
             tree.is_null() ? "the project file is empty" : "the project file is not a map of keys", tree, "")
        .hint = "the least project is one line: name: my-project";
    return;
  }
  Validator(problems, mentions).check_object(description, {tree, tree, "", "the project"});
}

}  // namespace tidemill::project
