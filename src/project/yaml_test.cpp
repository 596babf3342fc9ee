#include "project/yaml.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidemill::project {

namespace {
std::string code_of(std::string_view text) {
  const auto tree = parse_yaml(text, "f.yaml");
  return tree ? "" : tree.error().code;
}
}  // namespace

TEST(Yaml, keeps_places_and_doubled_keys) {
  const auto tree = parse_yaml("a: 1\nb: {c: x}\na: 2\n", "f.yaml");
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->entries.size(), 3u);
  EXPECT_EQ(tree->entries[2].key.line, 3);
  EXPECT_EQ(tree->find("b")->find("c")->line, 2);
  EXPECT_EQ(tree->find("b")->find("c")->column, 8);
  EXPECT_EQ(tree->find("a")->text, "1");
}

TEST(Yaml, a_value_that_is_missing_has_its_keys_place) {
  const auto tree = parse_yaml("a:\n  b:\nc:\n", "f.yaml");
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->find("c")->is_null());
  EXPECT_EQ(tree->find("c")->line, 3);
  EXPECT_EQ(tree->find("a")->find("b")->line, 2);
}

TEST(Yaml, merges_maps_under_what_is_said) {
  const auto tree =
      parse_yaml("base: &b {x: 1, y: 2}\nmore: {<<: *b, x: 3}\ntwo: {<<: [*b, {z: 4}]}\n", "f.yaml");
  ASSERT_TRUE(tree) << to_text(tree.error());
  EXPECT_EQ(to_json(*tree, Secrets::Values)["more"], (Json{{"x", 3}, {"y", 2}}));
  EXPECT_EQ(to_json(*tree, Secrets::Values)["two"], (Json{{"x", 1}, {"y", 2}, {"z", 4}}));
  EXPECT_EQ(code_of("a: {<<: 1}"), "project.yaml");
}

TEST(Yaml, stops_aliases_that_grow) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("a{0}: &a{0} [", i);
    for (int k = 0; k < 10; ++k) bomb += fmt::format("{}*a{}", k > 0 ? ", " : "", i - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(code_of(bomb), "project.too_large");
  EXPECT_EQ(code_of("a: &a [*a]"), "project.yaml");
}

TEST(Yaml, limits_depth_and_size) {
  EXPECT_EQ(code_of(std::string(49, '[') + std::string(49, ']')), "");
  EXPECT_EQ(code_of(std::string(51, '[') + std::string(51, ']')), "project.too_large");
  EXPECT_NE(code_of(std::string(100'000, '[')), "");
  EXPECT_NE(code_of(std::string(100'000, '{')), "");
  EXPECT_EQ(code_of(std::string(kMaxYamlBytes + 1, ' ')), "project.too_large");
}

TEST(Yaml, refuses_tags_keys_that_are_maps_and_other_documents) {
  EXPECT_EQ(code_of("a: !!python/object x"), "project.yaml");
  EXPECT_EQ(code_of("a: !!str 5"), "");
  EXPECT_EQ(code_of("? {a: b}\n: c"), "project.yaml");
  EXPECT_EQ(code_of("a: 1\n---\nb: 2"), "project.yaml");
  EXPECT_EQ(code_of("---\na: 1\n...\n"), "");
}

TEST(Yaml, says_what_to_do_with_an_unquoted_dollar) {
  const auto tree = parse_yaml("ops: {dsn: ${env:X}}\n", "f.yaml");
  ASSERT_FALSE(tree);
  EXPECT_NE(tree.error().hint.find("quotes"), std::string::npos) << to_text(tree.error());
}

TEST(Yaml, says_what_is_wrong_with_the_indentation) {
  const auto hint = [](const char* text) {
    const auto tree = parse_yaml(text, "f.yaml");
    return tree ? std::string("read") : tree.error().hint;
  };
  EXPECT_EQ(hint("s:\n  a:\n    path: x\n   key: id\n"),
            "this line begins in column 4, those it may belong with in column 3 or 5");
  EXPECT_EQ(hint("m:\n  a: x\n    from: b\n"),
            "the line above has a value already: begin this one in column 3, or take the value away");
  EXPECT_EQ(hint("name: a: b\n"), "a value that holds a colon and a blank needs quotes");
  EXPECT_EQ(hint("s: {a: {b: c}\nm: {}\n"), "a { or [ is opened and not closed, here or in a line above");
}

TEST(Yaml, finds_the_first_byte_that_is_not_utf8) {
  EXPECT_FALSE(first_invalid_utf8("grün ☃ 𝄞"));
  EXPECT_EQ(first_invalid_utf8("a\nb\xFF")->column, 2);
  EXPECT_TRUE(first_invalid_utf8("\xC0\x80"));          // too long a form
  EXPECT_TRUE(first_invalid_utf8("\xED\xA0\x80"));      // a surrogate
  EXPECT_TRUE(first_invalid_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
  EXPECT_TRUE(first_invalid_utf8("\xE2\x82"));          // cut off
  EXPECT_TRUE(first_invalid_utf8(std::string_view("a\0b", 3)));
}

}  // namespace tidemill::project
