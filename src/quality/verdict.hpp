// From counts to a verdict and its sentence: pure functions. The limits of a check (mostly, warn_if,
// error_if, severity) live here.
#pragma once

#include <cstdint>
#include <string>

#include "quality/quality.hpp"

namespace tidemill::quality {

/// "27 004"
std::string grouped(int64_t number);
/// "1.5 %", two significant digits; never "0 %" for something nor "100 %" for less than all.
std::string percent(double share);

struct Verdict {
  CheckStatus status = CheckStatus::Passed;
  std::string limit;  // "limit 1 %", the one that was crossed or, when none was, that allows failing rows;
                      // empty: none may fail
};
/// error_if and warn_if, where given, are the limits; `mostly` is one too unless it is 1 beside them.
/// severity warn never fails.
Verdict judge(const project::Check& check, int64_t rows, int64_t failing);

/// What is wrong with the failing rows: "have no tailnum"; one: "has no tailnum".
std::string complaint(const project::Check& check, bool one);
/// "412 of 27 004 rows have no tailnum, 1.5 % (limit 1 %)"
std::string sentence(const project::Check& check, int64_t rows, int64_t failing, const Verdict& verdict);

/// The result of a check before it is judged.
CheckResult result_of(const project::Check& check);
/// A rule that cannot be judged as it is written.
CheckResult broken(const project::Check& check, std::string message, std::string hint = {});
/// Failed, or Warned where the severity is warn.
CheckStatus failure(const project::Check& check);

}  // namespace tidemill::quality
