#include "engine/scan.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/process.hpp"
#include "engine/source_for_tests.hpp"

namespace tidemill::engine {
namespace {

std::string gzipped(const ScratchFolder& folder, const std::string& text, const char* tool = "gzip") {
  std::ofstream(folder / "plain", std::ios::binary) << text;
  ChildOptions options;
  options.command = {
      "sh", "-c",
      fmt::format("{} -c < '{}' > '{}'", tool, (folder / "plain").string(), (folder / "packed").string())};
  const auto done = run_child(options);
  if (!done || done->code != 0) throw std::runtime_error("cannot compress");
  return *read_file(folder / "packed");
}

TEST(scan_csv, infers_types_of_what_is_not_declared) {
  EXPECT_EQ(Source()
                .file("a.csv",
                      "id,name,x,d,t,z,b\n1,Zürich,1.5,2013-01-02,2013-01-02 "
                      "03:04:05,02134,true\n2,\"a,\"\"b\"\"\",,,,,\n")
                .read(),
            "id BIGINT, name VARCHAR, x DOUBLE, d DATE, t TIMESTAMP, z VARCHAR, b BOOLEAN | "
            "1,Zürich,1.5,2013-01-02,2013-01-02 "
            "03:04:05,02134,true | 2,a,\"b\",NULL,NULL,NULL,NULL,NULL");
}

TEST(scan_csv, whole_numbers_beyond_64_bits_are_never_rounded) {
  EXPECT_EQ(Source().file("a.csv", "id,x\n12345678901234567890,0.5\n-7,12345678901234567890\n,\n").read(),
            "id VARCHAR, x DOUBLE | 12345678901234567890,0.5 | -7,1.2345678901234567e+19 | NULL,NULL");
  EXPECT_EQ(Source().file("a.csv", "id\n9223372036854775807\n-9223372036854775808\n").read(),
            "id BIGINT | 9223372036854775807 | -9223372036854775808");
  EXPECT_EQ(Source().file("a.csv", "id\n100000000000000000000\n").declare({{"id", "double"}}).read(),
            "id DOUBLE | 1e+20");
}

TEST(scan_csv, a_column_that_is_wanted_as_it_is_written_has_no_type_found) {
  Source source;
  source.scan.as_written = [](const std::string& column) { return column != "n"; };
  source.file("a.csv", "id,flag,price,n\n1,t,1.50,2\n").file("b.csv", "n,price,id\n3,2.00,8\n");
  EXPECT_EQ(source.read(), "id VARCHAR, flag VARCHAR, price VARCHAR, n BIGINT | 1,t,1.50,2 | 8,NULL,2.00,3");
}

TEST(scan_csv, a_column_meant_as_numbers_has_no_dates_and_no_digits_that_are_infinite) {
  Source source;
  source.scan.number = [](const std::string& column) { return column != "d"; };
  source.file("a.csv", "x,n,d\ninf,1,2024-01-01\n-Infinity,2,2024-01-02\n");
  source.file("b.csv", "x,n,d\n 1.5,3,2024-01-03\n2e3,4,2024-01-04\n");
  EXPECT_EQ(source.read(),
            "x DOUBLE, n BIGINT, d DATE | inf,1,2024-01-01 | -inf,2,2024-01-02 | 1.5,3,2024-01-03 | "
            "2000,4,2024-01-04");
  for (const std::string value : {"1e400", "-1e400"}) {
    Source beyond;
    beyond.scan.number = [](const std::string&) { return true; };
    EXPECT_EQ(
        beyond.file("a.csv", "id,x\n1,1.5\n2," + value + "\n").read(),
        "source.bad_row a.csv:3 <2," + value + "> '" + value + "' in column \"x\" is not a valid DOUBLE");
  }
}

TEST(scan_csv, enforces_declared_types_and_keeps_the_other_columns) {
  Source s;
  s.file("a.csv", "id,At,n,extra\n1,2013-07-01T12:00:00Z,2.0,x\n2,2013-07-01 12:00:00,-7,y\n");
  s.declare({{"id", "varchar"}, {"at", "timestamptz"}, {"n", "integer"}});
  EXPECT_EQ(
      s.read(),
      "id VARCHAR, at TIMESTAMP WITH TIME ZONE, n INTEGER, extra VARCHAR | 1,2013-07-01 12:00:00+00,2,x | "
      "2,2013-07-01 16:00:00+00,-7,y");
}

TEST(scan_csv, a_value_that_does_not_fit_is_an_error_with_its_line) {
  EXPECT_EQ(Source().file("a.csv", "id,x\n1,1.5\n2,abc\n").declare({{"x", "double"}}).read(),
            "source.bad_row a.csv:3 <2,abc> 'abc' in column \"x\" is not a valid DOUBLE");
  EXPECT_EQ(Source().file("a.csv", "id,x\n1,5\n2,1.5\n").declare({{"x", "bigint"}}).read(),
            "source.bad_row a.csv:3 <2,1.5> '1.5' in column \"x\" is not a valid BIGINT");
  // An exponent is a fraction as well, and no double holds the last of these.
  for (const std::string value : {"15e-1", "15E-1", "1e-20", "9007199254740992.5"})
    EXPECT_EQ(
        Source().file("a.csv", "id,x\n1,5\n2," + value + "\n").declare({{"x", "bigint"}}).read(),
        "source.bad_row a.csv:3 <2," + value + "> '" + value + "' in column \"x\" is not a valid BIGINT");
  EXPECT_EQ(
      Source().file("a.csv", "x\n15e1\n20e-1\n3.0\n9223372036854775807\n").declare({{"x", "bigint"}}).read(),
      "x BIGINT | 150 | 2 | 3 | 9223372036854775807");
  EXPECT_EQ(Source().file("a.csv", "id,x\n1,5\n2,300\n").declare({{"x", "tinyint"}}).read(),
            "source.bad_row a.csv:3 <2,300> '300' in column \"x\" is not a valid TINYINT");
  EXPECT_EQ(Source().file("a.csv", "id,x\n1,2013-01-01\n2,2013-02-30\n").declare({{"x", "date"}}).read(),
            "source.bad_row a.csv:3 <2,2013-02-30> '2013-02-30' in column \"x\" is not a valid DATE");
  std::string late = "id,x\n";
  for (int i = 0; i < 60000; ++i) late += fmt::format("{},{}\n", i, i);
  EXPECT_EQ(Source().file("a.csv", late + "60000,oops\n").read(),
            "source.bad_row a.csv:60002 <60000,oops> 'oops' in column \"x\" is not a valid BIGINT");
  EXPECT_EQ(Source().file("a.csv", late + "60000,0.5\n").read(),
            "source.bad_row a.csv:60002 <60000,0.5> '0.5' in column \"x\" is not a valid BIGINT")
      << "DuckDB alone would round it to 1";
}

TEST(scan_csv, a_broken_row_is_an_error_with_its_content) {
  Source few;
  few.file("a.csv", "a,b,c\n1,2,3\n4,5\n").declare({{"a", "bigint"}, {"b", "bigint"}, {"c", "bigint"}});
  EXPECT_EQ(few.read(), "source.bad_row a.csv:3 <4,5> the row has 2 values, not 3");
  Source many;
  many.file("a.csv", "a,b\n1,2\n4,5,6\n").declare({{"a", "bigint"}, {"b", "bigint"}});
  EXPECT_EQ(many.read(), "source.bad_row a.csv:3 <4,5,6> the row has 3 values, not 2");
  EXPECT_EQ(Source().file("a.csv", "Report of 2013\n\na,b\n1,2\n").rows().error().code, "source.bad_row")
      << "no line is skipped silently";
  EXPECT_EQ(Source().file("a.csv", "a,b\n#1,2\n3,4\n").read(), "a VARCHAR, b BIGINT | #1,2 | 3,4")
      << "nor taken for a comment";
  std::string long_file = "a,b\n";
  for (int i = 0; i < 30000; ++i) long_file += "1,2\n";
  EXPECT_EQ(Source().file("a.csv", long_file + "3,4,5\n").read(),
            "source.bad_row a.csv:30002 <3,4,5> the row has 3 values, not 2");
  EXPECT_EQ(Source().file("a.csv", long_file + "3,\"4\n").read(),
            "source.bad_row a.csv:30002 <3,\"4> a quote is opened and not closed");
}

TEST(scan_csv, a_file_that_was_cut_in_the_middle_of_a_row_is_told_from_a_broken_row) {
  const auto hint = [](const std::string& rows) {
    return Source().file("a.csv", "id,x,note\n1,2,a\n" + rows).rows().error().hint;
  };
  EXPECT_EQ(
      hint("3,4"),
      "the file ends in the middle of this row: it was cut while it was written or copied, fetch it again");
  EXPECT_EQ(hint("3,4\n5,6,b\n"),
            "add what is missing; a last row cut short means that the file was not written to its end");
  EXPECT_EQ(hint("3,4,a,b\n"), "a delimiter inside a text needs quotes around the text");
  EXPECT_TRUE(hint("3,4,\"a").ends_with(
      "if the file ends there, it was cut while it was written or copied: fetch it again"));
}

TEST(scan_csv, a_date_that_is_none_is_found_whatever_another_column_is_written_like) {
  const auto file = [](const std::string& bad, const char* format) {
    std::string text = "id,signed_up,birth\n";
    for (int i = 0; i < 3000; ++i)
      text += fmt::format(fmt::runtime("{},{}," + std::string(format) + "\n"), i,
                          i == 19 ? bad : fmt::format("2023-{:02}-{:02}", i % 12 + 1, i % 28 + 1), i % 28 + 1,
                          i % 12 + 1);
    return text;
  };
  for (const char* format : {"{:02}.{:02}.1980", "{:02}.{:02}.1980 10:00:00", "{:02}/{:02}/80"})
    for (const std::string bad : {"2024-02-31", "unknown"}) {
      const std::string found = Source()
                                    .file("a.csv", file(bad, format))
                                    .declare({{"signed_up", "date"}, {"birth", "varchar"}})
                                    .read();
      EXPECT_TRUE(found.starts_with("source.bad_row a.csv:21 <19," + bad + ",")) << found;
      EXPECT_TRUE(found.ends_with(fmt::format("> '{}' in column \"signed_up\" is not a valid DATE", bad)))
          << found;
    }
  // Without the bad one, or where it is the declared column that is written so, all is as it was.
  EXPECT_TRUE(Source()
                  .file("a.csv", "a,b\n2023-01-02,03.04.2023\n2023-01-03,13.04.2023\n")
                  .declare({{"a", "date"}, {"b", "varchar"}})
                  .read()
                  .ends_with(" | 2023-01-02,03.04.2023 | 2023-01-03,13.04.2023"));
}

TEST(scan_csv, a_quote_that_nothing_closes_is_found_wherever_it_is) {
  const auto file = [](const std::string& row, const std::string& other) {
    std::string text = "id,note\n";
    for (int i = 0; i < 3000; ++i) text += i == 9 ? row : fmt::format("{},{}\n", i, other);
    return text;
  };
  EXPECT_EQ(Source().file("a.csv", file("9,\"left\n", "a")).read(),
            "source.bad_row a.csv:11 a quote is opened and not closed");
  EXPECT_EQ(Source().file("a.csv", file("9,\"left\n", "\"a, b\"")).read().substr(0, 23),
            "source.bad_row a.csv:11");
  Source().file("a.csv", file("9,\"\"\"left\"\" \n it\"\n", "a")).rows().value();
}

TEST(scan_csv, a_lost_column_is_an_error_with_the_nearest_name) {
  Source s;
  s.file("a.csv", "id,delay\n1,2\n")
      .file("b.csv", "id,dlay\n1,2\n")
      .declare({{"id", "bigint"}, {"delay", "bigint"}});
  EXPECT_EQ(s.read(),
            "source.missing_column b.csv:0 <id, dlay> column \"delay\" is declared and not in the file");
  EXPECT_EQ(s.rows().error().hint, "did you mean 'dlay'?");
  Source renamed;
  renamed.file("a.csv", "id,spending\n1,2\n").declare({{"id", "bigint"}, {"spend", "bigint"}});
  EXPECT_EQ(renamed.rows().error().hint, "did you mean 'spending'?");
}

TEST(scan_csv, columns_may_stand_in_another_order_in_each_file) {
  Source s;
  s.file("a.csv", "id,name\n1,a\n").file("b.csv", "name;id;more\nb;2;x\n").file("c.csv", "id,name\n3,c\n");
  EXPECT_EQ(s.read(), "id BIGINT, name VARCHAR, more VARCHAR | 1,a,NULL | 3,c,NULL | 2,b,x");
}

TEST(scan_csv, types_that_differ_between_files_widen_or_are_an_error_that_names_the_file) {
  EXPECT_EQ(Source().file("a.csv", "x\n1\n").file("b.csv", "x\n1.5\n").read(), "x DOUBLE | 1 | 1.5");
  EXPECT_EQ(Source().file("a.csv", "i,x\n1,\n").file("b.csv", "i,x\n2,7\n").read(),
            "i BIGINT, x BIGINT | 1,NULL | 2,7")
      << "a column without values says nothing about its type";
  EXPECT_EQ(Source().file("a.csv", "i,x\n1,7\n").file("b.csv", "i,x\n2,\n").read(),
            "i BIGINT, x BIGINT | 1,7 | 2,NULL");
  EXPECT_EQ(Source().file("a.csv", "x\n1\n").file("b.csv", "x\nabc\n").read(),
            "source.bad_type b.csv:0 <VARCHAR> column \"x\" has another type in this file than in a.csv");
}

TEST(scan_csv, understands_boms_line_ends_quotes_and_one_column) {
  EXPECT_EQ(Source().file("a.csv", "\xef\xbb\xbfid,name\r\n1,\"line\r\nbreak\"\r\n2,b\r\n").read(),
            "id BIGINT, name VARCHAR | 1,line\r\nbreak | 2,b");
  EXPECT_EQ(Source().file("a.csv", "name\nb\nc\n").declare({{"name", "varchar"}}).read(),
            "name VARCHAR | b | c");
  EXPECT_EQ(Source().file("a.csv", "carrier,name\nAA,American\nUA,United").read(),
            "carrier VARCHAR, name VARCHAR | AA,American | UA,United");
  EXPECT_EQ(Source().file("a.csv", "id,name\n").declare({{"id", "bigint"}, {"name", "varchar"}}).read(),
            "id BIGINT, name VARCHAR");
  std::string late_quote = "id,name\n";
  for (int i = 0; i < 30000; ++i) late_quote += "1,x\n";
  const auto rows = Source().file("a.csv", late_quote + "2,\"a,b\"\n").rows();
  ASSERT_TRUE(rows) << to_text(rows.error());
  EXPECT_EQ(to_text(rows->rows.back()[1]), "a,b") << "a quote that the sample did not show";
}

TEST(scan_csv, two_styles_of_dates_do_not_lead_in_a_circle) {
  Source plain;
  plain.file("a.csv", "a,b\n2013-12-31,31.12.2013\n").declare({{"a", "date"}, {"b", "date"}});
  EXPECT_EQ(
      plain.rows().error().hint,
      "if dates are written in another way, say how: csv: {date_format: \"%d.%m.%Y\"}; if other columns "
      "are not: declare b as varchar, and make it a time in a transform: strptime(\"b\", '%d.%m.%Y')");
  Source set;
  set.file("a.csv", "a,b\n2013-12-31,31.12.2013\n").declare({{"a", "date"}, {"b", "date"}});
  set.option("date_format", "%d.%m.%Y");
  EXPECT_EQ(set.rows().error().hint,
            "date_format holds for all columns of the file; one in another style: declare a as varchar, and "
            "make it a time in a transform: strptime(\"a\", '%Y-%m-%d')");
  Source times;
  times.file("a.csv", "a\n12/31/2013 23:59\n").declare({{"a", "timestamp"}});
  EXPECT_NE(times.rows().error().hint.find("timestamp_format: \"%m/%d/%Y %H:%M\""), std::string::npos)
      << times.rows().error().hint;
}

TEST(scan_csv, options_say_what_cannot_be_seen) {
  EXPECT_EQ(Source()
                .file("a.csv", "id,x\n1,NA\n2,\n3,7\n")
                .declare({{"id", "bigint"}, {"x", "integer"}})
                .option("null", {"", "NA"})
                .read(),
            "id BIGINT, x INTEGER | 1,NULL | 2,NULL | 3,7");
  Source na;
  na.file("a.csv", "id,x\n1,NA\n").declare({{"id", "bigint"}, {"x", "integer"}});
  EXPECT_EQ(na.read(), "source.bad_row a.csv:2 <1,NA> 'NA' in column \"x\" is not a valid INTEGER");
  EXPECT_EQ(na.rows().error().hint,
            "if 'NA' means that there is no value, say so: csv: {null: [\"\", \"NA\"]}");
  EXPECT_EQ(Source()
                .file("a.csv", "1;a\n2;b\n")
                .declare({{"n", "bigint"}, {"t", "varchar"}})
                .option("header", false)
                .option("delimiter", ";")
                .read(),
            "n BIGINT, t VARCHAR | 1,a | 2,b");
  EXPECT_EQ(Source().file("a.csv", "1;a\n").declare({{"n", "bigint"}}).option("header", false).read(),
            "source.bad_columns a.csv:0 <2 columns, the first line: 1 | a> a file without header has another "
            "number of columns than are declared");
  EXPECT_EQ(Source()
                .file("a.csv", "d,t\n31.12.2013,31.12.2013 23:59\n")
                .declare({{"d", "date"}, {"t", "timestamp"}})
                .option("date_format", "%d.%m.%Y")
                .option("timestamp_format", "%d.%m.%Y %H:%M")
                .read(),
            "d DATE, t TIMESTAMP | 2013-12-31,2013-12-31 23:59:00");
  EXPECT_EQ(Source().file("a.csv", "n\nZ\xfcrich\n").option("encoding", "latin-1").read(),
            "n VARCHAR | Zürich");
  EXPECT_EQ(Source().file("a.csv", "a|b\n'x|y'|2\n").option("delimiter", "|").option("quote", "'").read(),
            "a VARCHAR, b BIGINT | x|y,2");
}

TEST(scan_csv, lines_that_end_as_windows_ends_them_are_shown_without_their_ends) {
  EXPECT_EQ(Source().file("a.csv", "id,x\r\n1,2\r\n2\r\n3,4\r\n").read(),
            "source.bad_row a.csv:3 <2> the row has 1 value, not 2");
}

TEST(scan_csv, wrong_encoding_is_named) {
  Source s;
  s.file("a.csv", "id,n\n1,Z\xfcrich\n");
  EXPECT_EQ(s.read().substr(0, 15), "source.encoding") << s.read();
  std::string late = "id,n\n";
  for (int i = 0; i < 30000; ++i) late += "1,x\n";
  Source t;
  t.file("a.csv", late + "2,Z\xfcrich\n");
  EXPECT_EQ(t.rows().error().code, "source.encoding") << t.read();
  EXPECT_EQ(t.rows().error().where.line, 30002);
  EXPECT_EQ(t.rows().error().seen, "2,Zürich (read as latin-1)");
  EXPECT_NE(t.rows().error().hint.find("latin-1"), std::string::npos);
}

TEST(scan_csv, empty_files_and_duplicate_columns_are_errors) {
  EXPECT_EQ(Source().file("a.csv", "id\n1\n").file("b.csv", "").read(),
            "source.empty b.csv:0 the file is empty");
  EXPECT_EQ(Source().file("a.csv", "\n\n").read().substr(0, 12), "source.empty")
      << Source().file("a.csv", "\n\n").read();
  EXPECT_EQ(Source().file("a.csv", "x,y,X\n1,2,3\n").read(),
            "source.duplicate_column a.csv:1 two columns are called \"X\"");
  EXPECT_EQ(Source().file("a.csv", "x,x_1\n1,2\n").read(), "x BIGINT, x_1 BIGINT | 1,2");
}

TEST(scan_csv, a_compressed_file_that_ends_early_is_an_error_and_never_a_shorter_table) {
  const ScratchFolder work;
  std::string text = "id\n";
  for (int i = 0; i < 100000; ++i) text += fmt::format("{}\n", i);
  for (const auto& [tool, ending] : {std::pair{"gzip", ".csv.gz"}, std::pair{"zstd", ".csv.zst"},
                                     std::pair{"zstd --no-check -19", ".csv.zst"}}) {
    const std::string packed = gzipped(work, text, tool);
    const auto whole = Source().file(std::string("a") + ending, packed).rows();
    ASSERT_TRUE(whole) << to_text(whole.error());
    EXPECT_EQ(whole->rows.size(), 100000u);
    const auto twice =
        Source().file(std::string("a") + ending, packed + gzipped(work, "5\n6\n", tool)).rows();
    ASSERT_TRUE(twice) << to_text(twice.error());
    EXPECT_EQ(twice->rows.size(), 100002u) << "members one after the other are one file";
    for (const size_t length : {packed.size() - 1, packed.size() - 5, packed.size() / 2, packed.size() / 3,
                                size_t{20}, size_t{9}, size_t{3}}) {
      const auto cut = Source().file(std::string("a") + ending, packed.substr(0, length)).rows();
      ASSERT_FALSE(cut) << tool << " " << length;
      EXPECT_EQ(cut.error().code, "source.truncated") << tool << " " << length << to_text(cut.error());
    }
    EXPECT_EQ(Source().file(std::string("a") + ending, "id\n1\n2\n3\n").rows().error().code, "source.broken");
  }
}

TEST(scan_csv, what_is_written_is_what_is_read) {
  rc::check([] {
    using Row = std::tuple<int64_t, double, std::string>;
    const auto text = rc::gen::container<std::string>(
        rc::gen::element('a', 'Z', ',', '"', '\n', ' ', ';', '\'', '0', '\t'));
    const auto rows = *rc::gen::nonEmpty(rc::gen::container<std::vector<Row>>(
        rc::gen::tuple(rc::gen::arbitrary<int64_t>(),
                       rc::gen::map(rc::gen::arbitrary<int>(), [](int n) { return n / 8.0; }), text)));
    std::string csv = "id,x,t\n";
    for (const auto& [id, x, t] : rows) csv += fmt::format("{},{},{}\n", id, x, quote_name(t));
    Source s;
    s.file("a.csv", csv).declare({{"id", "bigint"}, {"x", "double"}, {"t", "varchar"}});
    const auto read = s.rows();
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->rows.size() == rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      RC_ASSERT(std::get<int64_t>(read->rows[i][0]) == std::get<0>(rows[i]));
      RC_ASSERT(std::get<double>(read->rows[i][1]) == std::get<1>(rows[i]));
      const std::string& expected = std::get<2>(rows[i]);
      RC_ASSERT(to_text(read->rows[i][2]) == (expected.empty() ? "NULL" : expected));
    }
  });
}

TEST(scan_parquet, casts_to_declared_types_without_losing_anything) {
  Source s("parquet");
  s.parquet(
      "a.parquet",
      "SELECT 1::INTEGER AS id, '7' AS n, 2.0::DOUBLE AS d, TIMESTAMP '2013-01-01 00:00:00' AS t, [1] AS l");
  s.declare({{"id", "bigint"}, {"n", "integer"}, {"d", "integer"}, {"t", "timestamptz"}});
  EXPECT_EQ(s.read(),
            "id BIGINT, n INTEGER, d INTEGER, t TIMESTAMP WITH TIME ZONE, l INTEGER[] | 1,7,2,2013-01-01 "
            "05:00:00+00,[1]");
  EXPECT_EQ(Source("parquet")
                .parquet("a.parquet",
                         "SELECT 1 AS i, CASE WHEN range = 3 THEN 0.5 ELSE 1 END::DOUBLE AS d FROM range(5)")
                .declare({{"d", "bigint"}})
                .read(),
            "source.bad_row a.parquet:0 row 4 '0.5' in column \"d\" is not a valid BIGINT");
  EXPECT_EQ(Source("parquet").parquet("a.parquet", "SELECT 'abc' AS x").declare({{"x", "double"}}).read(),
            "source.bad_row a.parquet:0 row 1 'abc' in column \"x\" is not a valid DOUBLE");
}

TEST(scan_parquet, files_of_other_layouts_are_joined_or_named) {
  EXPECT_EQ(Source("parquet")
                .parquet("a.parquet", "SELECT 1::INTEGER AS a, 'x' AS b")
                .parquet("b.parquet", "SELECT 'y' AS b, 2::BIGINT AS a")
                .read(),
            "a BIGINT, b VARCHAR | 1,x | 2,y");
  EXPECT_EQ(
      Source("parquet").parquet("a.parquet", "SELECT 1 AS a").parquet("b.parquet", "SELECT 'x' AS a").read(),
      "source.bad_type b.parquet:0 <VARCHAR> column \"a\" has another type in this file than in a.parquet");
  EXPECT_EQ(Source("parquet")
                .parquet("a.parquet", "SELECT 1 AS a, 2 AS b")
                .parquet("b.parquet", "SELECT 1 AS a")
                .declare({{"b", "bigint"}})
                .read(),
            "source.missing_column b.parquet:0 <a> column \"b\" is declared and not in the file");
}

TEST(scan_parquet, truncated_and_damaged_files_are_named) {
  Source whole("parquet");
  whole.parquet("a.parquet", "SELECT range AS id, md5(range::VARCHAR) AS t FROM range(10000)");
  const std::string bytes = *read_file(whole.folder / "a.parquet");
  for (const size_t length : {bytes.size() - 1, bytes.size() / 2, size_t{3}})
    EXPECT_EQ(Source("parquet").file("b.parquet", bytes.substr(0, length)).rows().error().code,
              "source.truncated")
        << length;
  EXPECT_EQ(Source("parquet").file("b.parquet", "").rows().error().code, "source.empty");
  for (const size_t at : {size_t{100}, bytes.size() / 2, bytes.size() - 300}) {
    std::string damaged = bytes;
    for (size_t i = 0; i < 64; ++i) damaged[at + i] = static_cast<char>(damaged[at + i] ^ 0x5A);
    const auto rows = Source("parquet").file("b.parquet", damaged).rows();
    ASSERT_FALSE(rows) << at;
    EXPECT_TRUE(rows.error().code.starts_with("source.")) << to_text(rows.error());
    EXPECT_EQ(Path(rows.error().where.file).filename(), "b.parquet");
  }
}

TEST(scan, folders_named_like_hive_partitions_make_no_columns) {
  Source s("parquet");
  std::filesystem::create_directory(s.folder / "year=2013");
  s.parquet("year=2013/a.parquet", "SELECT 1 AS x");
  EXPECT_EQ(s.read(), "x INTEGER | 1");
  Source c;
  std::filesystem::create_directory(c.folder / "year=2013");
  EXPECT_EQ(c.file("year=2013/a.csv", "x\n1\n").read(), "x BIGINT | 1");
}

TEST(scan, a_type_that_is_none_is_an_error) {
  EXPECT_EQ(Source().file("a.csv", "x\n1\n").declare({{"x", "intger"}}).read().substr(0, 15),
            "source.bad_type");
}

}  // namespace
}  // namespace tidemill::engine
