#include "base/steady_read.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

namespace tidemill {

std::string files_as_they_are(const std::vector<Path>& files) {
  std::string all;
  for (const Path& file : files) {
    struct stat facts{};
    if (::stat(file.c_str(), &facts) != 0) continue;  // gone meanwhile
    all += fmt::format("{} {} {}.{:09}\n", file.native(), facts.st_ino, facts.st_mtim.tv_sec,
                       facts.st_mtim.tv_nsec);
  }
  return all;
}

}  // namespace tidemill
