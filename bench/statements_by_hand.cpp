// The statements of the step benchmark without any step: COPY … TO Parquet and a view for each, one after the
// other, not synced.
//   statements_by_hand FOLDER OUT SYNC      FOLDER has c_0000.sql …; SYNC 1: fsync file and folder after
//   each. Prints one JSON line.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "duckdb_by_hand.hpp"

namespace {

void sync(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY);
  if (fd < 0 || fsync(fd) != 0) by_hand::die("cannot sync " + path);
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) by_hand::die("usage: statements_by_hand FOLDER OUT SYNC");
  const std::filesystem::path out = argv[2];
  const bool synced = argv[3][0] == '1';
  std::filesystem::create_directories(out);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  by_hand::Session session(2, "UTC");
  std::vector<double> each_ms;
  by_hand::Clock whole, clock;
  for (const auto& file : files) {
    std::ifstream in(file);
    const std::string sql{std::istreambuf_iterator<char>(in), {}};
    const std::string name = file.stem(), made = (out / (name + ".parquet")).string();
    clock.lap_ms();
    session.run("COPY (" + sql + ") TO '" + made +
                "' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)");
    session.run("CREATE VIEW " + name + " AS FROM read_parquet('" + made + "')");
    if (synced) sync(made), sync(out.string());
    each_ms.push_back(clock.lap_ms());
  }
  const double total = whole.lap_ms();
  std::sort(each_ms.begin(), each_ms.end());
  std::printf(R"({"total_ms": %.3f, "steps": %zu, "p50_ms": %.4f, "p95_ms": %.4f})"
              "\n",
              total, each_ms.size(), each_ms[each_ms.size() / 2], each_ms[each_ms.size() * 95 / 100]);
}
