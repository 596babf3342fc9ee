#include "registry/objects.hpp"

#include <sys/stat.h>

#include <fstream>

#include "base/sha256.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::registry {
namespace {

TEST(Objects, are_named_by_their_bytes_and_never_change) {
  TestHome home;
  const auto registry = home.open();
  const ObjectId id = must(registry->put_bytes("abc"));
  EXPECT_EQ(id, sha256("abc"));
  EXPECT_EQ(must(registry->read_object(id)), "abc");
  struct stat info{};
  ASSERT_EQ(::stat(registry->object_path(id).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0222, 0u);
  EXPECT_EQ(registry->object_path(id), home.path() / "objects" / id.substr(0, 2) / id.substr(2));
}

TEST(Objects, the_same_bytes_twice_are_one_object_and_staging_is_left_empty) {
  TestHome home;
  const auto registry = home.open();
  const Path staged = registry->staging_folder("run1") / "part.parquet";
  must(make_folder(staged.parent_path()));
  must(write_file(staged, "abc"));
  EXPECT_EQ(must(registry->put_object(staged)), must(registry->put_bytes("abc")));
  EXPECT_FALSE(std::filesystem::exists(staged));
  std::filesystem::remove(staged.parent_path());
  EXPECT_TRUE(std::filesystem::is_empty(home.path() / "staging"));
}

TEST(Objects, empty_bytes_are_an_object_too) {
  TestHome home;
  const auto registry = home.open();
  EXPECT_EQ(must(registry->read_object(must(registry->put_bytes("")))), "");
}

TEST(Objects, a_damaged_object_is_an_error_and_putting_it_again_heals_it) {
  TestHome home;
  const auto registry = home.open();
  const ObjectId id = must(registry->put_bytes("abc"));
  const Path path = registry->object_path(id);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  std::ofstream(path, std::ios::trunc) << "abd";
  EXPECT_EQ(code_of(registry->read_object(id)), "registry.object_damaged");
  must(registry->put_bytes("abc"));
  EXPECT_EQ(must(registry->read_object(id)), "abc");
}

TEST(Objects, an_id_cannot_lead_out_of_the_home) {
  TestHome home;
  const auto registry = home.open();
  must(write_file(home.folder() / "secret", "secret"));
  for (const std::string id : {"../../secret", "", "..", "/etc/passwd", "ABCDEF"}) {
    EXPECT_EQ(code_of(registry->read_object(id)), "registry.object_missing") << id;
    EXPECT_TRUE(registry->object_path(id).native().starts_with((home.path() / "objects").native())) << id;
  }
}

TEST(Objects, a_missing_staging_file_is_an_error_with_its_name) {
  TestHome home;
  const auto registry = home.open();
  const auto put = registry->put_object(registry->staging_folder("run1") / "gone.parquet");
  ASSERT_FALSE(put);
  EXPECT_NE(put.error().message.find("gone.parquet"), std::string::npos);
}

TEST(Objects, the_sweep_spares_what_somebody_alive_is_making) {
  TestHome home;
  home.open();
  const Path staging = home.path() / "staging";
  std::filesystem::create_directories(staging / "alive");
  std::filesystem::create_directories(staging / "dead" / "deep");
  std::filesystem::create_directories(staging / "unknown-new");
  std::filesystem::create_directories(staging / "unknown-old");
  std::filesystem::last_write_time(staging / "unknown-old",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(25));
  must(write_file(staging / "bytes.999999999.5.aa", "x"));
  must(sweep_staging(staging, [](const std::string& name) {
    return name == "alive" ? Owner::Alive : name == "dead" ? Owner::Dead : Owner::Unknown;
  }));
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(staging)) left.insert(entry.path().filename());
  EXPECT_EQ(left, (std::set<std::string>{"alive", "unknown-new"}));
}

}  // namespace
}  // namespace tidemill::registry
