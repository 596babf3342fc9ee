#include <gtest/gtest.h>

#include "engine/source_for_tests.hpp"

namespace tidemill::engine {
namespace {

TEST(scan_json, reads_lines_and_arrays_with_declared_types) {
  EXPECT_EQ(Source("jsonl")
                .file("a.jsonl",
                      "{\"id\":1,\"t\":\"2013-01-01T05:00:00Z\",\"n\":{\"a\":[1,2]}}\n{\"id\":\"2\","
                      "\"extra\":true}\n")
                .declare({{"id", "integer"}, {"t", "timestamptz"}})
                .read(),
            "id INTEGER, t TIMESTAMP WITH TIME ZONE, n STRUCT(a BIGINT[]), extra BOOLEAN | 1,2013-01-01 "
            "05:00:00+00,{'a': [1, 2]},NULL | "
            "2,NULL,NULL,true");
  EXPECT_EQ(Source("json").file("a.json", "[{\"id\": 1}, {\"id\": 2.0}]").declare({{"id", "bigint"}}).read(),
            "id BIGINT | 1 | 2");
  EXPECT_EQ(Source("jsonl")
                .file("a.jsonl", "{\"a\":1}\n")
                .file("b.jsonl", "")
                .file("c.jsonl", "{\"b\":\"x\",\"a\":2}\n")
                .read(),
            "a BIGINT, b VARCHAR | 1,NULL | 2,x");
  EXPECT_EQ(Source("jsonl").file("a.jsonl", "").declare({{"id", "bigint"}}).read(), "id BIGINT");
}

TEST(scan_json, whole_numbers_beyond_64_bits_are_never_rounded) {
  EXPECT_EQ(
      Source("jsonl")
          .file("a.jsonl",
                "{\"id\":12345678901234567890,\"n\":36893488147419103232,\"x\":1.5}\n{\"id\":2,\"n\":null}\n")
          .read(),
      "id VARCHAR, n VARCHAR, x DOUBLE | 12345678901234567890,36893488147419103232,1.5 | 2,NULL,NULL");
}

TEST(scan_json, mistakes_have_file_and_line) {
  EXPECT_EQ(Source("jsonl").file("a.jsonl", "{\"id\":1}\n{\"id\":1.5}\n").declare({{"id", "bigint"}}).read(),
            "source.bad_row a.jsonl:2 <{\"id\":1.5}> '1.5' in column \"id\" is not a valid BIGINT");
  EXPECT_EQ(Source("jsonl").file("a.jsonl", "{\"x\":1}\n{\"x\":\"abc\"}\n").declare({{"x", "double"}}).read(),
            "source.bad_row a.jsonl:2 Failed to cast value to numerical: \"abc\"");
  EXPECT_EQ(Source("jsonl")
                .file("a.jsonl", "{\"id\":1}\n{\"id\":2\n{\"id\":3}\n")
                .declare({{"id", "bigint"}})
                .read()
                .substr(0, 36),
            "source.bad_row a.jsonl:2 <{\"id\":2> t");
  EXPECT_EQ(Source("jsonl").file("a.jsonl", "{\"n\":\"Z\xfcrich\"}\n").read().substr(0, 26),
            "source.encoding a.jsonl:1 ");
  EXPECT_EQ(Source("jsonl").file("a.jsonl", "[1]\n").read(),
            "source.bad_columns a.jsonl:0 the file holds values, not objects");
  EXPECT_EQ(Source("json").file("a.json", "[{\"id\":1},{\"id\":2},").read(),
            "source.truncated a.json:0 the file opens an array and does not close it");
  EXPECT_EQ(
      Source("jsonl").file("a.jsonl", "{\"id\":1}\n").declare({{"id", "bigint"}, {"name", "varchar"}}).read(),
      "source.missing_column a.jsonl:0 <id> column \"name\" is declared and not in the file");
  EXPECT_EQ(Source("jsonl").file("a.jsonl", "{\"id\":1,\"ID\":2}\n").read(),
            "source.duplicate_column a.jsonl:0 two keys differ from \"ID\" by case alone");
  EXPECT_EQ(Source("jsonl").file("a.jsonl", "").read(),
            "source.empty a.jsonl:0 the files hold no rows, and not every column's type is declared");
}

TEST(scan_json, a_key_that_comes_late_is_not_lost) {
  std::string text;
  for (int i = 0; i < 30000; ++i) text += "{\"id\":1}\n";
  const auto rows = Source("jsonl")
                        .file("a.jsonl", text + "{\"id\":2,\"late\":7}\n")
                        .declare({{"id", "bigint"}, {"late", "bigint"}})
                        .rows();
  ASSERT_TRUE(rows) << to_text(rows.error());
  EXPECT_EQ(to_text(rows->rows.back()[1]), "7");
}

}  // namespace
}  // namespace tidemill::engine
