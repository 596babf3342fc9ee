// Names as SQL compares them: a column or table is found whatever the case it was written in. Whoever looks
// up a name that a person wrote does it here; the name a table has of its own is what stands in SQL and
// reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/database.hpp"

namespace tidemill::engine {

/// Lower case by ASCII: how DuckDB compares names.
std::string folded_name(std::string_view name);
bool same_name(std::string_view a, std::string_view b);

/// The column of that name, exactly or else with another case; null: there is none.
const Column* find_column(const std::vector<Column>& columns, std::string_view name);

/// Whether a table is a deployment's log, "predictions.late".
bool is_log_table(std::string_view table);
/// Statements after which `predictions.late` leads to what the connection has under "predictions.late".
/// Others on the same instance have their own, and may be at these statements, too.
std::string log_schema_sql(std::string_view table);

}  // namespace tidemill::engine
