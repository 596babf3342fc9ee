#include "monitoring/kept.hpp"

#include "registry/registry_test_support.hpp"

namespace tidemill::monitoring {

using registry::code_of;
using registry::must;

TEST(Kept, alerts_and_looks_are_read_as_they_were_kept) {
  const registry::TestHome home;
  const auto store = home.open();
  EXPECT_EQ(must(kept_alerts(*store)), std::nullopt);
  EXPECT_TRUE(must(kept_looks(*store)).empty());
  Alerts alerts;
  Alert alert;
  alert.cause = {"late", "drift psi", "delay", "", 3};
  alerts.by_cause[alert.cause] = alert;
  LastLooks looks;
  looks[{"late", "drift psi"}].at = {7};
  must(keep(*store, alerts, looks));
  EXPECT_EQ(must(kept_alerts(*store)), alerts);
  EXPECT_EQ(must(kept_looks(*store)).size(), 1U);
  EXPECT_EQ(must(alerts_from_text(must(kept_alerts_text(*store)).value())), alerts);
}

TEST(Kept, what_cannot_be_read_is_an_error_and_not_nothing) {
  const registry::TestHome home;
  const auto store = home.open();
  must(store->set_memos(kWatchMemos, {{kAlertsMemo, "{\"format\": 99}"}, {kLooksMemo, "no JSON"}}));
  EXPECT_EQ(code_of(kept_alerts(*store)), "monitoring.state");
  EXPECT_EQ(code_of(kept_looks(*store)), "json.invalid");
}

}  // namespace tidemill::monitoring
