// A project drafted from one data file: what its columns are, what to predict with which, how to split, what
// to doubt. Decides from facts; data_facts.cpp measures the file, init_command.cpp writes the project.
#pragma once

#include <string>
#include <vector>

#include "app/data_facts.hpp"

namespace tidemill::app {

struct Draft {
  std::string project_file;
  std::string transform_name;
  std::string transform_sql;
  std::vector<std::string> notes;     // what was decided and why
  std::vector<std::string> warnings;  // what to look at before trusting it
};

Result<Draft> draft_project(const std::string& name, const DataFacts& data, const std::string& target);

}  // namespace tidemill::app
