// Which part a row belongs to, as a value that a package carries: any later row can be assigned again,
// exactly. docs/formats/package.md gives the rules. A row never changes sides as long as the split is the
// same one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "project/project.hpp"

namespace tidemill::training {

enum class Part : uint8_t { Train, Validation, Test, Gap, New };
std::string_view to_text(Part part);

/// The hash that splits by key and group: FNV-1a over each text, its length first as eight little-endian
/// bytes, then SplitMix64's finish.
class SplitHash {
 public:
  void add(std::string_view text);
  void add_null();
  uint64_t value() const;
  /// value() as a share of 2⁶⁴, in [0, 1).
  double share() const;

 private:
  void add_bytes(std::string_view bytes);
  uint64_t state_ = 14695981039346656037ULL;
};

struct SplitRule {
  project::Split::Kind kind = project::Split::Kind::Hash;
  std::string column;               // time or group column
  double test = 0, validation = 0;  // shares, for hash and group
  // Time, in microseconds since 1970 (UTC, or the local time of a column without zone).
  std::optional<int64_t> validation_from;
  int64_t test_from = 0;
  int64_t test_to = 0;
  int64_t gap = 0;

  Part of_time(int64_t micros) const;
  Part of_share(double share) const;
  bool operator==(const SplitRule&) const = default;
};
Json to_json(const SplitRule& rule);
/// Error training.bad_split.
Result<SplitRule> split_from_json(const Json& json);

/// The rule that the declared split means for rows with these times (time split only; unsorted). Errors:
/// training.bad_split.
Result<SplitRule> plan_split(const project::Split& split, std::span<const int64_t> times);

}  // namespace tidemill::training
