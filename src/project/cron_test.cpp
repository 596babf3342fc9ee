#include "project/cron.hpp"

#include <gtest/gtest.h>

namespace tidemill::project {

TEST(Cron, reads_stars_steps_ranges_lists_and_names) {
  const auto cron = parse_cron("*/15 8-18/2 1,15 jan-mar,Dec mon-fri");
  ASSERT_TRUE(cron);
  EXPECT_EQ(cron->minutes.count(), 4u);
  EXPECT_TRUE(cron->minutes[45]);
  EXPECT_EQ(cron->hours.count(), 6u);
  EXPECT_TRUE(cron->hours[8] && cron->hours[18] && !cron->hours[9]);
  EXPECT_TRUE(cron->days[1] && cron->days[15]);
  EXPECT_EQ(cron->days.count(), 2u);
  EXPECT_TRUE(cron->months[1] && cron->months[3] && cron->months[12] && !cron->months[4]);
  EXPECT_EQ(cron->weekdays.count(), 5u);
  EXPECT_FALSE(cron->weekdays[0] || cron->weekdays[6] || cron->every_hour || cron->any_day);
}

TEST(Cron, sunday_is_0_and_7) {
  EXPECT_TRUE(parse_cron("0 0 * * 7")->weekdays[0]);
  EXPECT_TRUE(parse_cron("0 0 * * 0")->weekdays[0]);
  EXPECT_EQ(parse_cron("0 0 * * 5-7")->weekdays.to_ulong(), 0b1100001u);
  EXPECT_EQ(parse_cron("@weekly")->weekdays.count(), 1u);
}

TEST(Cron, a_start_with_a_step_runs_to_the_end) {
  EXPECT_EQ(parse_cron("50/5 * * * *")->minutes.count(), 2u);
  EXPECT_TRUE(parse_cron("0 */6 * * *")->every_hour);
}

TEST(Cron, refuses_what_is_not_cron) {
  for (const char* bad : {"",
                          "* * * *",
                          "* * * * * *",
                          "60 * * * *",
                          "* 24 * * *",
                          "* * 0 * *",
                          "* * 32 * *",
                          "* * * 13 *",
                          "* * * * 8",
                          "*/0 * * * *",
                          "*/x * * * *",
                          "5-1 * * * *",
                          "-1 * * * *",
                          "1- * * * *",
                          ", * * * *",
                          "* * * janu *",
                          "@reboot",
                          "0 0 31 2 *",
                          "0 0 30,31 feb *",
                          "1-2-3 * * * *",
                          "*/5/5 * * * *",
                          "? * * * *",
                          "L * * * *"})
    EXPECT_FALSE(parse_cron(bad)) << bad;
  EXPECT_TRUE(parse_cron("0 0 29 2 *"));
  EXPECT_TRUE(parse_cron("0 0 31 2 mon"));  // either field is enough
}

}  // namespace tidemill::project
