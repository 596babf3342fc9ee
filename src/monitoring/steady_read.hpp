// Reads the log and the labels while they are written: the Parquet file of a segment that grows is replaced
// under its name at each roll.
#pragma once

#include "base/steady_read.hpp"

namespace tidemill::monitoring {

/// The files of a deployment's log and labels that there are now.
std::vector<Path> files_of_log(const Path& home, const std::string& deployment);

/// What `read` returns. It must name the files anew each time (log_relation()).
template <class Read>
auto read_steadily(const Path& home, const std::string& deployment, const Read& read) -> decltype(read()) {
  return tidemill::read_steadily([&] { return files_of_log(home, deployment); }, read);
}

}  // namespace tidemill::monitoring
