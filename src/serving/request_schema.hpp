// The columns that a request's rows may have: the request source's, as the version was trained with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.hpp"
#include "engine/given_rows.hpp"

namespace tidemill::serving {

struct RequestColumn {
  std::string name;
  std::string type;  // DuckDB's text
  /// How values travel into SQL. What has no kind of its own (DECIMAL, UUID, lists …) is a Text that SQL
  /// casts.
  engine::GivenKind kind = engine::GivenKind::Text;
  bool cast = false;
  bool nested = false;  // its text is JSON
  int64_t least = 0;    // Integer
  int64_t most = 0;
  /// SQL of the value as `type`, from the column `given` that carries it.
  std::string expression(const std::string& given) const;
  /// … with NULL for a text that is none. Only where it is cast.
  std::string try_expression(const std::string& given) const;
};

class RequestSchema {
 public:
  struct Source {
    std::string name;
    std::vector<engine::Column> columns;
    std::vector<std::string> key;  // names among the columns
    std::string time_column;       // empty: none
    bool needs_time = false;       // the instant of a prediction is made from the time column
  };
  /// Error serving.request.
  static Result<RequestSchema> make(Source source);
  const std::string& source() const { return source_; }
  const std::string& time_column() const { return time_column_; }
  const std::vector<RequestColumn>& columns() const { return columns_; }
  const std::vector<size_t>& key() const { return key_; }
  /// The time column, where no prediction's instant is known without it.
  std::optional<size_t> needed_time() const { return needed_time_; }
  /// By name, in any case. Error predict.unknown_column with the nearest name.
  Result<size_t> find(std::string_view name) const;

 private:
  std::string source_, time_column_;
  std::vector<RequestColumn> columns_;
  std::vector<size_t> key_;
  std::optional<size_t> needed_time_;
  std::unordered_map<std::string, size_t> by_name_;  // folded
};

}  // namespace tidemill::serving
