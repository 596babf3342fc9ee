#include "pipeline/references.hpp"

#include <fmt/format.h>

#include "engine/names.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/predictors.hpp"
#include "project/log_sources.hpp"
#include "quality/quality.hpp"
#include "training/training.hpp"

namespace tidemill::pipeline {

namespace {

class References {
 public:
  References(const project::Project& project, const TableColumns& columns, const registry::Registry& registry)
      : project_(project), columns_(columns), registry_(registry) {}

  Errors check() {
    for (const auto& [name, source] : project_.sources) check_source(source);
    for (const auto& [name, transform] : project_.transforms) {
      const std::string described = "transform " + name;
      for (const project::Column& column : transform.columns)
        require(name, column.name, or_else(column.place, transform.place), described);
      check_checks(name, quality::checks_of(transform), transform.place, described);
    }
    for (const auto& [name, model] : project_.models)
      if (!model.imported) check_model(model);
    for (const auto& [name, deployment] : project_.deployments) check_deployment(deployment);
    for (const auto& [name, target] : project_.exports)
      if (known_table(target.table, target.place, "export " + name))
        for (const std::string& key : target.key)
          require(target.table, key, written(target, "key", key), "export " + name + ", key");
    for (const auto& [name, labels] : project_.labels) check_labels(name, labels);
    return std::move(errors_);
  }

 private:
  static Place or_else(const Place& place, const Place& other) { return place.file.empty() ? other : place; }

  /// The place of the column's name under this key, of a source, model, export or labels.
  template <class Declared>
  static Place written(const Declared& declared, const char* key, const std::string& column) {
    const auto found = declared.places.find(fmt::format("{} {}", key, column));
    return found == declared.places.end() ? declared.place : found->second;
  }

  bool known_table(const std::string& table, const Place& place, const std::string& described) {
    if (project_.is_table(table)) return true;
    std::vector<std::string> names;
    for (const auto& [name, source] : project_.sources) names.push_back(name);
    for (const auto& [name, transform] : project_.transforms) names.push_back(name);
    std::string hint = did_you_mean(table, names);
    if (hint.empty())
      hint = fmt::format("a table is one of `sources`, or a transform: the file transforms/{}.sql", table);
    add("plan.unknown_table", fmt::format("there is no table '{}'", table), place, described, hint);
    return false;
  }

  void require(const std::string& table, const std::string& column, const Place& place,
               const std::string& described) {
    if (column.empty()) return;
    const auto found = columns_.find(table);
    if (found == columns_.end() || has_column(found->second, column)) return;
    const std::vector<std::string> names = names_of(found->second);
    std::string hint = did_you_mean(column, names);
    if (hint.empty()) hint = fmt::format("it has: {}", fmt::join(names, ", "));
    add("plan.unknown_column", fmt::format("{} has no column '{}'", table, column), place, described,
        std::move(hint));
  }

  void check_source(const project::Source& source) {
    const std::string described = "source " + source.name;
    const auto named = [&](const char* key, const std::string& column) {
      require(source.name, column, written(source, key, column), fmt::format("{}, {}", described, key));
    };
    for (const std::string& key : source.key) named("key", key);
    named("time_column", source.time_column);
    named("watermark", source.watermark);
    for (const auto& [column, known] : source.known_at) {
      named("known_at", column);
      named("known_at", known);
    }
    check_checks(source.name, quality::checks_of(source), source.place, described);
  }

  void check_checks(const std::string& table, const std::vector<project::Check>& checks, const Place& place,
                    const std::string& described) {
    for (const project::Check& check : checks) {
      const Place at = or_else(check.place, place);
      const std::string what = described + ", check " + (check.name.empty() ? check.kind : check.name);
      for (const std::string& column : check.columns) require(table, column, at, what);
      if (const auto found = columns_.find(table); found != columns_.end())
        if (auto fits = quality::fits_types(check, found->second); !fits)
          add(fits.error().code, fits.error().message, at, what, fits.error().hint);
      if (check.kind == "sql" || check.kind == "expression") continue;
      std::string other = table;
      if (const auto named = check.arguments.find(check.kind == "distribution" ? "reference" : "table");
          named != check.arguments.end() && named->is_string() && *named != "previous") {
        other = named->get<std::string>();
        if (!known_table(other, at, what)) continue;
      }
      if (check.kind == "relationships" || check.kind == "distribution" || check.kind == "freshness" ||
          check.kind == "anomaly")
        if (const auto column = check.arguments.find("column");
            column != check.arguments.end() && column->is_string())
          require(other, column->get<std::string>(), at, what);
    }
  }

  void check_model(const project::Model& model) {
    const std::string described = "model " + model.name;
    if (!known_table(model.from, model.place, described + ", from")) return;
    const auto columns = columns_.find(model.from);
    if (columns == columns_.end()) return;
    const size_t before = errors_.size();
    const auto at = [&](const std::string& name, const Place& place, const std::string& what) {
      require(model.from, name, or_else(place, model.place), described + ", " + what);
    };
    const auto each = [&](const std::vector<std::string>& names, const char* key, const char* what) {
      for (const std::string& name : names) at(name, written(model, key, name), what);
    };
    each(model.key, "key", "key");
    each({model.target}, "target", "target");
    each({model.weight}, "weight", "weight");
    at(model.split.column, model.split.place, "split");
    each(model.include, "include", "features");
    each(model.exclude, "exclude", "features");
    each(model.slices, "slices", "slices");
    each(model.fairness_groups, "groups", "fairness");
    for (const auto& [column, type] : model.types) each({column}, "types", "types");
    for (const project::GateRule& rule : model.gate) {
      at(rule.column, rule.place, "gate");
      for (const auto& [column, value] : rule.slice) at(column, rule.place, "gate, slice");
    }
    if (errors_.size() > before) return;
    // The champion's features are held against at the run: what is new since then depends on which version is
    // live.
    if (auto features = training::feature_columns(model, columns->second, std::nullopt); !features) {
      Error error = std::move(features).error();
      error.where = or_else(error.where, model.place);
      if (error.where.what.empty()) error.where.what = described;
      errors_.push_back(std::move(error));
    }
  }

  void check_labels(const std::string& deployment, const project::Labels& labels) {
    const std::string described = "labels " + deployment;
    if (!known_table(labels.from, labels.place, described)) return;
    for (const std::string& key : labels.key)
      require(labels.from, key, written(labels, "key", key), described + ", key");
    require(labels.from, labels.value, written(labels, "value", labels.value), described + ", value");
  }

  /// By what is declared and by what is live; nothing: there is no telling yet.
  std::optional<std::vector<std::string>> features_of(const project::Deployment& deployment) const {
    const auto model = project_.models.find(deployment.model);
    if (model == project_.models.end()) return std::nullopt;
    std::vector<std::string> known;
    if (!model->second.imported) {
      const auto columns = columns_.find(model->second.from);
      if (columns == columns_.end()) return std::nullopt;
      auto features = training::feature_columns(model->second, columns->second, std::nullopt);
      if (!features) return std::nullopt;
      known = *std::move(features);
    }
    const auto live = registry_.version(deployment.model, deployment.version);
    if (!live && model->second.imported) return std::nullopt;
    if (live) {
      const auto package = load_package(registry_, *live);
      if (!package) return std::nullopt;
      for (const forest::Feature& feature : package->features) known.push_back(feature.name);
    }
    return known;
  }

  void check_deployment(const project::Deployment& deployment) {
    const bool is_sticky = deployment.rollout && !deployment.rollout->sticky.empty();
    const bool has_rules = deployment.log && !deployment.log->columns.empty();
    const auto monitors = project_.monitors.find(deployment.name);
    if (!is_sticky && !has_rules && monitors == project_.monitors.end()) return;
    const auto features = features_of(deployment);
    if (!features) return;
    if (is_sticky) check_sticky(deployment, *features);
    if (has_rules) check_logged(deployment, *features);
    if (monitors == project_.monitors.end()) return;
    for (const project::Monitor& monitor : monitors->second) check_monitor(deployment, monitor, *features);
  }

  /// A column that requests have: of the source whose rows they are, or a feature.
  void check_sticky(const project::Deployment& deployment, const std::vector<std::string>& features) {
    const std::string& sticky = deployment.rollout->sticky;
    std::vector<std::string> known;
    if (!deployment.request.empty()) {
      const auto columns = columns_.find(deployment.request);
      if (columns == columns_.end()) return;
      known = names_of(columns->second);
    } else {
      known = project_.key_of(deployment);
    }
    known.insert(known.end(), features.begin(), features.end());
    if (std::ranges::find(known, sticky) != known.end()) return;
    add("plan.unknown_column",
        fmt::format("no request has '{}': it is neither a feature of model {}{}", sticky, deployment.model,
                    deployment.request.empty() ? " nor anything else that callers send"
                                               : " nor a column of " + deployment.request),
        deployment.rollout->place, "deployment " + deployment.name + ", rollout, sticky",
        did_you_mean(sticky, known));
  }

  /// A rule for a column that the log calls otherwise protects nothing: the values would be stored as they
  /// are. Names are compared as the log compares them, letter by letter.
  void check_logged(const project::Deployment& deployment, const std::vector<std::string>& features) {
    std::vector<std::string> known = project_.key_of(deployment);
    const std::vector<std::string>& groups = project_.models.at(deployment.model).fairness_groups;
    known.insert(known.end(), groups.begin(), groups.end());
    known.insert(known.end(), features.begin(), features.end());
    for (const auto& [column, rule] : deployment.log->columns) {
      if (std::ranges::find(known, column) != known.end()) continue;
      std::string hint = did_you_mean(column, known);
      if (hint.empty()) hint = fmt::format("it has: {}", fmt::join(known, ", "));
      add("plan.unknown_column",
          fmt::format("no log of model {} has the column '{}', so the rule protects nothing",
                      deployment.model, column),
          deployment.log->place, "deployment " + deployment.name + ", log, columns", std::move(hint));
    }
  }

  void check_monitor(const project::Deployment& deployment, const project::Monitor& monitor,
                     const std::vector<std::string>& features) {
    for (const std::string& column : monitor.columns) {
      const bool is_answer = column.starts_with("score") || column == "prediction";
      const auto is_named = [&](const std::string& feature) { return engine::same_name(feature, column); };
      if (column == "*" || is_answer || std::ranges::any_of(features, is_named)) continue;
      std::string hint = did_you_mean(column, features);
      if (hint.empty()) hint = fmt::format("its features: {}", fmt::join(features, ", "));
      add("plan.unknown_column",
          fmt::format("model {} has no feature '{}' to watch", deployment.model, column), monitor.place,
          monitor.place.what + ", columns", std::move(hint));
    }
    if (!monitor.slices.empty()) check_slices(deployment, monitor, features);
  }

  /// Rows are sliced by what the log has of each: features, answers, and what it says of the request.
  void check_slices(const project::Deployment& deployment, const project::Monitor& monitor,
                    const std::vector<std::string>& features) {
    std::vector<std::string> known = features;
    for (const char* answer : {"score", "decision", "prediction", "label", "low", "high"})
      known.emplace_back(answer);
    for (const auto& [column, type] : project::log_columns()) known.push_back(column);
    for (const std::string& slice : monitor.slices) {
      const auto is_named = [&](const std::string& column) { return engine::same_name(column, slice); };
      if (slice.starts_with("score_") || std::ranges::any_of(known, is_named)) continue;
      std::string hint = did_you_mean(slice, known);
      if (hint.empty()) hint = fmt::format("its features: {}", fmt::join(features, ", "));
      add("plan.unknown_column",
          fmt::format("the log of model {} has no column '{}' to slice by", deployment.model, slice),
          monitor.place, monitor.place.what + ", slices", std::move(hint));
    }
  }

  void add(std::string code, std::string message, Place place, const std::string& what, std::string hint) {
    place.what = what;
    errors_.push_back(
        user_error(std::move(code), std::move(message), std::move(place), std::move(hint)).error());
  }

  const project::Project& project_;
  const TableColumns& columns_;
  const registry::Registry& registry_;
  Errors errors_;
};

}  // namespace

Errors check_references(const project::Project& project, const TableColumns& columns,
                        const registry::Registry& registry) {
  return References(project, columns, registry).check();
}

}  // namespace tidemill::pipeline
