#include "base/id.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <set>

#include <gtest/gtest.h>

namespace tidemill {
namespace {

TEST(Id, of_a_run_differs_from_that_of_a_forked_process_at_the_same_instant) {
  const Instant now{1'700'000'000'000'000};
  const std::string before = make_run_id(now);  // what is kept of random bytes is kept by both
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string id = make_run_id(now);
    ::_exit(::write(pipe[1], id.data(), id.size()) == static_cast<ssize_t>(id.size()) ? 0 : 1);
  }
  std::string theirs(before.size(), ' ');
  EXPECT_EQ(::read(pipe[0], theirs.data(), theirs.size()), static_cast<ssize_t>(theirs.size()));
  ::waitpid(child, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  const std::string ours = make_run_id(now);
  EXPECT_NE(ours, theirs);
  EXPECT_EQ(ours.substr(0, 16), theirs.substr(0, 16));
  EXPECT_EQ(ours.substr(0, 16), "20231114-221320-");
}

TEST(Id, of_thousands_none_is_there_twice) {
  constexpr size_t kMany = 5'000;
  std::set<std::string> ids;
  for (size_t i = 0; i < kMany; ++i) ids.insert(random_id());
  EXPECT_EQ(ids.size(), kMany);
  for (const std::string& id : ids) EXPECT_EQ(id.size(), 32U);
}

}  // namespace
}  // namespace tidemill
