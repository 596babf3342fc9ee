#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "monitoring/retraining.hpp"

namespace tidemill::monitoring {

TEST(Retraining, refuses_a_state_that_is_not_its_own) {
  EXPECT_EQ(retraining_from_json(Json::object()).error().code, "monitoring.state");
  Json json = to_json(Retraining{});
  ASSERT_TRUE(retraining_from_json(json)) << retraining_from_json(json).error().message;
  json.erase("compared");  // as it was kept before there was one
  EXPECT_TRUE(retraining_from_json(json));
  json["stage"] = "flying";
  EXPECT_FALSE(retraining_from_json(json));
}

RC_GTEST_PROP(Retraining, survives_being_written_down, ()) {
  const auto instant = [] {
    return *rc::gen::arbitrary<bool>() ? std::optional(Instant{*rc::gen::arbitrary<int64_t>()})
                                       : std::nullopt;
  };
  Retraining state;
  state.stage = static_cast<Stage>(*rc::gen::inRange(0, 10));
  state.since = {*rc::gen::arbitrary<int64_t>()};
  state.trigger = {static_cast<Trigger::Kind>(*rc::gen::inRange(0, 5)),
                   *rc::gen::container<std::string>(rc::gen::inRange('a', 'z')),
                   *rc::gen::arbitrary<int64_t>()};
  state.attempt = *rc::gen::arbitrary<int>();
  state.candidate = *rc::gen::arbitrary<int>();
  state.percent = *rc::gen::inRange(0, 1000) / 7.0;
  state.begun = *rc::gen::arbitrary<bool>();
  state.compared = *rc::gen::arbitrary<bool>();
  state.asked = instant();
  state.missing_since = instant();
  state.ended = instant();
  state.held_since = instant();
  state.leftover = *rc::gen::arbitrary<int>();
  state.leftover_bad = *rc::gen::arbitrary<bool>();
  for (const int64_t at : *rc::gen::arbitrary<std::vector<int64_t>>()) state.starts.push_back({at});
  state.refused = *rc::gen::arbitrary<std::set<int>>();
  state.handled = *rc::gen::arbitrary<int64_t>();
  const auto read = retraining_from_json(*parse_json(to_json(state).dump()));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == state);
}

}  // namespace tidemill::monitoring
