#include "app/unified_diff.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/scratch_for_tests.hpp"

namespace tidemill::app {

TEST(UnifiedDiff, shows_what_changed_and_three_lines_around_it) {
  EXPECT_EQ(unified_diff("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nE\nf\n"),
            "@@ -2,5 +2,5 @@\n b\n c\n d\n-e\n+E\n f\n");
  EXPECT_EQ(unified_diff("same\n", "same\n"), "");
  EXPECT_EQ(unified_diff("", "new\n"), "@@ -0,0 +1,1 @@\n+new\n");
}

RC_GTEST_PROP(UnifiedDiff, patch_makes_the_new_text_of_the_old_one, ()) {
  const auto text = [] {
    std::string out;
    for (const char line : *rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c', 'd')))
      out += {line, '\n'};
    return out;
  };
  const std::string before = text(), after = text();
  const std::string difference = unified_diff(before, after);
  RC_ASSERT(difference.empty() == (before == after));
  if (difference.empty()) return;
  const engine::ScratchFolder folder;
  RC_ASSERT(write_file(folder / "text", before).has_value());
  RC_ASSERT(write_file(folder / "patch", "--- text\n+++ text\n" + difference).has_value());
  const std::string command =
      "patch -s --no-backup-if-mismatch -F0 -d '" + folder.path().native() + "' text patch";
  RC_ASSERT(std::system(command.c_str()) == 0);
  // patch removes a file that becomes empty.
  RC_ASSERT((after.empty() || read_file(folder / "text").value() == after));
}

}  // namespace tidemill::app
