// The state of a retraining as it is kept over restarts, and the words for what it goes through.
#include <algorithm>
#include <array>

#include "monitoring/retraining.hpp"
#include "monitoring/state_json.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int kFormat = 1;
constexpr std::array<std::string_view, 10> kStages{"idle",     "triggered",  "snapshot", "train",
                                                   "gate",     "shadow",     "canary",   "promoted",
                                                   "rejected", "rolled back"};
constexpr std::array<std::string_view, 5> kTriggers{"person", "schedule", "performance", "drift", "labels"};

Json of(const std::optional<Instant>& instant) { return instant ? Json(instant->micros) : Json(); }
Result<void> read_maybe(const Json& json, const char* name, std::optional<Instant>& to) {
  if (json.contains(name) && json[name].is_null()) return {};
  Instant instant;
  TM_CHECK(read_member(json, name, instant));
  to = instant;
  return {};
}

template <class Enum, size_t N>
Result<void> read_word(const Json& json, const char* name, const std::array<std::string_view, N>& words,
                       Enum& to) {
  std::string word;
  TM_CHECK(read_member(json, name, word));
  const auto found = std::find(words.begin(), words.end(), word);
  if (found == words.end()) return bad_state(name, "is none that there is");
  to = static_cast<Enum>(found - words.begin());
  return {};
}

Result<void> read_list(const Json& json, const char* name, size_t most, auto take) {
  if (!json.contains(name) || !json[name].is_array() || json[name].size() > most)
    return bad_state(name, "is not a list, or too long");
  for (const Json& item : json[name]) {
    if (!item.is_number_integer()) return bad_state(name, "has what is not a whole number");
    take(item.get<int64_t>());
  }
  return {};
}

}  // namespace

std::string_view to_text(Stage stage) { return kStages[static_cast<size_t>(stage)]; }
std::string_view to_text(Trigger::Kind kind) { return kTriggers[static_cast<size_t>(kind)]; }

bool is_resting(Stage stage) {
  return stage == Stage::Idle || stage == Stage::Promoted || stage == Stage::Rejected ||
         stage == Stage::RolledBack;
}

Json to_json(const Transition& transition) {
  return {{"at", to_text(transition.at)},
          {"attempt", transition.attempt},
          {"from", to_text(transition.from)},
          {"to", to_text(transition.to)},
          {"version", transition.version != 0 ? Json(transition.version) : Json()},
          {"reason", transition.reason}};
}

Json to_json(const Retraining& state) {
  Json starts = Json::array();
  for (const Instant start : state.starts) starts.push_back(start.micros);
  return {
      {"format", kFormat},
      {"stage", to_text(state.stage)},
      {"since", state.since.micros},
      {"attempt", state.attempt},
      {"trigger",
       {{"kind", to_text(state.trigger.kind)}, {"reason", state.trigger.reason}, {"id", state.trigger.id}}},
      {"candidate", state.candidate},
      {"challenged", state.challenged},
      {"percent", state.percent},
      {"begun", state.begun},
      {"compared", state.compared},
      {"repeats", state.repeats},
      {"tries", state.tries},
      {"asked", of(state.asked)},
      {"missing_since", of(state.missing_since)},
      {"leftover", state.leftover},
      {"leftover_bad", state.leftover_bad},
      {"starts", std::move(starts)},
      {"ended", of(state.ended)},
      {"rejections", state.rejections},
      {"handled", state.handled},
      {"refused", state.refused},
      {"promoted", state.promoted},
      {"rollback_tries", state.rollback_tries},
      {"held_since", of(state.held_since)},
      {"refusal", state.refusal}};
}

Result<Retraining> retraining_from_json(const Json& json) {
  int format = 0;
  TM_CHECK(read_member(json, "format", format));
  if (format != kFormat) return bad_state("format", "is that of another version of this program");
  Retraining state;
  TM_CHECK(read_word(json, "stage", kStages, state.stage));
  TM_CHECK(read_member(json, "since", state.since));
  TM_CHECK(read_member(json, "attempt", state.attempt));
  if (!json.contains("trigger")) return bad_state("trigger", "is missing");
  TM_CHECK(read_word(json["trigger"], "kind", kTriggers, state.trigger.kind));
  TM_CHECK(read_member(json["trigger"], "reason", state.trigger.reason));
  TM_CHECK(read_member(json["trigger"], "id", state.trigger.id));
  TM_CHECK(read_member(json, "candidate", state.candidate));
  TM_CHECK(read_member(json, "challenged", state.challenged));
  TM_CHECK(read_member(json, "percent", state.percent));
  TM_CHECK(read_member(json, "begun", state.begun));
  if (json.contains("compared"))
    TM_CHECK(read_member(json, "compared", state.compared));  // newer than the rest
  TM_CHECK(read_member(json, "repeats", state.repeats));
  TM_CHECK(read_member(json, "tries", state.tries));
  TM_CHECK(read_maybe(json, "asked", state.asked));
  TM_CHECK(read_maybe(json, "missing_since", state.missing_since));
  TM_CHECK(read_member(json, "leftover", state.leftover));
  TM_CHECK(read_member(json, "leftover_bad", state.leftover_bad));
  TM_CHECK(read_list(json, "starts", kMaxStarts, [&](int64_t at) { state.starts.push_back({at}); }));
  TM_CHECK(read_maybe(json, "ended", state.ended));
  TM_CHECK(read_member(json, "rejections", state.rejections));
  TM_CHECK(read_member(json, "handled", state.handled));
  TM_CHECK(read_list(json, "refused", kMaxRefused + 1,
                     [&](int64_t version) { state.refused.insert(static_cast<int>(version)); }));
  TM_CHECK(read_member(json, "promoted", state.promoted));
  TM_CHECK(read_member(json, "rollback_tries", state.rollback_tries));
  TM_CHECK(read_maybe(json, "held_since", state.held_since));
  TM_CHECK(read_member(json, "refusal", state.refusal));
  return state;
}

}  // namespace tidemill::monitoring
