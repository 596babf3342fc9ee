#include "monitoring/steady_read.hpp"

#include <algorithm>

#include "monitoring/log_relation.hpp"
#include "monitoring/roll.hpp"

namespace tidemill::monitoring {

std::vector<Path> files_of_log(const Path& home, const std::string& deployment) {
  std::vector<Path> files = files_ending(log_folder(home, deployment), kParquetEnding);
  std::ranges::move(files_ending(label_folder(home, deployment), kParquetEnding), std::back_inserter(files));
  return files;
}

}  // namespace tidemill::monitoring
