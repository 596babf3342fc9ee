#include "monitoring/label_store.hpp"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "monitoring/log_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

const Instant kTen = at("2026-11-29T10:00:00Z"), kEleven = at("2026-11-29T11:00:00Z");
constexpr Duration kTwoHours{7'200'000'000};

Label of_id(const std::string& id, const std::string& value, int64_t row = 0) {
  return {.prediction_id = id, .row = row, .key = {}, .value = value};
}
Label of_key(const std::string& key, const std::string& value) { return {.key = key, .value = value}; }

class Store : public ::testing::Test {
 protected:
  std::unique_ptr<LabelStore> open(LabelStoreOptions options = {}) {
    options.home = log.home();
    options.deployment = "late";
    if (options.retain.micros == 0) options.retain = kMonth;
    auto store = LabelStore::open(options);
    EXPECT_TRUE(store) << to_text(store.error());
    return std::move(*store);
  }
  static std::string take(LabelStore& store, const std::vector<Label>& labels, Instant now = kEleven,
                          LabelStore::Strangers strangers = LabelStore::Strangers::Keep) {
    const auto counts = store.take(labels, now, strangers);
    if (!counts) return to_text(counts.error());
    return fmt::format("{} new, {} same, {} changed, {} strangers, {} early", counts->fresh, counts->same,
                       counts->changed, counts->strangers, counts->early);
  }
  std::string kept() const {
    return log.sql(fmt::format(
        "SELECT coalesce(string_agg(concat_ws(' ', prediction_id, \"row\", key, label), '; ' ORDER BY "
        "prediction_id, \"row\", key), '') FROM {}",
        label_relation(log.home(), "late")));
  }
  size_t files() const { return files_ending(label_folder(log.home(), "late"), kParquetEnding).size(); }
  LogForTests log;
};

}  // namespace

TEST_F(Store, counts_what_is_new_the_same_and_changed_and_keeps_each_once) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}, {"b", "8", kTen}});
  const auto store = open();
  EXPECT_EQ(take(*store, {of_id("a", "1"), of_key("8", "0")}),
            "2 new, 0 same, 0 changed, 0 strangers, 0 early");
  EXPECT_EQ(take(*store, {of_id("a", "1"), of_key("8", "0")}),
            "0 new, 2 same, 0 changed, 0 strangers, 0 early");
  EXPECT_EQ(take(*store, {of_id("a", "1"), of_key("8", "1")}),
            "0 new, 1 same, 1 changed, 0 strangers, 0 early");
  EXPECT_EQ(kept(), "a 0 1; 8 1");
  EXPECT_EQ(files(), 2u);  // what was known already is not written
}

TEST_F(Store, the_last_of_several_in_one_request_counts) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  const auto store = open();
  EXPECT_EQ(take(*store, {of_id("a", "1"), of_id("a", "0"), of_id("a", "0"), of_id("a", "2", 1)}),
            "2 new, 1 same, 1 changed, 1 strangers, 0 early");
  EXPECT_EQ(kept(), "a 0 0; a 1 2");
}

TEST_F(Store, keeps_labels_of_predictions_that_are_not_in_the_log_yet) {
  const auto store = open();
  EXPECT_EQ(take(*store, {of_id("a", "1"), of_key("7", "1")}),
            "2 new, 0 same, 0 changed, 2 strangers, 0 early");
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  EXPECT_EQ(log.sql(fmt::format("SELECT count(label) FROM {}", labelled_relation(log.home(), "late"))), "1");
  EXPECT_EQ(take(*store, {of_id("a", "1")}), "0 new, 1 same, 0 changed, 0 strangers, 0 early");
}

TEST_F(Store, finds_predictions_that_were_not_rolled_yet) {
  const SegmentWriter writer = log.write("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  EXPECT_EQ(take(*open(), {of_id("a", "1")}), "1 new, 0 same, 0 changed, 0 strangers, 0 early");
}

TEST_F(Store, leaves_out_what_a_table_says_of_others) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  const auto store = open();
  const auto again = [&] {
    return take(*store, {of_key("7", "1"), of_key("100", "1")}, kEleven, LabelStore::Strangers::LeaveOut);
  };
  EXPECT_EQ(again(), "1 new, 0 same, 0 changed, 0 strangers, 0 early");
  EXPECT_EQ(again(), "0 new, 0 same, 0 changed, 0 strangers, 0 early");
  EXPECT_EQ(kept(), "7 1");
}

TEST_F(Store, counts_early_labels_and_how_late_they_came) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}, {"b", "8", at("2026-11-29T10:59:30Z")}});
  const auto store = open({.matures_after = kTwoHours});
  EXPECT_EQ(take(*store, {of_id("a", "1")}), "1 new, 0 same, 0 changed, 0 strangers, 1 early");
  EXPECT_EQ(take(*store, {of_id("a", "0")}, at("2026-11-29T12:00:01Z")),
            "0 new, 0 same, 1 changed, 0 strangers, 0 early");
  const auto counts = store->take({of_id("b", "1")}, kEleven, LabelStore::Strangers::Keep);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->lag_count, 1u);
  EXPECT_EQ(counts->lag_seconds, 30);
  EXPECT_EQ(counts->lags.front(), 1u);
  EXPECT_EQ(counts->lags.back(), 1u);
}

TEST_F(Store, tells_how_many_matured_predictions_have_a_label) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}, {"b", "8", kTen}, {"c", "9", kEleven}});
  const auto store = open({.matures_after = {3'600'000'000}});
  EXPECT_FALSE(store->share(kEleven).value());
  take(*store, {of_id("a", "1"), of_id("c", "1")});
  const auto share = store->share(kEleven).value();
  ASSERT_TRUE(share);
  EXPECT_EQ(share->predictions, 2);
  EXPECT_EQ(share->labelled, 1);
}

TEST_F(Store, counts_what_is_new_since_an_instant) {
  const Instant twelve = at("2026-11-29T12:00:00Z"), later = at("2026-11-29T12:00:01Z");
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}, {"b", "7", kTen}, {"c", "9", kTen}});
  const auto store = open();
  EXPECT_EQ(store->new_since({0}, twelve).value(), 0);
  take(*store, {of_id("a", "1"), of_key("7", "1"), of_key("nobody", "1")}, kEleven);
  EXPECT_EQ(store->new_since({0}, twelve).value(), 2);  // a stranger teaches nothing
  EXPECT_EQ(store->new_since(kEleven, twelve).value(), 0);
  take(*store, {of_id("a", "1"), of_id("c", "0")}, twelve);
  EXPECT_EQ(store->new_since(kEleven, twelve).value(), 1);  // … nor what is known
  take(*store, {of_id("a", "0")}, twelve);
  EXPECT_EQ(store->new_since(kEleven, later).value(), 2);
  EXPECT_EQ(store->new_since(twelve, later).value(), 0);
}

TEST_F(Store, counts_a_label_as_new_when_its_prediction_is_matured) {
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}, {"b", "8", kEleven}});
  const auto store = open({.matures_after = kTwoHours});
  take(*store, {of_id("a", "1"), of_key("8", "1")}, kEleven);
  const Instant twelve = at("2026-11-29T12:00:00Z"), one = at("2026-11-29T13:00:00Z");
  EXPECT_EQ(store->new_since(kTen, at("2026-11-29T11:59:59Z")).value(), 0);
  EXPECT_EQ(store->new_since(kTen, twelve).value(), 1);
  EXPECT_EQ(store->new_since(kEleven, one).value(), 2);
  EXPECT_EQ(store->new_since(twelve, one).value(), 1);
}

TEST_F(Store, puts_small_files_together_and_loses_none) {
  const auto store = open({.most_small_files = 3});
  for (int i = 0; i < 10; ++i) take(*store, {of_key(std::to_string(i % 5), std::to_string(i))});
  EXPECT_LE(files(), 4u);
  EXPECT_EQ(kept(), "0 5; 1 6; 2 7; 3 8; 4 9");
}

TEST_F(Store, a_crash_between_putting_together_and_removing_doubles_none) {
  const auto store = open({.most_small_files = 2});
  take(*store, {of_key("1", "a")});
  take(*store, {of_key("2", "b")});
  const Path folder = label_folder(log.home(), "late");
  const auto before = files_ending(folder, kParquetEnding);
  for (const Path& file : before) std::filesystem::copy(file, log.home() / file.filename());
  take(*store, {of_key("1", "c")});
  EXPECT_EQ(files(), 1u);
  for (const Path& file : before) std::filesystem::copy(log.home() / file.filename(), file);
  EXPECT_EQ(kept(), "1 c; 2 b");
  EXPECT_EQ(take(*store, {of_key("1", "c")}), "0 new, 1 same, 0 changed, 1 strangers, 0 early");
}

TEST_F(Store, two_processes_share_it) {
  const auto one = open(), other = open();
  take(*one, {of_key("1", "a")});
  EXPECT_EQ(take(*other, {of_key("1", "a")}), "0 new, 1 same, 0 changed, 1 strangers, 0 early");
  take(*other, {of_key("1", "b")});
  take(*one, {of_key("1", "c")});
  EXPECT_EQ(kept(), "1 c");
}

TEST_F(Store, a_disk_that_takes_no_more_is_an_error_and_nothing_is_kept) {
  const auto store = open();
  take(*store, {of_key("1", "a")});
  {
    const FileSizeLimit full(0);
    const auto counts = store->take({of_key("2", "b")}, kEleven, LabelStore::Strangers::Keep);
    ASSERT_FALSE(counts);
    EXPECT_EQ(counts.error().kind, ErrorKind::Environment) << to_text(counts.error());
  }
  EXPECT_EQ(kept(), "1 a");
  EXPECT_EQ(take(*store, {of_key("2", "b")}), "1 new, 0 same, 0 changed, 1 strangers, 0 early");
}

TEST_F(Store, is_readable_to_its_owner_alone) {
  take(*open(), {of_key("1", "a")});
  struct stat facts{};
  const Path folder = label_folder(log.home(), "late");
  ASSERT_EQ(::stat(folder.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0700u);
  ASSERT_EQ(::stat(files_ending(folder, kParquetEnding).at(0).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
}

}  // namespace tidemill::monitoring
