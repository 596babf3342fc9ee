#include "app/champion_moves.hpp"

#include "base/log.hpp"
#include "registry/registry_test_support.hpp"

namespace tidemill::app {
namespace {

using registry::must;
using registry::Registry;
using registry::TestHome;

/// A home whose model late a deployment serves, and a scheduler that may die.
class Moves : public ::testing::Test {
 protected:
  Moves() {
    log::set_level(log::Level::Off);
    project.models["late"].name = "late";
    project::Deployment& door = project.deployments["door"];
    door.name = "door";
    door.model = "late";
    door.version = "champion";
    dies();
    look();
  }
  void dies() {
    moves = std::make_unique<ChampionMoves>(
        ChampionMoves::Options{*store, [this](const Event& event) { told.push_back(event); }});
    moves->use(project);
  }
  void look() { moves->look(home.clock->at); }
  void run_makes(const std::string& run) { TestHome::publish(*store, run, {}, {{"late", run}}); }
  /// What was told since it was last asked for.
  std::vector<std::string> heard() {
    look();
    std::vector<std::string> texts;
    for (const Event& event : told) texts.push_back(std::string(to_text(event.kind)) + ": " + event.text);
    told.clear();
    return texts;
  }

  using Texts = std::vector<std::string>;
  TestHome home;
  std::unique_ptr<Registry> store = home.open();
  project::Project project;
  std::vector<Event> told;
  std::unique_ptr<ChampionMoves> moves;
};

TEST_F(Moves, are_told_whoever_made_them) {
  run_makes("run1");
  EXPECT_EQ(heard(), Texts{"promoted: late@champion is version 1: run run1"});
  run_makes("run2");
  EXPECT_EQ(heard(), Texts{"promoted: late@champion is version 2, it was version 1: run run2"});
  must(store->rollback_alias("late", "champion", "worse"));
  EXPECT_EQ(heard(),
            Texts{"rolled_back: late@champion is version 1, it was version 2: rollback late@champion "
                  "from 2 to 1: worse"});
  must(store->release_hold("late"));
  must(store->promote("late", 2, "champion", "after all"));
  EXPECT_EQ(heard(), Texts{"promoted: late@champion is version 2, it was version 1: promote late 2 to "
                           "champion: after all"});
  must(store->rollback_release(1, "all"));
  EXPECT_EQ(heard(), Texts{"rolled_back: late@champion is version 1, it was version 2: rollback to 1: all"});
  must(store->retire("late", {1}, "a leak"));
  EXPECT_EQ(heard(), Texts{"rolled_back: late@champion is no version, it was version 1: retire late 1: a "
                           "leak"});
}

TEST_F(Moves, say_what_moved) {
  run_makes("run1");
  look();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].details, (Json{{"model", "late"},
                                   {"alias", "champion"},
                                   {"version", 1},
                                   {"before", nullptr},
                                   {"deployment", "door"},
                                   {"release", 1},
                                   {"run", "run1"},
                                   {"reason", "run run1"},
                                   {"since", to_text(home.clock->at)}}));
}

TEST_F(Moves, are_told_once_however_often_the_scheduler_dies) {
  run_makes("run1");
  EXPECT_EQ(heard().size(), 1U);
  dies();
  EXPECT_EQ(heard(), Texts{});
  run_makes("run2");
  run_makes("run3");
  dies();
  EXPECT_EQ(heard().size(), 2U);
  dies();
  EXPECT_EQ(heard(), Texts{});
}

TEST_F(Moves, have_the_same_id_when_they_are_told_again) {
  run_makes("run1");
  look();
  must(store->set_memos("monitoring", {{"told_release", "0"}}));
  home.clock->at.micros += 1'000'000;
  dies();
  look();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].key, told[1].key);
  EXPECT_FALSE(told[0].key.empty());
}

TEST_F(Moves, of_before_a_home_was_looked_at_are_not_told) {
  const TestHome other;
  const auto old = other.open();
  TestHome::publish(*old, "run1", {}, {{"late", "one"}});
  ChampionMoves first({*old, [this](const Event& event) { told.push_back(event); }});
  first.use(project);
  first.look(home.clock->at);
  EXPECT_TRUE(told.empty());
}

TEST_F(Moves, of_other_aliases_and_tables_are_not_told) {
  run_makes("run1");
  look();
  told.clear();
  must(store->promote("late", 1, "spare", ""));
  TestHome::publish(*store, "run2", {{"orders", "key", "bytes"}});
  EXPECT_EQ(heard(), Texts{});
  project.deployments["door"].version = "spare";
  moves->use(project);
  run_makes("run3");
  must(store->promote("late", 2, "spare", ""));
  EXPECT_EQ(heard().size(), 2U);  // the champion of every model counts
}

}  // namespace
}  // namespace tidemill::app
