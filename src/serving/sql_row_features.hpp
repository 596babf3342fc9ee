// Features by the version's SQL in DuckDB: one instance with the published tables that requests look things
// up in, and a session for each thread that asks at a time, with the SQL made ready once. A fatal error of
// the engine closes the instance, and another is opened.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "serving/request_path.hpp"
#include "serving/row_features.hpp"

namespace tidemill::serving {

/// A published snapshot.
struct PublishedTable {
  std::string name;  // as the SQL names it
  Path file;
  int64_t bytes = 0;
};

struct SqlRowFeaturesOptions {
  std::shared_ptr<const forest::Predictor> predictor;
  RequestPath path;
  std::vector<PublishedTable> tables;
  std::vector<Path> allowed_folders;  // that the tables' files lie in
  int64_t memory_bytes = 0;           // 0: as much as there may be
  /// An instance that broke is opened again after this long, not at once: what broke it may come again.
  Duration reopen_pause{1'000'000};
  std::shared_ptr<const Clock> clock = system_clock();
};

class SqlRowFeatures final : public RowFeatures {
 public:
  /// Loads the tables and makes the SQL ready. Errors: serving.request_sql (the SQL does not run over
  /// requests, or a feature is not what it makes), io.*, engine.memory.
  static Result<std::shared_ptr<const SqlRowFeatures>> open(SqlRowFeaturesOptions options);
  ~SqlRowFeatures() override;
  const RequestSchema& schema() const override { return options_.path.schema; }
  Result<std::vector<Tensor>> features(RequestRows rows) const override;

  /// A table whose file is larger is read from the file at each request; and so are all that come when the
  /// ones that are held have this much together.
  static constexpr int64_t kMostHeldTableBytes = int64_t{128} << 20, kMostHeldBytes = int64_t{512} << 20;
  static constexpr int64_t kMostMemoryBytes = int64_t{4} << 30;
  /// Of sessions that wait for their next request.
  static constexpr size_t kMostIdleSessions = 16;

 private:
  struct Instance;
  struct Session;
  explicit SqlRowFeatures(SqlRowFeaturesOptions options);
  Result<std::shared_ptr<Instance>> instance() const;
  Result<std::unique_ptr<Session>> borrow() const;
  void give_back(std::unique_ptr<Session> session) const;
  void note_broken(const std::shared_ptr<Instance>& instance) const;

  SqlRowFeaturesOptions options_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<Instance> instance_;          // null: broke, to be opened
  mutable std::vector<std::unique_ptr<Session>> idle_;  // of instance_
  mutable Instant reopen_at_;
  mutable bool opening_ = false;
};

}  // namespace tidemill::serving
