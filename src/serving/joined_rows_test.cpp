#include "serving/joined_rows.hpp"

#include <future>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidemill::serving {
namespace {

RequestSchema schema_of_a_number() {
  return *RequestSchema::make(
      {.name = "asked", .columns = {{"id", "BIGINT"}, {"x", "DOUBLE"}}, .key = {"id"}});
}

// Twice x and its text; notes how many rows came at a time, refuses x = 13, and waits where it is told to.
class Twice final : public RowFeatures {
 public:
  const RequestSchema& schema() const override { return schema_; }
  Result<std::vector<Tensor>> features(RequestRows rows) const override {
    {
      const std::lock_guard lock(mutex);
      sizes.push_back(rows.rows);
    }
    if (rows.keys[0] == "\"id\":0") {
      begun.set_value();
      released.wait();
    }
    for (int i = 0; i < yields; ++i) std::this_thread::yield();
    Tensor numbers{"a", "FP64", {static_cast<int64_t>(rows.rows)}}, texts = numbers;
    texts.name = "b";
    texts.datatype = "BYTES";
    for (const double x : rows.columns[1].reals) {
      if (x == 13) return data_error("predict.no_answer", "13 has no features");
      numbers.numbers.push_back(2 * x);
      if (x == 7)
        texts.texts.add_missing();
      else
        texts.texts.add(fmt::format("{}", x));
    }
    return std::vector{numbers, texts};
  }
  mutable std::mutex mutex;
  mutable std::vector<size_t> sizes;
  mutable std::promise<void> begun;
  std::promise<void> release;
  int yields = 0;  // so often it lets others run meanwhile
  std::shared_future<void> released{release.get_future()};

 private:
  RequestSchema schema_ = schema_of_a_number();
};

// Features of rows with these ids, whose x is the id's.
std::string ask(const RowFeatures& features, const std::vector<int>& ids) {
  std::string json;
  for (const int id : ids) json += fmt::format("{}{{\"id\":{},\"x\":{}}}", json.empty() ? "[" : ",", id, id);
  const auto made = features.features(*rows_from_json(features.schema(), json + "]"));
  if (!made) return made.error().code;
  std::string out;
  for (size_t r = 0; r < ids.size(); ++r)
    out += fmt::format("{}={} ", (*made)[0].numbers[r], (*made)[1].texts.at(r).value_or("?"));
  return out;
}

class Joined : public ::testing::Test {
 protected:
  // Holds up the first execution until all others wait behind it, then lets them all go.
  std::vector<std::string> together(const std::vector<std::vector<int>>& requests) {
    std::vector<std::future<std::string>> answers;
    std::future<std::string> first = std::async(std::launch::async, [&] { return ask(joined, {0}); });
    inner->begun.get_future().wait();
    for (const auto& ids : requests)
      answers.push_back(std::async(std::launch::async, [&, ids] { return ask(joined, ids); }));
    while (joined.waiting() < requests.size()) std::this_thread::yield();
    inner->release.set_value();
    std::vector<std::string> out;
    for (auto& answer : answers) out.push_back(answer.get());
    EXPECT_EQ(first.get(), "0=0 ");
    return out;
  }
  std::shared_ptr<Twice> inner = std::make_shared<Twice>();
  std::shared_ptr<ComputeSlots> slots = std::make_shared<ComputeSlots>(1);
  JoinedRows joined{inner, slots, 6};
};

TEST_F(Joined, gives_each_request_its_own_rows_of_what_was_made_together) {
  EXPECT_EQ(together({{1, 2}, {3}, {7, 4, 5}}),
            (std::vector<std::string>{"2=1 4=2 ", "6=3 ", "14=? 8=4 10=5 "}));
  EXPECT_EQ(inner->sizes, (std::vector<size_t>{1, 6}));
}

TEST_F(Joined, need_no_slot_for_who_has_none) {
  const ComputeSlots::Turn held(*slots);
  EXPECT_EQ(std::async(std::launch::async, [&] { return ask(joined, {1}); }).get(), "2=1 ");
}

TEST_F(Joined, let_those_read_their_requests_first_who_came_before) {
  std::optional<ComputeSlots::Turn> held(*slots);
  std::vector<std::future<std::string>> answers;
  for (const int id : {1, 2, 3}) {
    answers.push_back(std::async(std::launch::async, [&, id] {
      const ComputeSlots::Turn turn(*slots);
      return ask(joined, {id});
    }));
    while (slots->waiting() < answers.size()) std::this_thread::yield();
  }
  held.reset();
  for (auto& answer : answers) EXPECT_NE(answer.get(), "");
  EXPECT_EQ(inner->sizes, (std::vector<size_t>{3}));
}

TEST_F(Joined, leaves_what_does_not_fit_for_the_next_time) {
  together({{1, 2, 3, 4}, {5, 6, 8}});
  std::ranges::sort(inner->sizes);
  EXPECT_EQ(inner->sizes, (std::vector<size_t>{1, 3, 4}));
}

TEST_F(Joined, never_has_a_key_twice) {
  EXPECT_EQ(together({{1}, {1}, {1}}), (std::vector<std::string>{"2=1 ", "2=1 ", "2=1 "}));
  EXPECT_EQ(inner->sizes, (std::vector<size_t>{1, 1, 1, 1}));
}

TEST_F(Joined, gives_nobody_the_error_of_another) {
  EXPECT_EQ(together({{1}, {13}, {3}}), (std::vector<std::string>{"2=1 ", "predict.no_answer", "6=3 "}));
  EXPECT_EQ(inner->sizes, (std::vector<size_t>{1, 3, 1, 1, 1}));
}

// For the thread sanitizer: who waits is woken while its answer is made. And nobody may wait for a slot
// while it keeps others, who have one, from going on.
TEST_F(Joined, answers_callers_who_ask_on_and_on) {
  constexpr int kCallers = 8, kTimes = 50;
  inner->yields = 100;
  std::vector<std::future<int>> callers;
  for (int id = 21; id < 21 + kCallers; ++id)
    callers.push_back(std::async(std::launch::async, [&, id] {
      int right = 0;
      for (int i = 0; i < kTimes; ++i) {
        std::optional<ComputeSlots::Turn> turn;
        if (id % 4 != 0) turn.emplace(*slots);
        right += ask(joined, {id}) == fmt::format("{}={} ", 2 * id, id);
      }
      return right;
    }));
  for (auto& caller : callers) EXPECT_EQ(caller.get(), kTimes);
}

}  // namespace
}  // namespace tidemill::serving
