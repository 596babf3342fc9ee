#include <fstream>

#include <gtest/gtest.h>

#include <fmt/ranges.h>

#include "engine/scan.hpp"
#include "engine/scratch_for_tests.hpp"

namespace tidemill::engine {
namespace {

TEST(glob, finds_files_in_a_stable_order) {
  const ScratchFolder folder;
  for (const char* name : {"b.csv", "a.csv", "c.txt", ".hidden.csv", "sub/d.csv", "sub/deep/e.csv",
                           "sub/.git/f.csv", "x[1].csv"}) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "x\n";
  }
  const auto names = [&](const std::vector<std::string>& patterns) {
    const auto files = expand_globs(folder.path(), patterns);
    if (!files) return files.error().code + ": " + files.error().hint;
    std::vector<std::string> found;
    for (const Path& file : *files) found.push_back(file.lexically_relative(folder.path()).string());
    return fmt::format("{}", fmt::join(found, " "));
  };
  EXPECT_EQ(names({"*.csv"}), "a.csv b.csv x[1].csv");
  EXPECT_EQ(names({"**/*.csv"}), "a.csv b.csv sub/d.csv sub/deep/e.csv x[1].csv");
  EXPECT_EQ(names({"sub/**"}), names({"sub/**/*"})) << "** as the last part means every file below";
  EXPECT_EQ(names({"[ab].csv", "a.csv", "./b.csv"}), "a.csv b.csv");
  EXPECT_EQ(names({"s?b/*.csv"}), "sub/d.csv");
  EXPECT_EQ(names({(folder / "a.csv").string()}), "a.csv");
  EXPECT_EQ(names({"a.cvs"}), "source.no_files: did you mean 'a.csv'?");
  EXPECT_EQ(names({"a.csv", "*.parquet"}).substr(0, 15), "source.no_files");
  EXPECT_EQ(names({"sub"}).substr(0, 33), "source.no_files: this is a folder");
  EXPECT_EQ(names({"s3://bucket/x.csv"}).substr(0, 15), "source.no_files");
}

}  // namespace
}  // namespace tidemill::engine
