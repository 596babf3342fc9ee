// Rows that the program hands to SQL: a relation of one connection whose rows are another batch at each run
// of a statement. Nothing is copied into a table and nothing is planned again for them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/database.hpp"

namespace tidemill::engine {

/// Date: days since 1970. Timestamp and TimestampTz: microseconds since 1970.
enum class GivenKind { Boolean, Integer, Real, Text, Date, Timestamp, TimestampTz };

struct GivenColumn {
  std::string name;
  GivenKind kind = GivenKind::Text;
};

/// One column's values, one a row; which vector holds them follows from the kind.
struct GivenValues {
  std::vector<uint8_t> missing;    // 1: NULL, and the value is not looked at
  std::vector<double> reals;       // Real
  std::vector<std::string> texts;  // Text: valid UTF-8
  std::vector<int64_t> wholes;     // all others
};

/// Some of many rows.
struct GivenPiece {
  std::span<const GivenValues> values;
  size_t rows = 0;
};

class GivenRows {
 public:
  /// The connection's SQL reads them from relation(), by the columns' names.
  static Result<GivenRows> offer(Connection& connection, std::vector<GivenColumn> columns);
  GivenRows(GivenRows&&) noexcept = default;
  GivenRows& operator=(GivenRows&&) noexcept = default;
  ~GivenRows();
  const std::string& relation() const { return relation_; }
  /// What statements read from now on, in the columns' order. Stays the caller's, until the next give(). Also
  /// for how many rows a statement is planned; before the first give(), for one.
  void give(std::span<const GivenValues> values, size_t rows);
  /// More rows than shall lie in memory: the next statement asks for one piece after the other, and a piece
  /// stays the caller's until the next one is asked for. One without rows is the end. For one statement.
  void stream(std::function<GivenPiece()> next);

  struct Offer;
  /// All of an instance: what its one table function finds by number.
  struct Offers {
    std::mutex mutex;
    std::map<int64_t, std::weak_ptr<Offer>> by_number;
    int64_t last_number = 0;
  };

 private:
  GivenRows(std::shared_ptr<Offer> offer, std::string relation)
      : offer_(std::move(offer)), relation_(std::move(relation)) {}
  std::shared_ptr<Offer> offer_;  // statements that were prepared hold it too
  std::string relation_;
};

}  // namespace tidemill::engine
