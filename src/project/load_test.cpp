#include "project/load.hpp"
#include <gtest/gtest.h>
namespace tidemill::project {
TEST(Load, reads_the_flights_example) {
  auto project = load({.file = Path(TIDEMILL_ROOT) / "examples/flights"});
  if (!project) for (const Error& e : project.error()) ADD_FAILURE() << to_text(e);
  ASSERT_TRUE(project);
}
}
