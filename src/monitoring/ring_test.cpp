#include "monitoring/ring.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tidemill::monitoring {

namespace {

bool push(Ring& ring, const std::string& record) {
  uint64_t end = 0;
  return ring.push(record.size(), [&](char* out) { record.copy(out, record.size()); }, end);
}

}  // namespace

RC_GTEST_PROP(Ring, gives_back_what_it_took_in_order, (const std::vector<std::string>& records)) {
  Ring ring(256);
  std::vector<std::string> in, out;
  for (const std::string& record : records) {
    const std::string cut = record.substr(0, 100);
    const bool is_first = in.size() == out.size();
    const bool taken = push(ring, cut);
    if (is_first) RC_ASSERT(taken);  // an empty ring has room for less than half of it
    if (taken) in.push_back(cut);
    if (records.size() % 3 != 0 || !taken)
      ring.drain([&](std::string_view seen) {
        out.emplace_back(seen);
        return true;
      });
  }
  ring.drain([&](std::string_view seen) {
    out.emplace_back(seen);
    return true;
  });
  RC_ASSERT(in == out);
  RC_ASSERT(ring.used() == 0u);
}

TEST(Ring, what_is_not_taken_stays) {
  Ring ring(256);
  for (const char* record : {"one", "two", "three"}) ASSERT_TRUE(push(ring, record));
  std::vector<std::string> out;
  const auto take_two = [&](std::string_view record) {
    if (out.size() % 2 == 0 && !out.empty()) return false;
    out.emplace_back(record);
    return true;
  };
  ring.drain(take_two);
  EXPECT_EQ(out, (std::vector<std::string>{"one", "two"}));
  ring.drain([&](std::string_view record) {
    out.emplace_back(record);
    return true;
  });
  EXPECT_EQ(out.back(), "three");
}

TEST(Ring, producers_and_the_consumer_lose_nothing) {
  constexpr int kProducers = 3, kRecords = 2'000;
  Ring ring(1024);
  std::atomic<int> running{kProducers};
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p)
    producers.emplace_back([&, p] {
      for (int i = 0; i < kRecords; ++i)
        while (!push(ring, std::to_string(p) + ":" + std::to_string(i))) std::this_thread::yield();
      running.fetch_sub(1);
    });
  std::vector<int> next(kProducers, 0);
  bool in_order = true;
  const auto take = [&](std::string_view record) {
    const auto p = static_cast<size_t>(record[0] - '0');
    in_order &= record.substr(2) == std::to_string(next[p]++);
    return true;
  };
  while (running.load() > 0) ring.drain(take);
  ring.drain(take);
  for (std::thread& producer : producers) producer.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(next, std::vector<int>(kProducers, kRecords));
}

}  // namespace tidemill::monitoring
