#include "project/cron_ticks.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "project/posix_zone.hpp"

namespace tidemill::project {
namespace {

Instant at(std::string_view text) { return *parse_instant(text); }
Cron cron(std::string_view text) { return *parse_cron(text); }

/// A zone of this POSIX rule, so that the tests need no database.
ZoneRules zone_of(const std::string& rule) {
  std::string file = "TZif2" + std::string(15, '\0') + std::string(24, '\0');  // an empty first part
  file += "TZif2" + std::string(15, '\0');
  for (const char count : {0, 0, 0, 0, 1, 4}) file += std::string(3, '\0') + count;
  file += std::string(6, '\0') + "UTC" + '\0';
  return *ZoneRules::read(file + "\n" + rule + "\n", "test");
}
const ZoneRules& new_york() {
  static const ZoneRules zone = zone_of("EST5EDT,M3.2.0,M11.1.0");
  return zone;
}

std::vector<std::string> ticks(std::string_view expression, std::string_view after, size_t count,
                               const ZoneRules& zone) {
  std::vector<std::string> all;
  Instant now = at(after);
  for (size_t i = 0; i < count; ++i) {
    const auto next = next_after(cron(expression), now, zone);
    if (!next) break;
    all.push_back(to_text(*next));
    now = *next;
  }
  return all;
}
using Texts = std::vector<std::string>;

}  // namespace

TEST(CronTicks, come_by_the_clocks_of_the_zone) {
  EXPECT_EQ(ticks("0 6 * * *", "2026-01-10T00:00:00Z", 2, new_york()),
            (Texts{"2026-01-10T11:00:00Z", "2026-01-11T11:00:00Z"}));
  EXPECT_EQ(ticks("0 6 * * *", "2026-07-10T00:00:00Z", 1, new_york()), Texts{"2026-07-10T10:00:00Z"});
  EXPECT_EQ(ticks("30 0 1 * *", "2026-01-31T23:00:00Z", 2, ZoneRules::utc()),
            (Texts{"2026-02-01T00:30:00Z", "2026-03-01T00:30:00Z"}));
  EXPECT_EQ(ticks("0 0 * * mon", "2026-11-29T00:00:00Z", 1, ZoneRules::utc()), Texts{"2026-11-30T00:00:00Z"});
}

TEST(CronTicks, are_after_the_instant_and_not_at_it) {
  EXPECT_EQ(ticks("0 6 * * *", "2026-01-10T06:00:00Z", 1, ZoneRules::utc()), Texts{"2026-01-11T06:00:00Z"});
  EXPECT_EQ(to_text(*last_until(cron("0 6 * * *"), at("2026-01-10T06:00:00Z"), ZoneRules::utc())),
            "2026-01-10T06:00:00Z");
  EXPECT_EQ(to_text(*last_until(cron("0 6 * * *"), at("2026-01-10T05:59:59Z"), ZoneRules::utc())),
            "2026-01-09T06:00:00Z");
}

TEST(CronTicks, that_a_gap_skips_come_when_it_ends) {
  // On 2026-03-08 at 02:00 the clocks of New York go to 03:00, which is 07:00 UTC.
  EXPECT_EQ(ticks("30 2 * * *", "2026-03-07T12:00:00Z", 2, new_york()),
            (Texts{"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}));
  EXPECT_EQ(ticks("*/20 2 * * *", "2026-03-08T00:00:00Z", 2, new_york()),
            (Texts{"2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"}));
  EXPECT_EQ(ticks("0 * * * *", "2026-03-08T05:30:00Z", 3, new_york()),
            (Texts{"2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"}));
}

TEST(CronTicks, that_the_clocks_show_twice_come_once_unless_they_are_of_every_hour) {
  // On 2026-11-01 at 02:00 they go back to 01:00: 01:30 is 05:30 and 06:30 UTC.
  EXPECT_EQ(ticks("30 1 * * *", "2026-10-31T12:00:00Z", 2, new_york()),
            (Texts{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}));
  EXPECT_EQ(ticks("30 * * * *", "2026-11-01T04:45:00Z", 3, new_york()),
            (Texts{"2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"}));
}

TEST(CronTicks, are_in_order_where_clocks_are_put_back_over_midnight) {
  const ZoneRules zone =
      zone_of("AAA0BBB,M4.1.0/0:01,M10.1.0/0:01");  // 00:01 becomes 23:01 of the day before
  Instant now = at("2026-10-03T20:10:00Z");
  for (int i = 0; i < 6; ++i) {
    const auto next = next_after(cron("30 * * * *"), now, zone);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->micros - now.micros, i == 0 ? int64_t{1'200'000'000} : int64_t{3'600'000'000});
    now = *next;
  }
}

TEST(CronTicks, of_a_leap_day_are_found_across_a_year_that_has_none) {
  EXPECT_EQ(ticks("0 0 29 2 *", "2096-03-01T00:00:00Z", 1, ZoneRules::utc()), Texts{"2104-02-29T00:00:00Z"});
  EXPECT_EQ(to_text(*last_until(cron("0 0 29 2 *"), at("2104-02-28T00:00:00Z"), ZoneRules::utc())),
            "2096-02-29T00:00:00Z");
}

TEST(CronTicks, need_one_of_both_kinds_of_day_when_neither_is_a_star) {
  EXPECT_EQ(ticks("0 0 13 * fri", "2026-11-01T00:00:00Z", 4, ZoneRules::utc()),
            (Texts{"2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z",
                   "2026-11-27T00:00:00Z"}));
}

RC_GTEST_PROP(CronTicks, have_none_between_one_and_the_next, (int minutes)) {
  const auto expression = *rc::gen::element<std::string>(
      "*/7 * * * *", "30 1 * * *", "15 2 * * *", "0 */5 * * *", "59 23 * * *", "0 0 * * sun", "10 3 8 3 *");
  // Around both changes of the clocks of 2026.
  const int64_t around =
      *rc::gen::element(at("2026-03-08T07:00:00Z").micros, at("2026-11-01T06:00:00Z").micros);
  const Instant now{around + (minutes % 4000) * int64_t{60'000'000}};
  const auto next = next_after(cron(expression), now, new_york());
  RC_ASSERT(next.has_value());
  RC_ASSERT(*next > now);
  RC_ASSERT(last_until(cron(expression), *next, new_york()) == next);
  const auto before = last_until(cron(expression), {next->micros - 1}, new_york());
  RC_ASSERT(!before || *before <= now);
}

TEST(ZoneRules, agree_with_the_rule_that_ends_a_file) {
  EXPECT_EQ(new_york().offset_at(at("2026-03-08T06:59:59Z")), -18'000);
  EXPECT_EQ(new_york().offset_at(at("2026-03-08T07:00:00Z")), -14'400);
  EXPECT_EQ(new_york().offset_at(at("2199-07-01T00:00:00Z")), -14'400);
  const ZoneRules lord_howe = zone_of("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
  EXPECT_EQ(lord_howe.offset_at(at("2026-01-01T00:00:00Z")), 39'600);
  EXPECT_EQ(lord_howe.offset_at(at("2026-07-01T00:00:00Z")), 37'800);
  const ZoneRules dublin = zone_of("IST-1GMT0,M10.5.0,M3.5.0/1");  // winter time is the exception there
  EXPECT_EQ(dublin.offset_at(at("2026-07-01T00:00:00Z")), 3'600);
  EXPECT_EQ(dublin.offset_at(at("2026-01-01T00:00:00Z")), 0);
}

TEST(ZoneRules, read_the_machines_database) {
  if (!std::filesystem::is_directory(kZoneFolder)) GTEST_SKIP() << "there is no tz database here";
  const auto zone = ZoneRules::load("Europe/Berlin");
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->offset_at(at("1980-07-01T00:00:00Z")), 7'200);
  EXPECT_EQ(zone->offset_at(at("2026-12-01T00:00:00Z")), 3'600);
  EXPECT_EQ(zone->offset_at(at("2080-07-01T00:00:00Z")), 7'200);
  const auto apia = ZoneRules::load("Pacific/Apia");  // had no 2011-12-30
  ASSERT_TRUE(apia);
  EXPECT_EQ(ticks("0 12 30 12 *", "2011-12-01T00:00:00Z", 2, *apia),
            (Texts{"2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"}));
}

TEST(ZoneRules, refuse_what_is_no_zone) {
  EXPECT_EQ(ZoneRules::load("Nowhere/City").error().code, "project.zone_missing");
  EXPECT_EQ(ZoneRules::load("Europe/Berlin", "/nonexistent").error().code, "project.zone_missing");
  EXPECT_TRUE(ZoneRules::load("UTC", "/nonexistent"));
  for (const std::string& bytes : {std::string(), std::string("TZif2"), "TZif2" + std::string(39, '\0'),
                                   "TZif2" + std::string(39, '\x7f')})
    EXPECT_EQ(ZoneRules::read(bytes, "x").error().code, "project.zone_malformed");
  for (const char* rule :
       {"", "E5", "EST", "EST5EDT", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0,",
        "<EST5", "EST99", "EST5EDT,J0,J1", "EST5EDT,M3.2.0/168,M11.1.0"})
    EXPECT_FALSE(parse_posix_zone(rule)) << rule;
}

}  // namespace tidemill::project
