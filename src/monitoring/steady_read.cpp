#include "monitoring/steady_read.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

#include "monitoring/log_relation.hpp"
#include "monitoring/roll.hpp"

namespace tidemill::monitoring {

std::string files_as_they_are(const Path& home, const std::string& deployment) {
  std::string all;
  for (const Path& folder : {log_folder(home, deployment), label_folder(home, deployment)})
    for (const Path& file : files_ending(folder, kParquetEnding)) {
      struct stat facts{};
      if (::stat(file.c_str(), &facts) != 0) continue;  // gone meanwhile
      all += fmt::format("{} {} {}.{:09}\n", file.native(), facts.st_ino, facts.st_mtim.tv_sec,
                         facts.st_mtim.tv_nsec);
    }
  return all;
}

}  // namespace tidemill::monitoring
