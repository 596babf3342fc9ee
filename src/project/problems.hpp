// The mistakes found in a project so far. Gathered while everything is checked, and handed out once, in file
// order.
#pragma once

#include <string>

#include "base/error.hpp"
#include "project/yaml.hpp"

namespace tidemill::project {

inline constexpr size_t kMaxProblems = 200;  // shown; more than that and the first ones are read again anyway

class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  /// A mistake at a node of the project file; fill in seen, expected, hint of what comes back.
  Error& add(std::string code, std::string message, const YamlNode& at, std::string what);
  Error& add(std::string code, std::string message, Place place);
  void add(Error error) { errors_.push_back(std::move(error)); }

  const std::string& file() const { return file_; }
  Place place(const YamlNode& at, std::string what) const {
    return {file_, at.line, at.column, std::move(what)};
  }
  bool empty() const { return errors_.empty(); }
  /// In order of file (the project file first), line, column; one mistake once.
  Errors sorted() &&;

 private:
  std::string file_;
  Errors errors_;
};

}  // namespace tidemill::project
