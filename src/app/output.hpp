// How commands speak: data to stdout (tables or JSON), messages and errors to stderr, colours only where a
// person looks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/session.hpp"
#include "base/json.hpp"

namespace tidemill::app {

/// "336 776": digits in groups of three.
std::string grouped(int64_t number);
/// "1.2 s", "340 ms", "2 min 5 s".
std::string human_seconds(double seconds);
/// "2013-11-03 05:30:00": UTC, to the second.
std::string human_time(Instant instant);
/// "3.4 MB".
std::string human_bytes(int64_t bytes);

/// Rows with aligned columns; numbers (right = true) are set to the right.
class TextTable {
 public:
  struct Heading {
    std::string name;
    bool right = false;
  };
  explicit TextTable(std::vector<Heading> headings) : headings_(std::move(headings)) {}
  void add(std::vector<std::string> row);
  std::string text() const;

 private:
  std::vector<Heading> headings_;
  std::vector<std::vector<std::string>> rows_;
};

enum class Breaks { Keep, Show };  // of lines, and tabs
/// Data may hold what a terminal obeys: control characters become "\\x1b".
std::string visible(std::string_view text, Breaks breaks = Breaks::Keep);

/// Texts without quotes, numbers to six digits; what is nested is shown as JSON, null as nothing.
std::string cell_text(const Json& value);

void print(std::string_view text);  // to stdout, redacted
void print_json(const Json& json);  // to stdout, indented, a newline at the end
/// Errors to stderr in the CLI's form (with --json: {"errors":[…]} to stdout), and the exit code of the
/// gravest.
int report(const GlobalOptions& global, const Errors& errors);
int report(const GlobalOptions& global, const Error& error);
int gravest_exit_code(const Errors& errors);

enum class Tone { Plain, Good, Bad, Warning, Dim };
std::string painted(const GlobalOptions& global, std::string_view text, Tone tone);

}  // namespace tidemill::app
