#include "monitoring/notify.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "monitoring/notify_outbox.hpp"
#include "monitoring/scratch_for_tests.hpp"

namespace tidemill::monitoring {

namespace {

const Instant kNow = parse_instant("2026-11-29T12:00:00Z").value();
const Sender kSender{"shop", "prod"};

Alert firing(const std::string& column = "dep_delay") {
  Alert alert;
  alert.cause = {"late", "drift psi", column, "", 3};
  alert.topic = Topic::Drift;
  alert.state = Alert::State::Firing;
  alert.since = {kNow.micros - 60'000'000};
  alert.told = true;
  alert.value = 0.31;
  alert.limit = 0.2;
  alert.text = "distance 0.31, at most 0.2";
  return alert;
}

Notice notice(int number) {
  return {fmt::format("{:016x}", number), "failed", "run failed", {kNow.micros + number}, {{"run", "r1"}}};
}

}  // namespace

TEST(Notice, of_an_alert_says_what_fires_and_comes_back_from_json) {
  const Notice made = notice_of({AlertEvent::What::Fired, firing(), "distance 0.31"}, kNow);
  EXPECT_EQ(made.event, "firing");
  EXPECT_EQ(made.text, "late, drift psi of dep_delay, version 3: distance 0.31");
  EXPECT_EQ(made.id, notice_of({AlertEvent::What::Fired, firing(), "again"}, kNow).id);
  EXPECT_NE(made.id, notice_of({AlertEvent::What::Resolved, firing(), ""}, kNow).id);
  EXPECT_EQ(notice_from_json(to_json(made)).value(), made);
  EXPECT_EQ(notice_from_json(Json::object()).error().code, "monitoring.state");
}

TEST(Message, in_plain_json_has_the_details_beside_the_text) {
  const Json message =
      plain_message(notice_of({AlertEvent::What::Fired, firing(), "too far"}, kNow), kSender);
  EXPECT_EQ(message["project"], "shop");
  EXPECT_EQ(message["deployment"], "late");
  EXPECT_EQ(message["column"], "dep_delay");
  EXPECT_EQ(message["value"], 0.31);
  EXPECT_EQ(message["at"], "2026-11-29T12:00:00Z");
}

TEST(Message, for_slack_has_nothing_that_slack_would_obey) {
  Alert alert = firing("<!channel> & co");
  const Json message = slack_message(notice_of({AlertEvent::What::Fired, alert, "x"}, kNow), kSender);
  EXPECT_EQ(message["text"],
            "*firing* shop prod\nlate, drift psi of &lt;!channel&gt; &amp; co, version 3: x");
}

TEST(Message, for_alertmanager_lasts_until_it_is_sent_again_and_tells_what_ended) {
  Alerts alerts;
  const auto put = [&](const Alert& alert) { alerts.by_cause[alert.cause] = alert; };
  put(firing());
  Alert silent = firing("silent"), pending = firing("pending"), ended = firing("ended"), old = firing("old");
  silent.silent = true;
  pending.state = Alert::State::Pending;
  ended.state = old.state = Alert::State::Resolved;
  old.since = {kNow.micros - kTellsResolved.micros};
  for (const Alert& alert : {silent, pending, ended, old}) put(alert);
  const auto messages = alertmanager_messages(alerts, kSender, kNow);
  ASSERT_EQ(messages.size(), 1U);
  ASSERT_EQ(messages[0].size(), 2U) << messages[0];
  const Json& fires = messages[0][0]["labels"]["column"] == "dep_delay" ? messages[0][0] : messages[0][1];
  const Json& over = messages[0][0]["labels"]["column"] == "dep_delay" ? messages[0][1] : messages[0][0];
  EXPECT_EQ(fires["labels"]["alertname"], "TidemillDrift");
  EXPECT_EQ(fires["labels"]["version"], "3");
  EXPECT_FALSE(fires["labels"].contains("slice")) << "Alertmanager takes an empty label for none";
  EXPECT_EQ(fires["startsAt"], "2026-11-29T11:59:00Z");
  EXPECT_EQ(fires["endsAt"], "2026-11-29T12:04:00Z");
  EXPECT_EQ(over["endsAt"], "2026-11-29T11:59:00Z");
  EXPECT_TRUE(alertmanager_messages({}, kSender, kNow).empty());
}

TEST(Message, many_alerts_go_in_several_messages) {
  Alerts alerts;
  for (size_t i = 0; i < kAlertsInMessage + 1; ++i) {
    const Alert alert = firing(fmt::format("c{}", i));
    alerts.by_cause[alert.cause] = alert;
  }
  EXPECT_EQ(alertmanager_messages(alerts, kSender, kNow).size(), 2U);
}

TEST(BackOff, doubles_up_to_five_minutes) {
  EXPECT_EQ(back_off(1), (Duration{1'000'000}));
  EXPECT_EQ(back_off(4), (Duration{8'000'000}));
  EXPECT_EQ(back_off(1'000), (Duration{300'000'000}));
}

TEST(Outbox, keeps_notices_in_the_order_of_time_until_they_are_taken) {
  const Scratch scratch;
  const Outbox outbox(scratch.path() / "notices");
  EXPECT_TRUE(outbox.waiting("webhook").empty());
  for (const int number : {2, 1, 3, 1}) EXPECT_EQ(outbox.add("webhook", notice(number)).value(), 0U);
  ASSERT_TRUE(outbox.add("alertmanager", notice(9)));
  const auto files = outbox.waiting("webhook");
  ASSERT_EQ(files.size(), 3U) << "the same one is there once";
  EXPECT_EQ(Outbox::read(files[0]).value(), notice(1));
  ASSERT_TRUE(Outbox::remove(files[0]));
  EXPECT_EQ(Outbox::read(outbox.waiting("webhook")[0]).value(), notice(2));
}

TEST(Outbox, drops_the_oldest_beyond_its_limit) {
  const Scratch scratch;
  const Outbox outbox(scratch.path(), 5);
  for (int i = 0; i < 7; ++i) ASSERT_EQ(outbox.add("webhook", notice(i)).value(), i < 5 ? 0U : 1U);
  const auto files = outbox.waiting("webhook");
  ASSERT_EQ(files.size(), 5U);
  EXPECT_EQ(Outbox::read(files[0]).value(), notice(2));
}

}  // namespace tidemill::monitoring
