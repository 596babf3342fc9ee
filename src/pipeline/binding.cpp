#include "pipeline/binding.hpp"

#include <set>

#include <fmt/format.h>

#include "base/reserved_names.hpp"
#include "base/sha256.hpp"
#include "engine/names.hpp"
#include "pipeline/columns.hpp"
#include "pipeline/graph.hpp"

namespace tidemill::pipeline {

namespace {

const std::string kMemoKind = "binding";

std::string inputs_hash(const std::map<std::string, std::vector<engine::Column>>& inputs) {
  Sha256 hash;
  for (const auto& [name, columns] : inputs) {
    hash.add_field(name);
    for (const engine::Column& column : columns) {
      hash.add_field(column.name);
      hash.add_field(column.type);
    }
    hash.add_field("");
  }
  return hash.hex();
}

std::vector<std::string> strings(const Json& json) {
  std::vector<std::string> out;
  if (json.is_array())
    for (const Json& one : json)
      if (one.is_string()) out.push_back(one.get<std::string>());
  return out;
}

/// Words of a SQL text: every name it could mean, and more. Only a hint for the order of binding.
std::set<std::string> words(const std::string& sql) {
  std::set<std::string> out;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) out.insert(std::move(word));
    word.clear();
  };
  for (const char c : sql) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0)
      word += c;
    else
      end_word();
  }
  end_word();
  return out;
}

/// An order in which most transforms come after what they read, judged by what they read before, or by words.
std::vector<std::string> likely_order(const project::Project& project, SqlBinder& binder) {
  Graph graph;
  for (const auto& [name, transform] : project.transforms) {
    std::vector<std::string>& needs = graph[name];
    if (!transform.command.empty()) continue;
    const std::vector<std::string>* before = binder.tables_before("transform:" + name);
    const std::set<std::string> maybe =
        before == nullptr ? words(transform.sql) : std::set(before->begin(), before->end());
    for (const std::string& table : maybe)
      if (table != name && project.transforms.contains(table)) needs.push_back(table);
  }
  Order order = order_of(graph);
  const std::set<std::string> placed(order.ids.begin(), order.ids.end());
  for (const auto& [name, needs] : graph)
    if (!placed.contains(name)) order.ids.push_back(name);
  return order.ids;
}

class TransformBinding {
 public:
  TransformBinding(const project::Project& project, SqlBinder& binder, Bindings& out)
      : project_(project), binder_(binder), out_(out) {
    for (const auto& [name, source] : project.sources) tables_.push_back(name);
    for (const auto& [name, transform] : project.transforms) tables_.push_back(name);
    for (const std::string& name : tables_) as_written_.emplace(engine::folded_name(name), name);
  }

  /// Binds `name` and before it whatever it turns out to wait for.
  void bind(const std::string& name) {
    std::vector<std::string> chain{name};
    while (!chain.empty()) {
      const std::string here = chain.back();
      const std::string waits_for = done_.contains(here) ? "" : attempt(here);
      if (waits_for.empty()) {
        done_.insert(here);
        chain.pop_back();
      } else if (const auto at = std::find(chain.begin(), chain.end(), waits_for); at != chain.end()) {
        report_cycle({at, chain.end()});
        chain.erase(at, chain.end());
      } else {
        chain.push_back(waits_for);
      }
    }
  }

 private:
  /// The transform it waits for; empty when it is bound or cannot be.
  std::string attempt(const std::string& name) {
    const project::Transform& transform = project_.transforms.at(name);
    if (!transform.command.empty()) return {};
    std::string waits_for;
    bool reads_broken = false;
    const Place place = place_of_sql(project_, transform);
    const auto lookup = [&](const std::string& written) -> Result<std::vector<engine::Column>> {
      const std::string table = declared_name(written);
      if (const auto found = out_.columns.find(table); found != out_.columns.end()) return found->second;
      if (project_.transforms.contains(table) && !done_.contains(table)) {
        waits_for = table;
        return internal_error("plan.waits", fmt::format("waits for {}", table));
      }
      if (project_.is_table(table)) {
        reads_broken = true;
        return internal_error("plan.broken_input", fmt::format("{} has a mistake of its own", table));
      }
      return user_error("plan.unknown_table", fmt::format("there is no table '{}'", table), place,
                        engine::is_log_table(table) ? hint_for_log(table) : hint_for(table));
    };
    auto bound = binder_.bind("transform:" + name, transform.sql, place, lookup);
    if (bound) {
      for (std::string& table : bound->tables) table = declared_name(table);
      std::sort(bound->tables.begin(), bound->tables.end());
      bound->tables.erase(std::unique(bound->tables.begin(), bound->tables.end()), bound->tables.end());
      out_.columns[name] = bound->columns;
      out_.transforms[name] = *std::move(bound);
      return {};
    }
    if (!waits_for.empty()) return waits_for;
    if (!reads_broken) {
      Error error = std::move(bound).error();
      if (error.where.what.empty()) error.where.what = "transform " + name;
      out_.errors.push_back(std::move(error));
    }
    return {};
  }

  /// SQL names are the same whatever their case: Flights is the source flights.
  std::string declared_name(const std::string& written) const {
    if (project_.is_table(written)) return written;
    const auto found = as_written_.find(engine::folded_name(written));
    return found == as_written_.end() ? written : found->second;
  }

  std::string hint_for(const std::string& table) const {
    if (std::string hint = did_you_mean(table, tables_); !hint.empty()) return hint;
    return "declare it as a source, or make it with a transform of that name";
  }

  std::string hint_for_log(const std::string& table) const {
    std::vector<std::string> logs;
    for (const auto& [name, deployment] : project_.deployments)
      if (deployment.log) logs.push_back(std::string(kLogTablePrefix) + name);
    if (std::string hint = did_you_mean(table, logs); !hint.empty()) return hint;
    return logs.empty() ? "no deployment keeps a log: deployments: {NAME: {log: {}}}"
                        : fmt::format("the logs are {}", fmt::join(logs, ", "));
  }

  void report_cycle(std::vector<std::string> cycle) {
    for (const std::string& name : cycle) done_.insert(name);
    std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
    cycle.push_back(cycle.front());
    out_.errors.push_back(user_error("plan.cycle",
                                     fmt::format("transforms need each other: {}", fmt::join(cycle, " → ")),
                                     place_of_sql(project_, project_.transforms.at(cycle.front())),
                                     "one of them must not read the next")
                              .error());
  }

  const project::Project& project_;
  SqlBinder& binder_;
  Bindings& out_;
  std::set<std::string> done_;
  std::vector<std::string> tables_;
  std::map<std::string, std::string> as_written_;  // lower case → declared
};

}  // namespace

SqlBinder::SqlBinder(registry::Registry& registry, std::string timezone)
    : registry_(registry), timezone_(std::move(timezone)) {}
SqlBinder::~SqlBinder() = default;

void SqlBinder::load() {
  if (loaded_) return;
  loaded_ = true;
  const auto memos = registry_.memos(kMemoKind);
  if (!memos) return;
  for (const auto& [label, text] : *memos) {
    const auto json = parse_json(text);
    if (!json || !json->is_object()) continue;
    Memo memo;
    memo.sql = json->value("sql", "");
    memo.inputs = json->value("inputs", "");
    memo.bound.tables = strings(json->value("tables", Json()));
    memo.bound.columns = columns_from_json(json->value("columns", Json()));
    memo.bound.volatile_reasons = strings(json->value("volatile", Json()));
    memo.bound.models = strings(json->value("models", Json()));
    known_.emplace_hint(known_.end(), label, std::move(memo));
  }
}

const std::vector<std::string>* SqlBinder::tables_before(const std::string& label) {
  load();
  const auto memo = known_.find(label);
  return memo == known_.end() ? nullptr : &memo->second.bound.tables;
}

Result<engine::BoundQuery> SqlBinder::bind(const std::string& label, const std::string& sql,
                                           const Place& place, const engine::TableLookup& columns_of) {
  load();
  const std::string text =
      sha256(engine::Database::version() + "\n" + timezone_ + "\n" + engine::normalize_sql(sql));
  std::map<std::string, std::vector<engine::Column>> inputs;
  if (const auto memo = known_.find(label); memo != known_.end() && memo->second.sql == text) {
    for (const std::string& table : memo->second.bound.tables) {
      TM_TRY(inputs[table], columns_of(table));
    }
    if (memo->second.inputs == inputs_hash(inputs)) return memo->second.bound;
  }
  if (!binder_) {
    TM_TRY(binder_, engine::Binder::open(timezone_));
  }
  TM_TRY(engine::BoundQuery bound, binder_->bind(sql, place, columns_of));
  inputs.clear();
  for (const std::string& table : bound.tables) {
    TM_TRY(inputs[table], columns_of(table));
  }
  fresh_[label] = canonical({{"sql", text},
                             {"inputs", inputs_hash(inputs)},
                             {"tables", bound.tables},
                             {"columns", to_json(bound.columns)},
                             {"volatile", bound.volatile_reasons},
                             {"models", bound.models}});
  return bound;
}

void SqlBinder::keep() {
  if (!fresh_.empty()) (void)registry_.set_memos(kMemoKind, fresh_);
  fresh_.clear();
}

Place place_of_sql(const project::Project& project, const project::Transform& transform) {
  if (transform.sql_path.empty()) return transform.place;
  const Path relative = transform.sql_path.lexically_relative(project.folder);
  return {relative.empty() ? transform.sql_path.native() : relative.native(), 0, 0,
          "transform " + transform.name};
}

Bindings bind_transforms(const project::Project& project, SqlBinder& binder,
                         std::map<std::string, std::vector<engine::Column>> source_columns,
                         const std::map<std::string, std::vector<engine::Column>>& command_columns) {
  Bindings out;
  out.columns = std::move(source_columns);
  out.columns.insert(command_columns.begin(), command_columns.end());
  TransformBinding binding(project, binder, out);
  for (const std::string& name : likely_order(project, binder)) binding.bind(name);
  return out;
}

}  // namespace tidemill::pipeline
