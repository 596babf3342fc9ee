// Projects that the tests of this room load.
#pragma once

#include <cstdlib>

#include "base/file.hpp"

namespace tidemill::project {

inline Path testdata(const char* folder) { return Path(TIDEMILL_ROOT) / "src/project/testdata" / folder; }

/// The variables that testdata/full names.
inline void set_test_variables() {
  setenv("TIDEMILL_TEST_SECRET", "hunter2-and-more", 1);
  setenv("TIDEMILL_TEST_HOST", "db.example", 1);
  setenv("TIDEMILL_TEST_DEV_HOST", "dev.example", 1);
}

}  // namespace tidemill::project
