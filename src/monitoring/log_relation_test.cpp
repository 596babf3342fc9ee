#include "monitoring/log_relation.hpp"

#include <gtest/gtest.h>

#include "monitoring/label_store.hpp"
#include "monitoring/log_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

const Instant kTen = at("2026-11-29T10:00:00Z"), kEleven = at("2026-11-29T11:00:00Z");

}  // namespace

TEST(LogRelation, of_no_log_has_the_columns_of_every_log_and_no_rows) {
  const LogForTests log;
  EXPECT_EQ(log.sql(fmt::format("SELECT concat_ws(' ', count(*), count(key), max(version)) FROM {}",
                                log_relation(log.home(), "late"))),
            "0 0");
  EXPECT_EQ(log.sql(fmt::format("SELECT string_agg(column_name || ' ' || column_type, ', ') FROM (DESCRIBE "
                                "SELECT prediction_id, \"row\", time, key, label, label_at FROM {})",
                                labelled_relation(log.home(), "late"))),
            "prediction_id VARCHAR, row BIGINT, time TIMESTAMP WITH TIME ZONE, key VARCHAR, label VARCHAR, "
            "label_at TIMESTAMP WITH TIME ZONE");
}

TEST(LogRelation, instants_in_sql_begin_with_1970) {
  EXPECT_EQ(sql_of(kTen), "TIMESTAMPTZ '2026-11-29T10:00:00Z'");
  EXPECT_EQ(sql_of({-1}), sql_of({0}));
}

TEST(LogRelation, puts_the_columns_of_all_versions_together) {
  LogForTests log;
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}});
  log.log("2026-11-29T11-b", 2, {"x", "y"}, {{"b", std::nullopt, kEleven}, {"c", "8", kEleven}});
  EXPECT_EQ(
      log.sql(fmt::format("SELECT string_agg(concat_ws(' ', prediction_id, version, x, coalesce(y, -1), "
                          "score, coalesce(key, 'none')), '; ' ORDER BY prediction_id) FROM {}",
                          log_relation(log.home(), "late"))),
      "a 1 1.0 -1.0 0.5 7; b 2 1.0 1.0 0.5 none; c 2 1.0 1.0 0.5 8");
}

TEST(LogRelation, has_the_newest_label_by_id_or_by_key) {
  LogForTests log;
  log.log("2026-11-29T10-a", 1, {"x", "label"},
          {{"a", "7", kTen}, {"b", "8", kTen}, {"c", "8", kTen}, {"d", "9", kTen}});
  const auto store = LabelStore::open({.home = log.home(), .deployment = "late", .retain = kMonth});
  ASSERT_TRUE(store);
  const auto take = [&](const Label& label, const char* time) {
    const auto taken = (*store)->take({label}, at(time), LabelStore::Strangers::Keep);
    ASSERT_TRUE(taken) << to_text(taken.error());
  };
  take({.key = "8", .value = "0"}, "2026-11-29T11:00:00Z");
  take({.prediction_id = "a", .value = "1"}, "2026-11-29T11:01:00Z");
  take({.prediction_id = "c", .value = "1"}, "2026-11-29T11:02:00Z");
  const auto labels = [&] {
    return log.sql(fmt::format(
        "SELECT string_agg(concat_ws(' ', prediction_id, coalesce(label, '?'), strftime(label_at, "
        "'%H:%M')), '; ' ORDER BY prediction_id) FROM {}",
        labelled_relation(log.home(), "late")));
  };
  EXPECT_EQ(labels(), "a 1 11:01; b 0 11:00; c 1 11:02; d ?");
  take({.key = "8", .value = "2"}, "2026-11-29T11:03:00Z");
  EXPECT_EQ(labels(), "a 1 11:01; b 2 11:03; c 2 11:03; d ?");
  EXPECT_EQ(log.sql(fmt::format("SELECT sum(logged_label) FROM {}", labelled_relation(log.home(), "late"))),
            "4");  // the feature of this name
}

TEST(LogRelation, counts_matured_predictions_alone_and_what_never_came) {
  LogForTests log;
  log.log("2026-11-29T10-a", 1, {"x"}, {{"a", "7", kTen}, {"b", "8", kTen}, {"c", "9", kEleven}});
  const auto store = LabelStore::open({.home = log.home(), .deployment = "late", .retain = kMonth});
  ASSERT_TRUE((*store)->take({{.key = "7", .value = "1"}, {.key = "9", .value = "1"}}, kEleven,
                             LabelStore::Strangers::Keep));
  project::Labels labels;
  labels.matures_after = {3'600'000'000};
  const auto matured = [&] {
    return log.sql(
        fmt::format("SELECT string_agg(concat_ws(' ', prediction_id, coalesce(label, '?')), '; ' "
                    "ORDER BY prediction_id) FROM {}",
                    matured_relation(log.home(), "late", labels, kEleven)));
  };
  EXPECT_EQ(matured(), "a 1; b ?");
  labels.missing = false;
  EXPECT_EQ(matured(), "a 1; b 0");
}

}  // namespace tidemill::monitoring
