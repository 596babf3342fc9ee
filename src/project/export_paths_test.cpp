#include "project/export_paths.hpp"

#include <gtest/gtest.h>

#include "project/load.hpp"

namespace tidemill::project {
namespace {

/// What is wrong with a project in /shop that exports its table `small` to this path.
std::string mistakes(const std::string& source, const std::string& path, const std::string& more = "") {
  const std::string text = "name: p\nsources:\n  orders: {path: " + source +
                           "}\n  small: {path: small.parquet}\nexports:\n  small: {path: " + path + "}\n" +
                           more;
  const auto project = load_text(text, "/shop", {});
  std::string all;
  if (!project)
    for (const Error& error : project.error()) all += to_text(error) + "\n";
  return all;
}

bool refuses(const std::string& source, const std::string& path) {
  return mistakes(source, path).find("error[project.output_is_input]") != std::string::npos;
}

TEST(ExportPaths, a_sources_file_is_not_written_over) {
  const std::string text = mistakes("orders.csv", "orders.csv");
  EXPECT_NE(text.find("'orders.csv' is the file of source orders: its rows would be written over"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("--> tidemill.yaml:6:17  table small"), std::string::npos) << text;
  EXPECT_TRUE(refuses("orders.csv", "out/../orders.csv"));
  EXPECT_TRUE(refuses("./data//orders.csv", "data/orders.csv"));
  EXPECT_TRUE(refuses("../raw/orders.csv", "../raw/orders.csv"));
  EXPECT_TRUE(refuses("/shop/orders.csv", "orders.csv"));
  EXPECT_TRUE(refuses("orders.csv", "/shop/orders.csv"));
  EXPECT_TRUE(refuses("[a.csv, b.csv]", "b.csv"));
  EXPECT_FALSE(refuses("orders.csv", "out/orders.csv"));
  EXPECT_FALSE(refuses("../orders.csv", "orders.csv"));
  EXPECT_FALSE(refuses("orders.csv", "../orders.csv"));
}

TEST(ExportPaths, nor_is_a_file_added_to_those_that_a_glob_means) {
  const std::string text = mistakes("orders/*.csv", "orders/small.csv");
  EXPECT_NE(text.find("'orders/small.csv' is among the files that 'orders/*.csv' of source orders means"),
            std::string::npos)
      << text;
  EXPECT_TRUE(refuses("\"*.csv\"", "small.csv"));
  EXPECT_TRUE(refuses("\"**/*.csv\"", "small.csv"));
  EXPECT_TRUE(refuses("\"**/*.csv\"", "out/deep/small.csv"));
  EXPECT_TRUE(refuses("data/**", "data/out/small.csv"));
  EXPECT_TRUE(refuses("data/**/x/*.csv", "data/x/y/x/small.csv"));
  EXPECT_TRUE(refuses("../*/small.csv", "small.csv"));
  EXPECT_FALSE(refuses("orders/*.csv", "orders/small.parquet"));
  EXPECT_FALSE(refuses("orders/*.csv", "orders/out/small.csv"));
  EXPECT_FALSE(refuses("\"*.csv\"", "out/small.csv"));
  EXPECT_FALSE(refuses("\"*.csv\"", ".small.csv"));
  EXPECT_FALSE(refuses("\"**/*.csv\"", ".out/small.csv"));
  EXPECT_FALSE(refuses("data/**/x/*.csv", "data/small.csv"));
}

TEST(ExportPaths, two_exports_do_not_share_a_file) {
  const std::string text = mistakes("orders.csv", "out/a.csv", "  orders: {path: out/b/../a.csv}\n");
  EXPECT_NE(text.find("'out/b/../a.csv' is written by the export of small too"), std::string::npos) << text;
  EXPECT_NE(text.find("--> tidemill.yaml:7:18  table orders"), std::string::npos) << text;
  EXPECT_EQ(mistakes("orders.csv", "out/a.csv", "  orders: {path: out/b.csv}\n"), "");
}

TEST(ExportPaths, the_home_and_the_project_file_are_no_place_for_one) {
  for (const char* path : {".tidemill/small.csv", "out/../.tidemill/objects/small.csv"})
    EXPECT_NE(mistakes("orders.csv", path).find("is in the home /shop/.tidemill, where only what Tidemill"),
              std::string::npos)
        << path;
  EXPECT_NE(mistakes("orders.csv", "state/small.csv", "home: state/\n").find("is in the home /shop/state"),
            std::string::npos);
  EXPECT_NE(mistakes("orders.csv", "tidemill.yaml").find("error[project.bad_value]"), std::string::npos);
  EXPECT_EQ(mistakes("orders.csv", "small.csv", "home: .\n"), "") << "the home holds all of the project";
  EXPECT_EQ(mistakes("orders.csv", ".tidemill.csv"), "");
}

}  // namespace
}  // namespace tidemill::project
