// Which clauses of a transform's SQL may drop or double rows, as they stand in the text: for errors that name
// them. Reads words, not meaning: it names candidates.
#pragma once

#include <string>
#include <vector>

#include "serving/request_path.hpp"

namespace tidemill::serving {

struct Clause {
  enum class Effect { Drops, Doubles };
  std::string text;  // "WHERE", "JOIN"
  size_t line = 0;   // from 1
};

std::vector<Clause> clauses_that(Clause::Effect effect, const std::string& sql);

/// ": see WHERE in transforms/features.sql, line 3, or JOIN in …"; empty when there is none.
std::string those_that(Clause::Effect effect, const std::vector<RequestPath::Transform>& transforms);

}  // namespace tidemill::serving
