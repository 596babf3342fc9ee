#include "project/references.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tidemill::project {

namespace {

using Kind = Scalar::Kind;
using Target = Scalar::Target;

constexpr size_t kNamesShown = 10;

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> joined(std::initializer_list<const std::vector<std::string>*> lists) {
  std::vector<std::string> all;
  for (const auto* list : lists) all.insert(all.end(), list->begin(), list->end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

struct Candidates {
  std::string noun;
  std::vector<std::string> names;
};

Candidates candidates(Target target, const Declared& declared) {
  switch (target) {
    case Target::Source:
      return {"source", declared.sources};
    case Target::Transform:
      return {"transform", declared.transforms};
    case Target::Model:
      return {"model", declared.models};
    case Target::Connection:
      return {"connection", declared.connections};
    case Target::Deployment:
      return {"deployment", declared.deployments};
    case Target::TableOrPrevious: {
      std::vector<std::string> names = declared.tables();
      names.emplace_back("previous");
      return {"table", std::move(names)};
    }
    case Target::Table:
      break;
  }
  return {"table", declared.tables()};
}

/// What else the name is, for who took one thing for another.
std::string other_meaning(const std::string& name, const Declared& declared) {
  if (holds(declared.sources, name)) return "source";
  if (holds(declared.transforms, name)) return "transform";
  if (holds(declared.models, name)) return "model";
  if (holds(declared.connections, name)) return "connection";
  if (holds(declared.deployments, name)) return "deployment";
  return {};
}

void check_name(const std::string& name, const Candidates& known, const Mention& mention,
                const Declared& declared, Problems& problems) {
  if (holds(known.names, name)) return;
  Error& error = problems.add(
      known.noun == "table or model" ? "project.unknown_selection" : "project.unknown_" + known.noun,
      fmt::format("there is no {} '{}'", known.noun, name), *mention.node, mention.what);
  if (const std::string meaning = other_meaning(name, declared); !meaning.empty())
    error.seen = fmt::format("'{}' is a {}", name, meaning);
  std::vector<std::string> shown = known.names;
  std::sort(shown.begin(), shown.end());
  const bool more = shown.size() > kNamesShown;
  if (more) shown.resize(kNamesShown);
  error.expected = shown.empty() ? fmt::format("a {}, but the project declares none", known.noun)
                                 : fmt::format("{}{}", fmt::join(shown, ", "), more ? ", …" : "");
  error.hint = did_you_mean(name, known.names);
  if (error.hint.empty() && known.noun == "transform")
    error.hint = fmt::format("a transform is a file: transforms/{}.sql", name);
  if (error.hint.empty() && known.noun == "model")
    error.hint = fmt::format("imported? declare it: models: {{{}: {{imported: true}}}}", name);
}

}  // namespace

std::vector<std::string> Declared::tables() const { return joined({&sources, &transforms}); }

void check_mentions(const std::vector<Mention>& mentions, const Declared& declared, Problems& problems) {
  for (const Mention& mention : mentions) {
    const std::string& text = mention.node->text;
    switch (mention.scalar.kind) {
      case Kind::Reference:
        check_name(text, candidates(mention.scalar.target, declared), mention, declared, problems);
        break;
      case Kind::ModelReference:
        if (const auto reference = parse_model_reference(text))
          check_name(reference->model, candidates(Target::Model, declared), mention, declared, problems);
        break;
      case Kind::TableColumn:
        check_name(text.substr(0, text.find('.')), candidates(Target::Table, declared), mention, declared,
                   problems);
        break;
      case Kind::Selector:
        if (const auto terms = parse_selector(text))
          for (const SelectorTerm& term : *terms)
            check_name(
                term.name,
                {"table or model", joined({&declared.sources, &declared.transforms, &declared.models})},
                mention, declared, problems);
        break;
      default:
        break;
    }
  }
}

}  // namespace tidemill::project
