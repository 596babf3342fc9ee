// Notices that wait to be told, as files of a folder: durable when add() returns, and there until somebody
// took them. A file's name is AT-ID.TO.json, so that names sort by time. Several processes may add; one
// delivers.
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "monitoring/notify.hpp"

namespace tidemill::monitoring {

inline constexpr size_t kMaxWaiting = 1'000;  // for one receiver: beyond, the oldest are dropped

class Outbox {
 public:
  explicit Outbox(Path folder, size_t most = kMaxWaiting) : folder_(std::move(folder)), most_(most) {}
  /// The same notice twice is one. Returns how many older ones had to go. Errors: io.*
  Result<size_t> add(const std::string& to, const Notice& notice) const;
  /// Oldest first.
  std::vector<Path> waiting(const std::string& to) const;
  /// Errors: io.*, monitoring.state.
  static Result<Notice> read(const Path& file);
  static Result<void> remove(const Path& file);

 private:
  Path folder_;
  size_t most_;
};

}  // namespace tidemill::monitoring
