#include "pipeline/outline.hpp"

#include <fmt/format.h>

#include "base/secret.hpp"
#include "engine/names.hpp"
#include "engine/sql_error.hpp"
#include "engine/sql_text.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/fingerprint.hpp"
#include "pipeline/references.hpp"
#include "pipeline/sample.hpp"
#include "pipeline/source_columns.hpp"
#include "pipeline/spec.hpp"
#include "quality/quality.hpp"

namespace tidemill::pipeline {

namespace {

// What a kind of step does with the same declaration. Raise the number when it would make something else:
// every output of the kind is then made again.
constexpr std::string_view kSourceKind = "source/2";
constexpr std::string_view kTransformKind = "transform/2";
constexpr std::string_view kCommandKind = "command/2";
constexpr std::string_view kModelKind = "model/2";
constexpr std::string_view kExportKind = "export/1";

/// The names of secrets instead of their values: parts of a key are kept in the registry and shown.
void redact_parts(Json& json) {
  if (json.is_string()) {
    json = redact(json.get_ref<const std::string&>());
  } else if (json.is_structured()) {
    for (Json& inner : json) redact_parts(inner);
  }
}

/// SQL may stand in any text of a declaration: a check, its `where`, a model's `as_of`, a source's query.
bool reads_parameters(const Json& json) {
  if (json.is_string())
    return engine::folded_name(json.get_ref<const std::string&>()).find("getvariable") != std::string::npos;
  if (!json.is_structured()) return false;
  return std::any_of(json.begin(), json.end(), [](const Json& inner) { return reads_parameters(inner); });
}

/// "now(): never cached"; empty when there is no reason. Variables are the project's parameters, which are
/// part of the key.
std::string never_cached_because(const std::vector<std::string>& reasons) {
  for (const std::string& reason : reasons)
    if (reason != "getvariable()") return reason + ": never cached";
  return {};
}

/// What to do where the text names a column that is called as a word of SQL is; else empty.
std::string hint_to_quote(const std::vector<engine::Column>& columns, const char* key,
                          const std::string& text) {
  for (const engine::SqlToken& token : engine::sql_tokens(text)) {
    if (token.kind != engine::SqlToken::Kind::Word) continue;
    const std::string word = text.substr(token.begin, token.end - token.begin);
    if (engine::is_keyword(engine::folded_name(word)) && engine::find_column(columns, word) != nullptr)
      return fmt::format("{0} is a word of SQL: as a column it stands in quotes, {1}: '\"{0}\"'", word, key);
  }
  return "";
}

class Outliner {
 public:
  explicit Outliner(const PlanInput& input)
      : input_(input), project_(*input.project), binder_(*input.registry, input.project->timezone) {}

  std::expected<Outline, Errors> make() {
    SourceColumns sources = columns_of_sources(project_, *input_.registry, input_.fingerprints);
    add(std::move(sources.errors));
    out_.looked = std::move(sources.looked);
    Bindings bindings = bind_transforms(project_, binder_, std::move(sources.of), command_columns());
    add(std::move(bindings.errors));
    out_.bound = std::move(bindings.transforms);
    out_.columns = std::move(bindings.columns);
    add(check_references(project_, out_.columns, *input_.registry));

    for (const auto& [name, source] : project_.sources) add_source(source);
    for (const auto& [name, transform] : project_.transforms) add_transform(transform);
    for (const auto& [name, model] : project_.models)
      if (!model.imported) add_model(model);
    for (const auto& [name, target] : project_.exports) add_export(name, target);
    for (StepOutline& step : steps_) add_predict_calls(step);
    binder_.keep();
    sort();
    if (!errors_.empty()) return std::unexpected(std::move(errors_));
    return std::move(out_);
  }

 private:
  void add(Errors errors) { std::move(errors.begin(), errors.end(), std::back_inserter(errors_)); }

  /// A command's table has the columns it declares, or those of the last time it ran.
  TableColumns command_columns() {
    TableColumns out;
    for (const auto& [name, transform] : project_.transforms) {
      if (transform.command.empty()) continue;
      std::vector<engine::Column> columns;
      if (auto history = input_.registry->table_history(name, 1); history && !history->empty())
        columns = engine_columns(history->front().columns);
      for (const project::Column& column : transform.columns)
        if (!has_column(columns, column.name))
          columns.push_back({column.name, column.type.empty() ? "VARCHAR" : column.type});
      if (!columns.empty()) {
        out[name] = std::move(columns);
      } else if (is_read(name)) {
        errors_.push_back(
            user_error("plan.command_columns",
                       fmt::format("the columns of '{}' are not known before its command ran", name),
                       transform.place,
                       fmt::format("declare them: transforms: {{{}: {{columns: {{…}}}}}}", name))
                .error());
      }
    }
    return out;
  }

  bool is_read(const std::string& table) const {
    for (const auto& [name, transform] : project_.transforms)
      if (transform.command.empty() && transform.sql.find(table) != std::string::npos) return true;
    for (const auto& [name, model] : project_.models)
      if (model.from == table) return true;
    return false;
  }

  StepOutline begin(StepKind kind, std::string_view prefix, const std::string& name,
                    std::string_view semantics) {
    StepOutline step;
    step.id = std::string(prefix) + ":" + name;
    step.kind = kind;
    step.name = name;
    step.parts["kind"] = semantics;
    step.parts["engine"] = engine::Database::version();
    step.parts["timezone"] = project_.timezone;
    return step;
  }

  void need_table(StepOutline& step, const std::string& table) {
    if (project_.is_table(table)) step.needs.push_back(table_step(project_, table));
  }

  void finish(StepOutline step) {
    for (const char* part : {"spec", "sql"})
      if (const auto found = step.parts.find(part); found != step.parts.end() && reads_parameters(*found))
        step.parts["parameters"] = project_.parameters;
    for (const char* part : {"spec", "parameters", "sql"})
      if (const auto found = step.parts.find(part); found != step.parts.end()) redact_parts(*found);
    std::sort(step.needs.begin(), step.needs.end());
    step.needs.erase(std::unique(step.needs.begin(), step.needs.end()), step.needs.end());
    steps_.push_back(std::move(step));
  }

  /// Tables that checks compare with are inputs too.
  void need_checks(StepOutline& step, const std::string& table, const std::vector<project::Check>& checks) {
    size_t number = 0;
    for (const project::Check& check : checks) {
      for (const char* argument : {"table", "reference"})
        if (const auto named = check.arguments.find(argument);
            named != check.arguments.end() && named->is_string())
          if (*named != table) need_table(step, named->get<std::string>());
      if (!out_.columns.contains(table)) continue;
      const auto of_rows = [&](const std::string& condition) {
        return fmt::format("SELECT {} AS holds FROM {}", engine::bracketed(condition),
                           engine::quote_name(table));
      };
      std::vector<std::string> texts;
      if (const auto text = check.arguments.find("sql");
          (check.kind == "sql" || check.kind == "expression") && text != check.arguments.end() &&
          text->is_string())
        texts.push_back(check.kind == "sql" ? text->get<std::string>() : of_rows(text->get<std::string>()));
      if (!check.where.empty()) texts.push_back(of_rows(check.where));
      for (const std::string& sql : texts) {
        const auto bound = bind_fragment(
            fmt::format("check:{}:{}", step.id, number++), sql, check.place,
            fmt::format("{} {}, check {}", step.kind == StepKind::Source ? "source" : "transform", table,
                        check.name.empty() ? check.kind : check.name));
        if (!bound) continue;
        for (const std::string& other : bound->tables)
          if (other != table) need_table(step, other);
        if (step.never_cached.empty()) step.never_cached = never_cached_because(bound->volatile_reasons);
      }
    }
  }

  /// SQL that stands in the project file: mistakes are shown at its place there.
  std::optional<engine::BoundQuery> bind_fragment(const std::string& label, const std::string& sql,
                                                  const Place& place, const std::string& what) {
    bool reads_broken = false;
    const auto lookup = [&](const std::string& table) -> Result<std::vector<engine::Column>> {
      if (const auto found = out_.columns.find(table); found != out_.columns.end()) return found->second;
      reads_broken = project_.is_table(table);
      std::vector<std::string> names;
      for (const auto& [name, columns] : out_.columns) names.push_back(name);
      return user_error("plan.unknown_table", fmt::format("there is no table '{}'", table), place,
                        did_you_mean(table, names));
    };
    auto bound = binder_.bind(label, sql, place, lookup);
    if (bound) return *std::move(bound);
    if (!reads_broken) {
      Error error = std::move(bound).error();
      error.where = place;
      error.where.what = what;
      errors_.push_back(std::move(error));
    }
    return std::nullopt;
  }

  /// What stands under a key of the model, as `sql` over its rows.
  void bind_of_model(StepOutline& step, const project::Model& model, const char* key, const std::string& text,
                     const std::string& sql) {
    const auto written = model.places.find(fmt::format("{} {}", key, text));
    const size_t errors = errors_.size();
    const auto bound = bind_fragment(fmt::format("{}:{}", step.id, key), sql,
                                     written == model.places.end() ? model.place : written->second,
                                     fmt::format("model {}, {}", model.name, key));
    if (bound) {
      for (const std::string& table : bound->tables) need_table(step, table);
      if (step.never_cached.empty()) step.never_cached = never_cached_because(bound->volatile_reasons);
    } else if (errors_.size() > errors && errors_.back().code == "sql.syntax") {
      errors_.back().hint = hint_to_quote(out_.columns.at(model.from), key, text);
    }
  }

  void add_source(const project::Source& source) {
    StepOutline step = begin(StepKind::Source, "source", source.name, kSourceKind);
    const auto fingerprint = input_.fingerprints.find(source.name);
    const std::string files =
        fingerprint == input_.fingerprints.end() ? std::string(kUnreadable) : fingerprint->second;
    step.parts["files"] = files;
    step.parts["spec"] = spec_of(source);
    if (const auto share = sample_of(project_, source)) step.parts["sample"] = *share;
    if (!source.connection.empty()) {
      step.never_cached = "a database table is read every run";
      if (const auto connection = project_.connections.find(source.connection);
          connection != project_.connections.end())
        step.parts["secrets"] = Json::array({connection->second.dsn.name()});
    } else if (files == kUnreadable) {
      step.never_cached = "its files cannot be read";
    }
    if (const auto columns = out_.columns.find(source.name); columns != out_.columns.end())
      step.columns = columns->second;
    need_checks(step, source.name, quality::checks_of(source));
    finish(std::move(step));
  }

  void add_transform(const project::Transform& transform) {
    const bool command = !transform.command.empty();
    StepOutline step =
        begin(StepKind::Transform, "transform", transform.name, command ? kCommandKind : kTransformKind);
    step.parts["spec"] = spec_of(transform);
    if (command) {
      Json scripts = Json::object();
      for (const Path& script : scripts_of(project_, transform)) {
        const auto hash = input_.fingerprints.find(script_entry(script));
        if (hash == input_.fingerprints.end() &&
            std::find(transform.scripts.begin(), transform.scripts.end(), script) == transform.scripts.end())
          continue;  // a word of the command that is no file
        const std::string text = hash == input_.fingerprints.end() ? std::string(kUnreadable) : hash->second;
        if (text == kUnreadable)
          errors_.push_back(user_error("plan.unreadable_script",
                                       fmt::format("cannot read {}", script.native()), transform.place,
                                       "`scripts` lists files whose content the step depends on")
                                .error());
        scripts[script.lexically_relative(project_.folder).native()] = text;
      }
      step.parts["scripts"] = std::move(scripts);
      step.parts["parameters"] = project_.parameters;
      for (const std::string& table : transform.inputs) {
        if (!project_.is_table(table))
          errors_.push_back(
              user_error("plan.unknown_table", fmt::format("there is no table '{}'", table), transform.place)
                  .error());
        need_table(step, table);
      }
    } else if (const auto bound = out_.bound.find(transform.name); bound != out_.bound.end()) {
      step.parts["sql"] = engine::normalize_sql(transform.sql);
      for (const std::string& table : bound->second.tables) need_table(step, table);
      step.never_cached = never_cached_because(bound->second.volatile_reasons);
      step.models = bound->second.models;
    }
    if (const auto columns = out_.columns.find(transform.name); columns != out_.columns.end())
      step.columns = columns->second;
    need_checks(step, transform.name, quality::checks_of(transform));
    finish(std::move(step));
  }

  void add_model(const project::Model& model) {
    StepOutline step = begin(StepKind::Model, "model", model.name, kModelKind);
    step.parts["spec"] = spec_of(model);
    step.parts["seed"] = model.train.seed;
    if (!model.as_of.empty()) {
      Json timing = Json::object();
      for (const std::string& name : upstream_of(project_, out_.bound, model.from).sources)
        if (const auto source = project_.sources.find(name); source != project_.sources.end())
          timing[name] = {{"time_column", source->second.time_column}, {"known_at", source->second.known_at}};
      step.parts["timing"] = std::move(timing);
    }
    need_table(step, model.from);
    if (out_.columns.contains(model.from)) {
      const std::string table = engine::quote_name(model.from);
      if (!model.as_of.empty())
        bind_of_model(step, model, "as_of", model.as_of,
                      fmt::format("SELECT {} AS as_of FROM {}", engine::bracketed(model.as_of), table));
      if (!model.where.empty())
        bind_of_model(step, model, "where", model.where,
                      fmt::format("SELECT 1 AS one FROM {} WHERE {}", table, engine::bracketed(model.where)));
    }
    finish(std::move(step));
  }

  void add_export(const std::string& name, const project::Export& target) {
    StepOutline step = begin(StepKind::Export, "export", name, kExportKind);
    step.parts["spec"] = spec_of(target);
    if (const auto connection = project_.connections.find(target.connection);
        connection != project_.connections.end())
      step.parts["secrets"] = Json::array({connection->second.dsn.name()});
    if (const auto file = input_.fingerprints.find(export_entry(name));
        file != input_.fingerprints.end() && file->second != "present")
      step.gone = target.path + (file->second == "missing" ? " is not there" : " is not as it was written");
    need_table(step, target.table);
    finish(std::move(step));
  }

  void add_predict_calls(StepOutline& step) {
    std::vector<std::string> names;
    for (const auto& [name, model] : project_.models) names.push_back(name);
    for (std::string& text : step.models) {
      // Which output of it is wanted ('kind@7#2') is for the scores.
      const ModelReference reference = parse_reference(text.substr(0, text.find('#')));
      const Place place = place_of_text(project_.transforms.at(step.name), text);
      if (!project_.models.contains(reference.model)) {
        errors_.push_back(
            user_error("plan.unknown_model",
                       fmt::format("predict('{}'): there is no model '{}'", text, reference.model), place,
                       did_you_mean(reference.model, names))
                .error());
        continue;
      }
      text = reference.model + "@" + reference.version;
      step.calls.emplace(text, place);
      if (project_.models.at(reference.model).imported) continue;
      if (reference.version == "champion") step.after.push_back("model:" + reference.model);
    }
    std::sort(step.models.begin(), step.models.end());
    std::sort(step.after.begin(), step.after.end());
    step.after.erase(std::unique(step.after.begin(), step.after.end()), step.after.end());
  }

  /// Where a transform's SQL first says 'late@7'.
  Place place_of_text(const project::Transform& transform, const std::string& text) const {
    Place place = place_of_sql(project_, transform);
    const std::string quoted = engine::quote_text(text);
    for (const engine::SqlToken& token : engine::sql_tokens(transform.sql)) {
      if (token.kind != engine::SqlToken::Kind::Text ||
          std::string_view(transform.sql).substr(token.begin, token.end - token.begin) != quoted)
        continue;
      const Place in_sql = engine::place_in(transform.sql, token.begin);
      place.line = in_sql.line;
      place.column = in_sql.column;
      break;
    }
    return place;
  }

  void sort() {
    Graph graph;
    for (const StepOutline& step : steps_) {
      std::vector<std::string>& needs = graph[step.id];
      needs = step.needs;
      needs.insert(needs.end(), step.after.begin(), step.after.end());
    }
    const Order order = order_of(graph);
    for (const std::vector<std::string>& cycle : order.cycles)
      errors_.push_back(
          user_error("plan.cycle", fmt::format("steps need each other: {}", fmt::join(cycle, " → ")), {},
                     "a check that compares with another table, and predict(), make a step need another too")
              .error());
    std::map<std::string, size_t> from;
    for (size_t i = 0; i < steps_.size(); ++i) from[steps_[i].id] = i;
    for (const std::string& id : order.ids) {
      out_.at[id] = out_.steps.size();
      out_.steps.push_back(std::move(steps_[from.at(id)]));
    }
  }

  const PlanInput& input_;
  const project::Project& project_;
  SqlBinder binder_;
  Outline out_;
  std::vector<StepOutline> steps_;
  Errors errors_;
};

}  // namespace

Graph Outline::graph() const {
  Graph out;
  for (const StepOutline& step : steps) {
    std::vector<std::string>& needs = out[step.id];
    needs = step.needs;
    needs.insert(needs.end(), step.after.begin(), step.after.end());
  }
  return out;
}

std::expected<Outline, Errors> outline(const PlanInput& input) { return Outliner(input).make(); }

std::string table_step(const project::Project& project, const std::string& table) {
  return (project.sources.contains(table) ? "source:" : "transform:") + table;
}

Upstream upstream_of(const project::Project& project, const std::map<std::string, engine::BoundQuery>& bound,
                     const std::string& table) {
  Graph graph;
  std::set<std::string> sources;
  std::vector<std::string> open{table};
  while (!open.empty()) {
    const std::string here = open.back();
    open.pop_back();
    const auto sql = bound.find(here);
    if (sql == bound.end()) {
      if (project.is_table(here)) sources.insert(here);
      continue;
    }
    if (!graph.emplace(here, sql->second.tables).second) continue;
    open.insert(open.end(), sql->second.tables.begin(), sql->second.tables.end());
  }
  return {order_of(graph).ids, {sources.begin(), sources.end()}};
}

ModelReference parse_reference(const std::string& text) {
  const size_t at = text.find('@');
  if (at == std::string::npos) return {text, "champion"};
  return {text.substr(0, at), text.substr(at + 1)};
}

Error with_maker(const project::Project& project, const ModelReference& reference, Error error) {
  const auto declared = project.models.find(reference.model);
  const bool first = error.code == "registry.unknown_model";
  if (declared == project.models.end() || (!first && error.code != "registry.unknown_version")) return error;
  if (!declared->second.imported) {
    if (first) error.hint = fmt::format("`tidemill run {}` trains it", reference.model);
    return error;
  }
  std::string import = fmt::format("tidemill models import {} FILE", reference.model);
  if (reference.version.find_first_not_of("0123456789") != std::string::npos)
    import += " --alias " + reference.version;
  error.hint = first ? import : error.hint + "; or " + import;
  return error;
}

}  // namespace tidemill::pipeline
