// predict('late@champion', row) in SQL: DuckDB's vectors in, one batch of plain values to the program's own
// scorer, DOUBLE out.
#pragma once

#include "engine/database.hpp"
#include "engine/handles.hpp"

namespace tidemill::engine {

/// `function` must outlive the instance's use of it.
Result<void> register_predict_function(duckdb_connection connection, const PredictFunction& function);

}  // namespace tidemill::engine
