#include "monitoring/watch_json.hpp"

#include <algorithm>
#include <array>

#include "monitoring/state_json.hpp"

namespace tidemill::monitoring {

namespace {

constexpr int kFormat = 1;
constexpr size_t kMaxLooks = 10'000;
constexpr std::array<std::string_view, 3> kStates{"measured", "not enough data", "missing"};

Json state_of(const Finding& finding) {
  Json json = {{"column", finding.cause.column},
               {"slice", finding.cause.slice},
               {"version", finding.cause.version},
               {"topic", to_text(finding.topic)},
               {"state", to_text(finding.state)},
               {"value", json_number(finding.value)},
               {"limit", json_number(finding.limit)},
               {"pressure", json_number(finding.pressure)},
               {"sure_pressure", json_number(finding.sure_pressure)},
               {"warned", finding.warned},
               {"text", finding.text}};
  if (finding.p_value) json["p_value"] = json_number(*finding.p_value);
  return json;
}

Result<Finding> finding_from(const Json& json, const std::string& deployment, const std::string& monitor) {
  Finding finding;
  finding.cause.deployment = deployment;
  finding.cause.monitor = monitor;
  TM_CHECK(read_member(json, "column", finding.cause.column));
  TM_CHECK(read_member(json, "slice", finding.cause.slice));
  TM_CHECK(read_member(json, "version", finding.cause.version));
  std::string topic, state;
  TM_CHECK(read_member(json, "topic", topic));
  TM_CHECK(read_member(json, "state", state));
  const auto known_topic = topic_of(topic);
  const auto known_state = std::ranges::find(kStates, state);
  if (!known_topic || known_state == kStates.end()) return bad_state("state", "is none that there is");
  finding.topic = *known_topic;
  finding.state = static_cast<Finding::State>(known_state - kStates.begin());
  TM_CHECK(read_number(json, "value", finding.value));
  TM_CHECK(read_number(json, "limit", finding.limit));
  TM_CHECK(read_number(json, "pressure", finding.pressure));
  TM_CHECK(read_number(json, "sure_pressure", finding.sure_pressure));
  TM_CHECK(read_member(json, "warned", finding.warned));
  TM_CHECK(read_member(json, "text", finding.text));
  if (json.contains("p_value")) {
    double p_value = 0;
    TM_CHECK(read_number(json, "p_value", p_value));
    finding.p_value = p_value;
  }
  return finding;
}

}  // namespace

std::string_view to_text(Finding::State state) { return kStates[static_cast<size_t>(state)]; }

Json to_json(const Finding& finding) {
  const bool measured = finding.state == Finding::State::Measured;
  const auto number = [&](double value) { return measured ? json_number(value) : Json(); };
  return {{"column", finding.cause.column},
          {"slice", finding.cause.slice},
          {"version", finding.cause.version == 0 ? Json() : Json(finding.cause.version)},
          {"state", to_text(finding.state)},
          {"value", number(finding.value)},
          {"limit", number(finding.limit)},
          {"pressure", number(finding.pressure)},
          {"fails", finding.fails()},
          {"warned", finding.warned},
          {"p_value", finding.p_value ? json_number(*finding.p_value) : Json()},
          {"text", finding.text}};
}

Json to_json(const LastLook& look) {
  Json findings = Json::array();
  for (const Finding& finding : look.evaluation.findings) findings.push_back(to_json(finding));
  return {{"deployment", look.evaluation.deployment},
          {"monitor", look.evaluation.monitor},
          {"window_end", to_text(look.evaluation.window_end)},
          {"looked_at", to_text(look.at)},
          {"findings", std::move(findings)}};
}

Json state_of(const LastLooks& looks) {
  Json list = Json::array();
  for (const auto& [name, look] : looks) {
    std::vector<const Finding*> kept;
    for (const Finding& finding : look.evaluation.findings) kept.push_back(&finding);
    if (kept.size() > kMaxKeptFindings) {
      std::ranges::stable_sort(kept, std::ranges::greater{}, [](const Finding* finding) {
        return std::pair(finding->fails(), finding->pressure);
      });
      kept.resize(kMaxKeptFindings);
    }
    Json findings = Json::array();
    for (const Finding* finding : kept) findings.push_back(state_of(*finding));
    list.push_back({{"deployment", name.first},
                    {"monitor", name.second},
                    {"at", look.at.micros},
                    {"until", look.evaluation.window_end.micros},
                    {"fire_after", look.evaluation.fire_after},
                    {"findings", std::move(findings)}});
  }
  return {{"format", kFormat}, {"looks", std::move(list)}};
}

Result<LastLooks> last_looks(const Json& state) {
  int format = 0;
  TM_CHECK(read_member(state, "format", format));
  if (format != kFormat) return bad_state("format", "is that of another version of this program");
  if (!state.contains("looks") || !state["looks"].is_array() || state["looks"].size() > kMaxLooks)
    return bad_state("looks", "is not a list of at most 10000");
  LastLooks looks;
  for (const Json& json : state["looks"]) {
    LastLook look;
    TM_CHECK(read_member(json, "deployment", look.evaluation.deployment));
    TM_CHECK(read_member(json, "monitor", look.evaluation.monitor));
    TM_CHECK(read_member(json, "at", look.at));
    TM_CHECK(read_member(json, "until", look.evaluation.window_end));
    TM_CHECK(read_member(json, "fire_after", look.evaluation.fire_after));
    if (!json.contains("findings") || !json["findings"].is_array() ||
        json["findings"].size() > kMaxKeptFindings)
      return bad_state("findings", "is not a list of at most 2000");
    for (const Json& item : json["findings"]) {
      TM_TRY(Finding finding, finding_from(item, look.evaluation.deployment, look.evaluation.monitor));
      look.evaluation.findings.push_back(std::move(finding));
    }
    const std::pair name{look.evaluation.deployment, look.evaluation.monitor};
    looks.emplace(name, std::move(look));
  }
  return looks;
}

}  // namespace tidemill::monitoring
