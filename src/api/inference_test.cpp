#include "api/inference.hpp"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "serving/serving_for_tests.hpp"

namespace tidemill::api {
namespace {

using serving::InferRequest;
using serving::Tensor;
using serving::TestServing;

InferRequest request_of(double a = 1) {
  InferRequest request;
  Tensor tensor{"a", "FP64", {1}};
  tensor.numbers = {a};
  request.inputs.push_back(std::move(tensor));
  return request;
}

/// Keeps what it is told; what shadows say may be held up.
class Sink final : public serving::PredictionSink {
 public:
  void predicted(const serving::PredictionRecord& record) override {
    std::unique_lock lock(mutex_);
    records_.push_back(to_json(record));
    changed_.notify_all();
    if (record.role == "shadow") changed_.wait(lock, [&] { return !held_; });
  }
  bool listens() const override { return listens_; }
  void listen(bool listens) { listens_ = listens; }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  /// Waits until there are so many.
  std::vector<Json> of_role(const std::string& role, size_t count) {
    std::unique_lock lock(mutex_);
    std::vector<Json> found;
    changed_.wait(lock, [&] {
      found.clear();
      for (const Json& record : records_)
        if (record["role"] == role) found.push_back(record);
      return found.size() >= count;
    });
    return found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Json> records_;
  bool held_ = false;
  std::atomic<bool> listens_{true};
};

class Rollouts : public ::testing::Test, public TestServing {
 protected:
  Rollouts() : TestServing(3) {}
  void start() {
    deployments = open();
    inference = std::make_unique<Inference>(*deployments, &sink);
  }
  Result<Inference::Predicted> ask(std::string_view id, const InferRequest& request = request_of(),
                                   std::string_view version = "") {
    Inference::Call call = inference->begin("late", "v2");
    TM_CHECK(inference->check(call, version));
    auto predicted = inference->predict(call, {.prediction_id = id, .request_id = "their own"}, request);
    call.flight->count(predicted ? 200 : 400);
    return predicted;
  }
  bool metrics_have(const std::string& line) {
    return inference->metrics_text(MetricNames::Own).find(line + "\n") != std::string::npos;
  }
  size_t shadows_dropped() {
    const std::string text = inference->metrics_text(MetricNames::Own);
    const std::string name =
        "tidemill_shadow_dropped_total{model=\"late\",version=\"2\",role=\"shadow\",protocol=\"v2\"} ";
    const size_t at = text.find(name);
    return at == text.npos ? 0 : std::stoul(text.substr(at + name.size()));
  }

  Sink sink;
  std::unique_ptr<serving::Deployments> deployments;
  std::unique_ptr<Inference> inference;  // ends first
};

double score(const serving::InferResponse& response) { return response.outputs.at(0).numbers.at(0); }

TEST_F(Rollouts, an_answer_and_the_sink_have_one_id) {
  promote(1);
  start();
  const auto theirs = ask("order-7").value();
  const auto ours = ask("").value();
  const auto unsafe = ask("a b\n").value();
  EXPECT_EQ(theirs.chosen.prediction_id, "order-7");
  EXPECT_EQ(ours.chosen.prediction_id.size(), 32U);
  EXPECT_EQ(unsafe.chosen.prediction_id.size(), 32U);
  const auto told = sink.of_role("champion", 3);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0]["prediction_id"], "order-7");
  EXPECT_EQ(told[1]["prediction_id"], ours.chosen.prediction_id);
  EXPECT_EQ(told[2]["prediction_id"], unsafe.chosen.prediction_id);
  EXPECT_EQ(told[0]["request_id"], "their own");
  EXPECT_EQ(told[0]["deployment"], "late");
  EXPECT_EQ(told[0]["model"], "late");
  EXPECT_EQ(told[0]["version"], 1);
  EXPECT_EQ(told[0]["status"], 200);
  EXPECT_EQ(told[0]["inputs"][0]["data"], Json::array({1.0}));
  EXPECT_EQ(told[0]["outputs"][0]["name"], "score");
  EXPECT_EQ(told[0]["outputs"][0]["data"][0], score(theirs.response));
}

TEST_F(Rollouts, a_sink_that_does_not_listen_is_told_nothing) {
  promote(1);
  start();
  sink.listen(false);
  EXPECT_TRUE(ask("unheard").has_value());
  sink.listen(true);
  EXPECT_TRUE(ask("heard").has_value());
  const auto told = sink.of_role("champion", 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["prediction_id"], "heard");
}

TEST_F(Rollouts, the_sink_is_told_of_what_failed) {
  promote(1);
  start();
  InferRequest wrong = request_of();
  wrong.inputs[0].name = "b";
  EXPECT_FALSE(ask("x", wrong).has_value());
  const auto told = sink.of_role("champion", 1);
  EXPECT_EQ(told[0]["status"], 400);
  EXPECT_EQ(told[0]["error"], "infer.unknown_input");
  EXPECT_EQ(told[0]["outputs"], Json());
}

TEST_F(Rollouts, a_path_may_name_either_version) {
  promote(1);
  canary(2, 50);
  start();
  for (const int version : {1, 2})
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(ask(std::to_string(i), request_of(), std::to_string(version)).value().response.version,
                version);
  const auto neither = ask("x", request_of(), "3");
  ASSERT_FALSE(neither.has_value());
  EXPECT_EQ(neither.error().message, "deployment 'late' serves version 1 and 2, not 3");
  EXPECT_TRUE(inference->ready("late", "2"));
  EXPECT_EQ(inference->look("late", "2").value()->role, "canary");
}

TEST_F(Rollouts, a_canary_answers_its_share_and_says_so) {
  promote(1);
  canary(2, 30);
  start();
  constexpr int kRequests = 2'000;
  int canaries = 0;
  for (int i = 0; i < kRequests; ++i) {
    const auto predicted = ask("id-" + std::to_string(i)).value();
    const int version = predicted.response.version;
    EXPECT_EQ(version, predicted.chosen.live->version);
    EXPECT_NEAR(score(predicted.response), score_of(version), 1e-6);
    EXPECT_EQ(ask("id-" + std::to_string(i)).value().response.version, version);
    canaries += version == 2 ? 1 : 0;
  }
  EXPECT_NEAR(canaries, 0.3 * kRequests, 5 * std::sqrt(kRequests * 0.3 * 0.7));
  EXPECT_TRUE(
      metrics_have("tidemill_inference_requests_total{model=\"late\",version=\"2\",role=\"canary\",protocol="
                   "\"v2\",code=\"200\"} " +
                   std::to_string(2 * canaries)));
  EXPECT_TRUE(metrics_have(
      "tidemill_inference_in_flight{model=\"late\",version=\"1\",role=\"champion\",protocol=\"v2\"} 0"));
  EXPECT_TRUE(metrics_have("tidemill_deployment_canary_share{model=\"late\"} 0.3"));
}

TEST_F(Rollouts, callers_stay_with_a_version_while_its_share_grows) {
  project.deployments["late"].rollout.emplace().sticky = "a";
  promote(1);
  canary(2, 1);
  start();
  std::set<int> canaries;
  for (const double percent : {1.0, 20.0, 50.0, 100.0}) {
    canary(2, percent);
    deployments->refresh(*store);
    std::set<int> now;
    for (int key = 0; key < 500; ++key) {
      const int version = ask("", request_of(key)).value().response.version;
      EXPECT_EQ(ask("", request_of(key)).value().response.version, version);
      if (version == 2) now.insert(key);
    }
    for (const int key : canaries) EXPECT_TRUE(now.contains(key)) << key;
    canaries = now;
  }
  EXPECT_EQ(canaries.size(), 500U);
  InferRequest without = request_of(std::nan(""));  // no key: the prediction's id decides
  EXPECT_TRUE(ask("x", without).has_value());
}

TEST_F(Rollouts, a_shadow_predicts_what_is_asked_and_answers_nobody) {
  promote(1);
  shadow(2);
  start();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("id-" + std::to_string(i)).value().response.version, 1);
  const auto told = sink.of_role("shadow", 10);
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i]["prediction_id"], "id-" + std::to_string(i));
    EXPECT_EQ(told[i]["version"], 2);
    EXPECT_NEAR(told[i]["outputs"][0]["data"][0].get<double>(), score_of(2), 1e-6);
  }
  EXPECT_EQ(sink.of_role("champion", 10).size(), 10U);
  EXPECT_TRUE(
      metrics_have("tidemill_inference_requests_total{model=\"late\",version=\"2\",role=\"shadow\",protocol="
                   "\"v2\",code=\"200\"} 10"));
  EXPECT_EQ(ask("x", request_of(), "1").value().response.version, 1);  // named: nobody else is asked
  EXPECT_EQ(shadows_dropped(), 0U);
}

TEST_F(Rollouts, a_slow_shadow_holds_up_no_answer_and_is_dropped_first) {
  promote(1);
  shadow(2);
  start();
  sink.hold(true);
  constexpr size_t kRequests = 200;
  for (size_t i = 0; i < kRequests; ++i) {
    const auto predicted = ask("").value();  // would wait for ever if it waited for the shadow
    EXPECT_EQ(predicted.response.version, 1);
    EXPECT_NEAR(score(predicted.response), score_of(1), 1e-6);
  }
  const size_t dropped = shadows_dropped();
  EXPECT_GT(dropped, 0U);
  EXPECT_LT(dropped, kRequests);
  sink.hold(false);
  EXPECT_EQ(sink.of_role("shadow", kRequests - dropped).size(), kRequests - dropped);
}

TEST_F(Rollouts, a_failing_shadow_changes_no_answer) {
  const int with_interval = add_version({"a"}, forest::Task::Regression, 0.5);
  const int without = add_version({"a"}, forest::Task::Regression);
  promote(with_interval);
  shadow(without);
  start();
  InferRequest request = request_of();
  request.outputs = {"low"};
  EXPECT_EQ(ask("x", request).value().response.outputs.at(0).name, "low");
  const auto told = sink.of_role("shadow", 1);
  EXPECT_EQ(told[0]["error"], "infer.unknown_output");
  EXPECT_TRUE(
      metrics_have("tidemill_inference_requests_total{model=\"late\",version=\"5\",role=\"shadow\",protocol="
                   "\"v2\",code=\"400\"} 1"));
}

TEST_F(Rollouts, a_challenger_with_other_features_answers_the_champions_callers) {
  const int other = add_version({"b", "a"});
  promote(1);
  canary(other, 100);
  start();
  EXPECT_EQ(ask("x").value().response.version, other);
  InferRequest matrix = request_of();
  matrix.inputs[0].name = "rows";
  matrix.inputs[0].shape = {1, 1};
  EXPECT_EQ(ask("x", matrix).value().response.version, other);
}

// Versions of other tasks leave other outputs behind.
TEST_F(Rollouts, an_answer_made_in_the_memory_of_another_is_the_same) {
  add_version({"a"}, forest::Task::Regression, 0.5);
  add_version({"a"}, forest::Task::Regression);
  start();
  serving::InferResponse kept;
  for (const int version : {1, 4, 2, 5, 4, 5, 1}) {
    promote(version);
    deployments->refresh(*store);
    const auto live = deployments->find("late");
    ASSERT_NE(live, nullptr);
    for (const std::vector<std::string>& outputs :
         {std::vector<std::string>{}, {version < 4 ? "decision" : "prediction"}}) {
      InferRequest request = request_of();
      request.outputs = outputs;
      const auto anew = serving::infer(*live, request).value();
      ASSERT_TRUE(serving::infer(*live, request, kept));
      ASSERT_EQ(kept.outputs.size(), anew.outputs.size());
      EXPECT_TRUE(kept.version == version && kept.rows == anew.rows && kept.id == anew.id);
      for (size_t i = 0; i < anew.outputs.size(); ++i) {
        const serving::Tensor &a = anew.outputs[i], &b = kept.outputs[i];
        EXPECT_TRUE(a.name == b.name && a.datatype == b.datatype && a.shape == b.shape &&
                    a.texts == b.texts && a.numbers == b.numbers)
            << a.name;
      }
    }
  }
}

TEST_F(Rollouts, what_is_dropped_past_its_deadline_counts_as_late) {
  promote(1);
  start();
  const auto now = Flight::Clock::now();
  {
    const Inference::Call late = inference->begin("late", "grpc", now);
  }
  {
    const Inference::Call full = inference->begin("late", "grpc", now + std::chrono::hours(1));
  }
  const std::string labels = "{model=\"late\",version=\"1\",role=\"champion\",protocol=\"grpc\",code=";
  EXPECT_TRUE(metrics_have("tidemill_inference_requests_total" + labels + "\"504\"} 1"));
  EXPECT_TRUE(metrics_have("tidemill_inference_requests_total" + labels + "\"503\"} 1"));
}

// Champion and challenger change places a thousand times while others ask: every answer is what the version
// it names says, and none fails.
TEST_F(Rollouts, a_thousand_swaps_under_load_give_no_wrong_answer) {
  promote(1);
  canary(2, 50);
  start();
  inference = std::make_unique<Inference>(*deployments);  // nobody keeps what is answered
  std::atomic<bool> stop{false};
  std::atomic<size_t> answers{0}, failures{0}, wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t)
    callers.emplace_back([&, t] {
      for (size_t i = 0; !stop.load(); ++i) {
        Inference::Call call = inference->begin("late", "v2");
        const auto can = inference->check(call, "");
        const std::string id = fmt::format("{}-{}", t, i);
        const auto predicted = inference->predict(call, {.prediction_id = id}, request_of());
        call.flight->count(200);
        if (!can || !predicted) {
          ++failures;
          continue;
        }
        const serving::InferResponse& response = predicted->response;
        const bool right = response.version >= 1 && response.version <= 3 &&
                           predicted->chosen.live->version == response.version &&
                           std::abs(score(response) - score_of(response.version)) < 1e-6;
        wrong += right ? 0 : 1;
        ++answers;
      }
    });
  int swaps = 0;
  for (int champion = 1; swaps < 1'000; champion = champion % 3 + 1) {
    const int challenger = champion % 3 + 1;
    promote(challenger);  // ends the rollout
    swaps += deployments->refresh(*store);
    if (swaps % 4 < 2)
      canary(challenger % 3 + 1, 50);
    else
      shadow(challenger % 3 + 1);
    swaps += deployments->refresh(*store);
    if (swaps % 4 < 2) continue;
    canary(challenger % 3 + 1, 70);
    swaps += deployments->refresh(*store);
  }
  stop.store(true);
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(swaps, 1'000);
  EXPECT_GT(answers.load(), 0U);
  EXPECT_EQ(failures.load(), 0U);
  EXPECT_EQ(wrong.load(), 0U);
}

}  // namespace
}  // namespace tidemill::api
