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

}  // namespace tidemill::engine
