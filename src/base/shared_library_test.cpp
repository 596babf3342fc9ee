// load_library() on the machine's own libraries.
#include "base/shared_library.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace tidemill {
namespace {

double (*floor_of)(double) = nullptr;

TEST(shared_library, fills_the_pointers_of_the_functions_asked_for) {
  floor_of = nullptr;
  const LibraryFunction functions[] = {{"floor", &floor_of}};
  const auto loaded = load_library("libm.so.6", functions);
  ASSERT_TRUE(loaded) << to_text(loaded.error());
  ASSERT_NE(floor_of, nullptr);
  EXPECT_EQ(floor_of(2.5), 2.0);
}

TEST(shared_library, a_library_that_is_not_there_is_an_error_that_says_where_it_was_looked_for) {
  const auto loaded = load_library("libof_nowhere.so.7", {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "library.missing");
  EXPECT_EQ(loaded.error().kind, ErrorKind::Environment);
  EXPECT_NE(loaded.error().message.find("libof_nowhere.so.7: cannot open"), std::string::npos)
      << loaded.error().message;
  EXPECT_NE(loaded.error().seen.find("/lib"), std::string::npos) << loaded.error().seen;
  EXPECT_NE(loaded.error().hint, "");
}

TEST(shared_library, functions_that_are_not_in_it_are_named_and_no_pointer_is_filled) {
  floor_of = nullptr;
  void (*never)() = nullptr;
  const LibraryFunction functions[] = {{"floor", &floor_of}, {"flour", &never}, {"flower", &never}};
  const auto loaded = load_library("libm.so.6", functions);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "library.function");
  EXPECT_EQ(loaded.error().kind, ErrorKind::Environment);
  EXPECT_NE(loaded.error().message.find("flour, flower"), std::string::npos) << loaded.error().message;
  EXPECT_NE(loaded.error().seen.find("libm.so.6"), std::string::npos) << loaded.error().seen;
  EXPECT_EQ(floor_of, nullptr);
}

}  // namespace
}  // namespace tidemill
