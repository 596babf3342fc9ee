// What a SQL text mentions, read from DuckDB's own syntax tree before anything is bound: tables, table
// functions, models of predict(), and what makes a result differ from one run to the next. Names only;
// whether they exist is the binder's question.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace tidemill::engine {

struct MentionedTable {
  std::string catalog;
  std::string schema;
  std::string name;
  size_t offset = 0;  // in the SQL, bytes
};

struct MentionedFunction {
  std::string name;  // lower case
  size_t offset = 0;
};

struct SqlShape {
  size_t statements = 0;
  std::vector<MentionedTable> tables;  // CTEs too
  std::set<std::string> ctes;          // names defined by WITH anywhere, lower case
  std::vector<MentionedFunction> table_functions;
  std::vector<MentionedFunction> environment_functions;  // getenv()
  std::vector<MentionedFunction> computed_models;        // predict(x, …) whose model is not written out
  std::set<std::string> models;
  std::set<std::string> volatile_reasons;
  bool describes = false;  // DESCRIBE, SHOW or SUMMARIZE somewhere
  bool travels = false;    // AT (VERSION …)
};

/// `tree` is what json_serialize_sql() gave, without its error.
SqlShape shape_of(const Json& tree);

/// Functions whose value is another in the next run, as DuckDB's catalog says (stability), with what the
/// catalog cannot say.
bool is_volatile_function(const std::string& folded_name);

}  // namespace tidemill::engine
