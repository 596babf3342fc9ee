#include "project/interpolation.hpp"

#include <cstdlib>

#include <fmt/format.h>

namespace tidemill::project {

namespace {

constexpr std::string_view kParameter = "parameter ";

std::vector<std::string> keys_of(const std::map<std::string, std::string>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

/// A secret reaches only what is meant to hold one. Elsewhere its value would be written down: in the package
/// of a model, in a file's path, in the key of a step; and another value would not be seen as a change.
bool may_hold_secret(const std::string& what) {
  return what.starts_with("connections.") || what.starts_with("notify.") || what.starts_with(kParameter);
}

}  // namespace

void Interpolation::set_parameters(YamlNode* parameters,
                                   const std::map<std::string, std::string>& overrides) {
  if (parameters != nullptr && parameters->is_map())
    for (YamlEntry& entry : parameters->entries) {
      YamlNode& node = entry.value;
      if (const auto given = overrides.find(entry.key.text); given != overrides.end()) {
        node = YamlNode{YamlNode::Kind::Scalar, given->second, given->second};
        node.interpolated = true;
        node.line = entry.key.line;
        node.column = entry.key.column;
      } else if (node.is_scalar()) {
        apply_to_text(node, std::string(kParameter) + entry.key.text);
      }
      if (!node.is_scalar() || node.deferred) continue;
      values_[entry.key.text] = node.text;
      shown_[entry.key.text] = node.shown;
    }
  for (const auto& [name, value] : overrides)
    if (!values_.contains(name) && (parameters == nullptr || parameters->find(name) == nullptr)) {
      Error& error =
          problems_.add("project.unknown_parameter", fmt::format("the project has no parameter '{}'", name),
                        {problems_.file(), 1, 1, "--param"});
      error.hint = did_you_mean(name, keys_of(values_));
      if (error.hint.empty()) error.hint = "declare it: parameters: {" + name + ": its default}";
    }
  with_parameters_ = true;
}

void Interpolation::apply(YamlNode& node, const std::string& what) {
  switch (node.kind) {
    case YamlNode::Kind::Null:
      return;
    case YamlNode::Kind::Scalar:
      return apply_to_text(node, what);
    case YamlNode::Kind::List:
      for (YamlNode& item : node.items) apply(item, what);
      return;
    case YamlNode::Kind::Map:
      for (YamlEntry& entry : node.entries)
        apply(entry.value, what.empty() ? entry.key.text : what + "." + entry.key.text);
      return;
  }
}

void Interpolation::apply_to_text(YamlNode& node, const std::string& what) {
  const std::string written = node.text;
  if (node.interpolated || written.find("${") == std::string::npos) return;
  std::string text, shown;
  bool replaced = false;
  for (size_t i = 0; i < written.size();) {
    if (written.compare(i, 3, "$${") == 0) {
      text += "${";
      shown += "${";
      i += 3;
    } else if (written.compare(i, 2, "${") == 0) {
      const size_t end = written.find('}', i);
      if (end == std::string::npos) {
        problems_.add("project.bad_value", "`${` without `}`", node, what).hint =
            "write $${ where a plain ${ is meant";
        node.deferred = true;
        return;
      }
      const auto part = value_of(std::string_view(written).substr(i + 2, end - i - 2), node, what);
      if (!part) {
        node.deferred = true;
        return;
      }
      text += part->text;
      shown += part->shown;
      replaced = true;
      i = end + 1;
    } else {
      text += written[i];
      shown += written[i++];
    }
  }
  if (text != shown && !may_hold_secret(what)) {
    Error& error = problems_.add("project.secret_here",
                                 fmt::format("{} is a secret: it may not stand here", shown), node, what);
    error.expected = "secrets in connections, notify and parameters only";
    error.hint =
        "declare a parameter with a default, write ${param:NAME} here or getvariable('NAME') in SQL, and "
        "give its value with --param NAME=VALUE";
    node.deferred = true;
    return;
  }
  node.text = text;
  node.shown = shown;
  node.interpolated = replaced;
  if (text != shown) secrets_.emplace_back(shown, text);
}

std::optional<Interpolation::Part> Interpolation::value_of(std::string_view expression, const YamlNode& at,
                                                           const std::string& what) {
  const size_t colon = expression.find(':');
  const std::string kind(expression.substr(0, colon));
  const std::string name(colon == std::string_view::npos ? std::string_view{} : expression.substr(colon + 1));
  const std::string written = fmt::format("${{{}}}", expression);
  if (kind == "env" && !name.empty()) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      problems_
          .add("project.unset_variable", fmt::format("the environment variable {} is not set", name), at,
               what)
          .hint = fmt::format("export {}=…", name);
      return std::nullopt;
    }
    if (first_invalid_utf8(value)) {
      problems_.add("project.not_utf8", fmt::format("the environment variable {} is not UTF-8 text", name),
                    at, what);
      return std::nullopt;
    }
    register_secret(value);
    return Part{value, written};
  }
  if (kind == "file" && !name.empty()) {
    Result<std::string> value = read_file(folder_ / name, kMaxSecretFile);
    if (!value) {
      problems_.add("project.secret_file", fmt::format("cannot read the file {}", name), at, what).hint =
          "a secret's file must exist and be readable for the user that runs tidemill";
      return std::nullopt;
    }
    while (!value->empty() && (value->back() == '\n' || value->back() == '\r')) value->pop_back();
    if (first_invalid_utf8(*value)) {
      problems_.add("project.not_utf8", fmt::format("the file {} is not UTF-8 text", name), at, what);
      return std::nullopt;
    }
    register_secret(*value);
    return Part{*value, written};
  }
  if (kind == "param" && !name.empty() && with_parameters_) {
    const auto found = values_.find(name);
    if (found != values_.end()) return Part{found->second, shown_.at(name)};
    Error& error = problems_.add("project.unknown_parameter",
                                 fmt::format("the project has no parameter '{}'", name), at, what);
    error.hint = did_you_mean(name, keys_of(values_));
    if (error.hint.empty()) error.hint = "declare it: parameters: {" + name + ": its default}";
    return std::nullopt;
  }
  Error& error = problems_.add("project.bad_value", fmt::format("{} has no meaning here", written), at, what);
  error.expected = !may_hold_secret(what) ? "${param:NAME}"
                   : with_parameters_     ? "${param:NAME}, ${env:NAME} or ${file:PATH}"
                                          : "${env:NAME} or ${file:PATH}: a parameter cannot hold another";
  if (colon == std::string_view::npos && !kind.empty())
    error.hint = fmt::format("write ${{{1}:{0}}} for a {2}, $${{{0}}} for the plain text", kind,
                             may_hold_secret(what) ? "env" : "param",
                             may_hold_secret(what) ? "variable" : "parameter");
  return std::nullopt;
}

void defer(YamlNode& node) {
  if (node.is_scalar() && node.text.find("${") != std::string::npos) node.deferred = true;
  for (YamlNode& item : node.items) defer(item);
  for (YamlEntry& entry : node.entries) defer(entry.value);
}

}  // namespace tidemill::project
