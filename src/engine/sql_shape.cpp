// One walk over every object of the tree: nodes are told by their "type" and "class", wherever they stand.
#include "engine/sql_shape.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/names.hpp"

namespace tidemill::engine {

namespace {

// A test holds this list against duckdb_functions(). Left out on purpose: error(), which only fails, and
// names of the current database and schema, which are ours and fixed. current_setting() and getvariable()
// read the session, not the data.
constexpr std::array<std::string_view, 30> kVolatile{"current_connection_id",
                                                     "current_date",
                                                     "current_localtime",
                                                     "current_localtimestamp",
                                                     "current_query",
                                                     "current_query_id",
                                                     "current_setting",
                                                     "current_time",
                                                     "current_timestamp",
                                                     "current_transaction_id",
                                                     "currval",
                                                     "gen_random_uuid",
                                                     "get_current_time",
                                                     "get_current_timestamp",
                                                     "getvariable",
                                                     "localtime",
                                                     "localtimestamp",
                                                     "nextval",
                                                     "now",
                                                     "random",
                                                     "setseed",
                                                     "sleep_ms",
                                                     "stats",
                                                     "today",
                                                     "transaction_timestamp",
                                                     "txid_current",
                                                     "uuid",
                                                     "uuidv4",
                                                     "uuidv7",
                                                     "write_log"};
// Written without parentheses, these are functions unless a column has the name.
constexpr std::array<std::string_view, 5> kBareFunctions{"current_date", "current_time", "current_timestamp",
                                                         "localtime", "localtimestamp"};

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

size_t offset_of(const Json& node) {
  const auto found = node.find("query_location");
  return found != node.end() && found->is_number_unsigned() ? found->get<size_t>() : 0;
}

class Walk {
 public:
  explicit Walk(SqlShape& shape) : shape_(shape) {}

  void value(const Json& json) {
    if (json.is_array())
      for (const Json& element : json) value(element);
    if (json.is_object()) object(json);
  }

 private:
  void object(const Json& node) {
    const std::string type = text_at(node, "type");
    if (type == "BASE_TABLE") {
      shape_.tables.push_back({text_at(node, "catalog_name"), text_at(node, "schema_name"),
                               text_at(node, "table_name"), offset_of(node)});
      if (node.contains("at_clause")) shape_.travels = true;
    }
    if (type == "TABLE_FUNCTION" && node.contains("function")) table_function(node);
    if (type == "SHOW_REF") shape_.describes = true;
    if (type == "RECURSIVE_CTE_NODE") shape_.ctes.insert(folded_name(text_at(node, "cte_name")));
    if (node.contains("cte_map")) ctes(node["cte_map"]);
    if (node.contains("modifiers")) modifiers(node["modifiers"]);
    if (node.contains("sample")) shape_.volatile_reasons.insert("SAMPLE");
    const std::string kind = text_at(node, "class");
    if (kind == "FUNCTION" || kind == "WINDOW") function(node);
    if (kind == "COLUMN_REF") bare_function(node);
    const bool exists = kind == "SUBQUERY" && text_at(node, "subquery_type") == "EXISTS";
    exists_ += exists ? 1 : 0;
    for (const auto& [key, child] : node.items())
      if (child.is_structured()) value(child);
    exists_ -= exists ? 1 : 0;
  }

  void ctes(const Json& map) {
    const auto entries = map.find("map");
    if (entries == map.end() || !entries->is_array()) return;
    for (const Json& entry : *entries) shape_.ctes.insert(folded_name(text_at(entry, "key")));
  }

  void modifiers(const Json& list) {
    bool limited = false;
    bool ordered = false;
    for (const Json& modifier : list) {
      const std::string type = text_at(modifier, "type");
      limited |= type == "LIMIT_MODIFIER" || type == "LIMIT_PERCENT_MODIFIER";
      ordered |= type == "ORDER_MODIFIER";
    }
    // Which rows EXISTS sees first does not matter.
    if (limited && !ordered && exists_ == 0) shape_.volatile_reasons.insert("LIMIT without ORDER BY");
  }

  void table_function(const Json& node) {
    shape_.table_functions.push_back(
        {folded_name(text_at(node["function"], "function_name")), offset_of(node)});
  }

  void function(const Json& node) {
    const std::string name = folded_name(text_at(node, "function_name"));
    const auto children = node.find("children");
    const size_t arguments = children != node.end() && children->is_array() ? children->size() : 0;
    if (is_volatile_function(name)) shape_.volatile_reasons.insert(name + "()");
    if (name == "age" && arguments == 1) shape_.volatile_reasons.insert("age() of one argument");
    if (name == "getenv") shape_.environment_functions.push_back({name, offset_of(node)});
    if (name != "predict") return;
    const Json* model = arguments > 0 ? &(*children)[0] : nullptr;
    const bool written_out = model && text_at(*model, "type") == "VALUE_CONSTANT" &&
                             model->contains("value") && (*model)["value"].contains("value") &&
                             (*model)["value"]["value"].is_string();
    if (written_out)
      shape_.models.insert((*model)["value"]["value"].get<std::string>());
    else
      shape_.computed_models.push_back({name, offset_of(node)});
  }

  void bare_function(const Json& node) {
    const auto names = node.find("column_names");
    if (names == node.end() || !names->is_array() || names->size() != 1 || !names->front().is_string())
      return;
    const std::string name = folded_name(names->front().get<std::string>());
    if (std::ranges::find(kBareFunctions, name) != kBareFunctions.end()) shape_.volatile_reasons.insert(name);
  }

  SqlShape& shape_;
  int exists_ = 0;
};

}  // namespace

bool is_volatile_function(const std::string& folded_name) {
  return std::ranges::find(kVolatile, std::string_view(folded_name)) != kVolatile.end();
}

SqlShape shape_of(const Json& tree) {
  SqlShape shape;
  const auto statements = tree.find("statements");
  if (statements == tree.end() || !statements->is_array()) return shape;
  shape.statements = statements->size();
  Walk(shape).value(*statements);
  return shape;
}

}  // namespace tidemill::engine
