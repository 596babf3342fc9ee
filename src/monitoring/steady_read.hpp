// Reads the log and the labels while they are written. The Parquet file of a segment that grows is replaced
// under its name at each roll, and SQL opens a file twice: for where its columns lie, and for them. A read
// between whose two a file was replaced fails on bytes that are not where they were, and is done again.
#pragma once

#include <string>

#include "base/file.hpp"

namespace tidemill::monitoring {

inline constexpr int kMaxReads = 10;

/// Which files of a deployment's log and labels there are: other text once one was replaced.
std::string files_as_they_are(const Path& home, const std::string& deployment);

/// What `read` returns. It must name the files anew each time (log_relation()).
template <class Read>
auto read_steadily(const Path& home, const std::string& deployment, const Read& read) -> decltype(read()) {
  for (int done = 1;; ++done) {
    const std::string before = files_as_they_are(home, deployment);
    auto result = read();
    if (result || done == kMaxReads || files_as_they_are(home, deployment) == before) return result;
  }
}

}  // namespace tidemill::monitoring
