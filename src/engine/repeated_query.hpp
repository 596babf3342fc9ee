// A SELECT that is made ready once and run again and again, each time over what its tables and given rows
// hold then.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/database.hpp"

namespace tidemill::engine {

class RepeatedQuery {
 public:
  /// The connection must outlive it. A plan that DuckDB can run once only (it has an ASOF join: the second
  /// run is an INTERNAL error that ends the instance, 1.5.5) is not kept.
  static Result<RepeatedQuery> prepare(Connection& connection, std::string select);
  RepeatedQuery(RepeatedQuery&&) noexcept;
  RepeatedQuery& operator=(RepeatedQuery&&) noexcept;
  ~RepeatedQuery();
  /// Kept: the plan as it was prepared, where it can be. Fresh: one for the rows that are given now.
  enum class Plan { Kept, Fresh };
  /// Returns the number of rows. As Connection::for_each_chunk.
  Result<int64_t> run(const std::function<Result<void>(const Chunk&)>& callback, Plan plan = Plan::Kept);

 private:
  struct Impl;
  explicit RepeatedQuery(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemill::engine
