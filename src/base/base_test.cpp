#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>
#include <thread>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/mix.hpp"
#include "base/process.hpp"
#include "base/secret.hpp"
#include "base/sha256.hpp"

namespace tidemill {
namespace {

TEST(Sha256, matches_the_published_digest_of_abc) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ConstantTime, texts_are_equal_when_every_byte_is) {
  for (size_t size = 0; size < 40; ++size) {
    const std::string text(size, 'x');
    EXPECT_TRUE(equal_in_constant_time(text, std::string(size, 'x')));
    EXPECT_FALSE(equal_in_constant_time(text, text + "x"));
    for (size_t at = 0; at < size; ++at)
      for (const char other : {'y', '\xf8', '\0'}) {
        std::string changed = text;
        changed[at] = other;
        EXPECT_FALSE(equal_in_constant_time(text, changed)) << size << " " << at;
      }
  }
}

// The reference generator's first outputs for the seed 1234567: each is mix() of the next state.
TEST(Mix, is_the_finish_of_the_published_splitmix64) {
  constexpr uint64_t kStep = 0x9e3779b97f4a7c15ULL, kSeed = 1234567;
  EXPECT_EQ(mix(kSeed + kStep), 6457827717110365317ULL);
  EXPECT_EQ(mix(kSeed + 2 * kStep), 3203168211198807973ULL);
}

RC_GTEST_PROP(Clock, an_instant_survives_its_text, ()) {
  const Instant instant{*rc::gen::inRange<int64_t>(-60'000'000'000'000'000, 200'000'000'000'000'000)};
  const auto back = parse_instant(to_text(instant));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == instant);
}

RC_GTEST_PROP(Clock, a_duration_survives_its_text, ()) {
  const Duration duration{*rc::gen::inRange<int64_t>(0, 1'000'000'000'000'000)};
  const auto back = parse_duration(to_text(duration));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == duration);
}

TEST(Clock, reads_zones_and_rejects_impossible_dates) {
  EXPECT_EQ(*parse_instant("2013-11-03 05:30:00+02:00"), *parse_instant("2013-11-03T03:30:00Z"));
  EXPECT_FALSE(parse_instant("2013-02-30"));
  EXPECT_FALSE(parse_instant("yesterday"));
  EXPECT_FALSE(parse_duration("28"));
  EXPECT_FALSE(parse_duration("-1h"));
}

TEST(Error, suggests_the_nearest_name_and_nothing_far_fetched) {
  EXPECT_EQ(nearest("tailnmu", {"tailnum", "carrier"}), "tailnum");
  EXPECT_EQ(nearest("colour", {"tailnum", "carrier"}), "");
}

TEST(Error, maps_to_the_exit_codes_of_the_cli) {
  EXPECT_EQ(exit_code(Error{ErrorKind::Data, "check.not_null"}), 3);
  EXPECT_EQ(exit_code(Error{ErrorKind::User, "project.unknown_key"}), 2);
  EXPECT_EQ(exit_code(Error{ErrorKind::Environment, "io.disk_full"}), 1);
  EXPECT_EQ(exit_code(Error{ErrorKind::Environment, "lock.held"}), 5);
  EXPECT_EQ(exit_code(Error{ErrorKind::Internal, "engine.bug"}), 70);
}

TEST(Secret, never_shows_in_an_error) {
  const Secret secret("${env:X}", "hunter2-very-secret");
  const Error error{ErrorKind::Environment, "connection.failed",
                    "cannot connect with password=hunter2-very-secret"};
  EXPECT_EQ(to_text(error).find("hunter2"), std::string::npos);
  EXPECT_EQ(to_text(to_json(error)).find("hunter2"), std::string::npos);
}

TEST(Json, refuses_deep_nesting_and_places_mistakes) {
  EXPECT_EQ(parse_json(std::string(200, '[')).error().code, "json.too_deep");
  EXPECT_EQ(parse_json("[1e400]").error().message, "not valid JSON: number overflow parsing '1e400'");
  const auto bad = parse_json("{\n  \"a\": ]\n}", "x.json");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().where.line, 2);
}

TEST(File, a_lock_is_held_by_one_and_shared_by_many) {
  const Path path = std::filesystem::temp_directory_path() / ("tidemill-lock-" + std::to_string(::getpid()));
  {
    auto first = FileLock::take(path, FileLock::Mode::Exclusive, FileLock::Wait::No);
    ASSERT_TRUE(first);
    auto second = FileLock::take(path, FileLock::Mode::Exclusive, FileLock::Wait::No);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "lock.held");
  }
  auto reader = FileLock::take(path, FileLock::Mode::Shared, FileLock::Wait::No);
  auto another = FileLock::take(path, FileLock::Mode::Shared, FileLock::Wait::No);
  EXPECT_TRUE(reader && another);
  std::filesystem::remove(path);
}

TEST(Process, ends_the_whole_group_when_time_is_up) {
  const Path pid_file =
      std::filesystem::temp_directory_path() / ("tidemill-child-" + std::to_string(::getpid()));
  ChildOptions options;
  options.command = {"sh", "-c", "sleep 60 & echo $! > " + pid_file.string() + "; wait"};
  options.time_limit = Duration{300'000};
  options.grace = Duration{100'000};
  const auto exit = run_child(options);
  ASSERT_TRUE(exit);
  EXPECT_TRUE(exit->timed_out);
  const int grandchild = std::stoi(*read_file(pid_file));
  std::filesystem::remove(pid_file);
  // A killed process may stay a zombie until init reaps it: gone or zombie, but not sleeping.
  const auto stat = read_file("/proc/" + std::to_string(grandchild) + "/stat");
  EXPECT_TRUE(!stat || stat->find(") Z") != std::string::npos || stat->find(") X") != std::string::npos);
}

TEST(Process, hands_over_all_output_and_no_more_than_the_child_wrote) {
  std::string seen;
  ChildOptions options;
  options.command = {"sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo err >&2; exit 7"};
  options.on_output = [&](std::string_view piece) { seen += piece; };
  const auto exit = run_child(options);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 7);
  EXPECT_EQ(seen, std::string(300000, 'x') + "err\n");
}

TEST(Secret, is_hidden_in_every_text_of_an_error) {
  register_secret("swordfish-in-an-error");
  Error error{ErrorKind::User, "x", "a swordfish-in-an-error"};
  error.where = {"swordfish-in-an-error.yaml", 1, 2, "source swordfish-in-an-error"};
  error.seen = error.expected = error.hint = error.message;
  EXPECT_EQ(to_json(error).dump().find("swordfish"), std::string::npos) << to_json(error).dump();
  EXPECT_EQ(to_text(error).find("swordfish"), std::string::npos);
}

TEST(Secret, is_hidden_across_pieces_of_a_stream) {
  register_secret("swordfish-in-pieces");
  const std::string text =
      "a swordfish-in-pieces b swordfish-in-pi swordfish-in-piecesswordfish-in-pieces swor";
  for (size_t size = 1; size < 30; ++size) {
    RedactedStream stream;
    std::string shown;
    for (size_t at = 0; at < text.size(); at += size)
      shown += stream.take(std::string_view(text).substr(at, size));
    EXPECT_EQ(shown + stream.rest(), "a [secret] b swordfish-in-pi [secret][secret] swor") << size;
  }
}

TEST(Process, knows_how_a_child_ended_though_sigchld_was_ignored) {
  std::signal(SIGCHLD, SIG_IGN);
  ChildOptions options;
  options.command = {"sh", "-c", "exit 7"};
  const auto exit = run_child(options);
  std::signal(SIGCHLD, SIG_DFL);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 7);
}

TEST(Process, a_child_ends_by_sigpipe_though_we_ignore_it) {
  std::signal(SIGPIPE, SIG_IGN);
  ChildOptions options;
  options.command = {"sh", "-c", "kill -PIPE $$; exit 0"};
  const auto exit = run_child(options);
  std::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 128 + SIGPIPE);
}

TEST(Process, one_thread_stands_back_and_the_others_do_not) {
  const auto nice_now = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  const int before = nice_now();
  constexpr int kLowest = 19;  // anybody may
  int within = 0;
  std::thread([&] {
    lower_thread_priority(kLowest);
    within = nice_now();
  }).join();
  EXPECT_EQ(within, kLowest);
  EXPECT_EQ(nice_now(), before);
}

TEST(Process, says_when_a_command_does_not_exist) {
  ChildOptions options;
  options.command = {"no-such-program-anywhere"};
  const auto exit = run_child(options);
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, "usage.command");
}

}  // namespace
}  // namespace tidemill
