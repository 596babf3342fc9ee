#include "engine/sql_error.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "engine/database.hpp"
#include "engine/scratch_for_tests.hpp"

namespace tidemill::engine {
namespace {

TEST(sql_error, every_class_of_duckdb_error_has_a_code_and_a_kind) {
  const auto of = [](const std::string& type, const std::string& message, const std::string& more = "") {
    const Error error = error_from_duckdb(
        R"(Error: {"exception_type":")" + type + R"(","exception_message":")" + message + "\"" + more + "}",
        {.text = "SELECT 1"});
    return error.code + " " + std::string(to_text(error.kind));
  };
  EXPECT_EQ(of("Parser", "x"), "sql.syntax user");
  EXPECT_EQ(of("Binder", "x", R"(,"error_subtype":"COLUMN_NOT_FOUND")"), "sql.unknown_column user");
  EXPECT_EQ(of("Binder", "x"), "sql.bind user");
  EXPECT_EQ(of("Catalog", "x", R"(,"error_subtype":"MISSING_ENTRY","type":"Table")"),
            "sql.unknown_table user");
  EXPECT_EQ(of("Out of Memory", "failed to allocate"), "engine.memory environment");
  EXPECT_EQ(of("IO", "Could not write file: No space left on device"), "io.disk_full environment");
  EXPECT_EQ(of("Out of Memory", "could not write to temporary file: No space left on device"),
            "io.disk_full environment");
  EXPECT_EQ(of("IO", "Cannot open file"), "io.failed environment");
  EXPECT_EQ(of("INTERRUPT", "Interrupted!"), "interrupted environment");
  EXPECT_EQ(of("FATAL", "database has been invalidated"), "engine.fatal internal");
  EXPECT_EQ(of("INTERNAL", "Attempted to dereference"), "engine.fatal internal");
  EXPECT_EQ(of("IO", R"(Unable to connect to Postgres at \"host=h password=secret\": Connection refused)"),
            "connection.failed environment");
  EXPECT_EQ(of("Something new", "x"), "sql.failed user");
  EXPECT_EQ(error_from_duckdb("no JSON at all", {.text = ""}).message, "no JSON at all");
  EXPECT_EQ(error_from_duckdb("{\"exception_type\": 7}", {.text = ""}).code, "sql.failed");
}

TEST(sql_error, places_count_characters_and_leave_out_what_tidemill_wrapped_around) {
  EXPECT_EQ(place_in("a\nüx", 4).line, 2);
  EXPECT_EQ(place_in("a\nüx", 4).column, 2);
  EXPECT_EQ(place_in("", 5).column, 1);
  const Error inside =
      error_from_duckdb(R"({"exception_type":"Binder","exception_message":"x","position":"13"})",
                        {.text = "SELECT foo", .offset = 6});
  EXPECT_EQ(inside.where.column, 8);
  const Error before =
      error_from_duckdb(R"({"exception_type":"Binder","exception_message":"x","position":"3"})",
                        {.text = "SELECT foo", .offset = 6});
  EXPECT_EQ(before.where.line, 0);
}

TEST(sql_error, a_full_disk_is_named) {
  if (::getuid() != 0) GTEST_SKIP() << "mounting a small file system needs root";
  const ScratchFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0)
    GTEST_SKIP() << "this machine lets nobody mount a tmpfs";
  {
    auto database = *Database::open({.threads = 2, .allowed_folders = {folder.path()}});
    auto connection = *database->connect();
    const auto written =
        connection.write_parquet("SELECT md5(range::VARCHAR) AS t FROM range(1000000)", folder / "t.parquet");
    EXPECT_EQ(written ? "" : written.error().code, "io.disk_full");
    EXPECT_EQ(to_text(*connection.scalar("SELECT 1")), "1");
    // Spilling onto a full disk is the same to the user.
    auto spilling =
        *Database::open({.threads = 1, .memory_bytes = 48 << 20, .spill_folder = folder / "spill"});
    auto session = *spilling->connect();
    const auto sorted =
        session.for_each_chunk("SELECT range, md5(range::VARCHAR) AS t FROM range(3000000) ORDER BY t",
                               [](const Chunk&) -> Result<void> { return {}; });
    EXPECT_EQ(sorted ? "" : sorted.error().code, "io.disk_full");
  }
  EXPECT_EQ(::umount2(folder.path().c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace tidemill::engine
