// Reads files while others replace them under their names. SQL opens a Parquet file twice: for where its
// columns lie, and for them. A read between whose two a file was replaced fails on bytes that are not where
// they were, and is done again.
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"

namespace tidemill {

inline constexpr int kMaxReads = 10;

/// Which files these are: other text once one was replaced.
std::string files_as_they_are(const std::vector<Path>& files);

/// What `read` returns of files(), which both name anew each time.
template <class Files, class Read>
auto read_steadily(const Files& files, const Read& read) -> decltype(read()) {
  for (int done = 1;; ++done) {
    const std::string before = files_as_they_are(files());
    auto result = read();
    if (result || done == kMaxReads || files_as_they_are(files()) == before) return result;
  }
}

}  // namespace tidemill
