#include "pipeline/selection.hpp"

#include <gtest/gtest.h>

namespace tidemill::pipeline {
namespace {

const Graph kGraph{{"source:flights", {}},
                   {"source:planes", {}},
                   {"transform:features", {"source:flights", "source:planes"}},
                   {"transform:late", {"transform:features"}},
                   {"model:late", {"transform:features"}},
                   {"export:scored", {"transform:late"}}};

std::string chosen(const std::vector<std::string>& selectors) {
  const auto selected = select(kGraph, selectors);
  if (!selected)
    return selected.error().front().code + ": " + selected.error().front().message + " " +
           selected.error().front().hint;
  std::string out;
  for (const std::string& id : *selected) out += (out.empty() ? "" : " ") + id;
  return out;
}

TEST(Selection, no_selector_is_everything) { EXPECT_EQ(select(kGraph, {})->size(), kGraph.size()); }

TEST(Selection, a_bare_name_is_every_step_of_that_name) {
  EXPECT_EQ(chosen({"late"}), "model:late transform:late");
  EXPECT_EQ(chosen({"model:late"}), "model:late");
}

TEST(Selection, plus_before_takes_all_that_it_needs_plus_behind_all_that_needs_it) {
  EXPECT_EQ(chosen({"+model:late"}), "model:late source:flights source:planes transform:features");
  EXPECT_EQ(chosen({"features+"}), "export:scored model:late transform:features transform:late");
  EXPECT_EQ(chosen({"+features+"}).find("source:planes") != std::string::npos, true);
}

TEST(Selection, a_number_counts_the_steps) {
  EXPECT_EQ(chosen({"1+model:late"}), "model:late transform:features");
  EXPECT_EQ(chosen({"flights+1"}), "source:flights transform:features");
}

TEST(Selection, several_selectors_are_their_union_and_a_star_is_any_letters) {
  EXPECT_EQ(chosen({"planes", "scored"}), "export:scored source:planes");
  EXPECT_EQ(chosen({"source:*"}), "source:flights source:planes");
  EXPECT_EQ(chosen({"fl*s"}), "source:flights");
}

TEST(Selection, an_unknown_name_is_an_error_with_the_nearest_one) {
  EXPECT_EQ(chosen({"+featurse"}),
            "usage.selector: nothing here is called 'featurse' did you mean 'features'?");
  EXPECT_EQ(select(kGraph, {"nope", "neither"}).error().size(), 2U);
  EXPECT_EQ(chosen({"transform:flights"}).substr(0, 14), "usage.selector");
}

TEST(Graph, orders_each_after_what_it_needs_and_ties_by_id) {
  const Order order = order_of(kGraph);
  EXPECT_EQ(order.ids, (std::vector<std::string>{"source:flights", "source:planes", "transform:features",
                                                 "model:late", "transform:late", "export:scored"}));
  EXPECT_TRUE(order.cycles.empty());
}

TEST(Graph, shows_a_cycle_as_its_path) {
  const Order order = order_of({{"a", {"c"}}, {"b", {"a"}}, {"c", {"b"}}, {"d", {"a"}}, {"e", {}}});
  ASSERT_EQ(order.cycles.size(), 1U);
  EXPECT_EQ(order.cycles[0], (std::vector<std::string>{"a", "c", "b", "a"}));
  EXPECT_EQ(order.ids, std::vector<std::string>{"e"});
}

TEST(Graph, a_chain_of_ten_thousand_is_no_recursion) {
  Graph graph;
  for (int i = 0; i < 10'000; ++i)
    graph["n" + std::to_string(i)] =
        i == 0 ? std::vector<std::string>{} : std::vector{"n" + std::to_string(i - 1)};
  const Order order = order_of(graph);
  ASSERT_EQ(order.ids.size(), 10'000U);
  EXPECT_EQ(order.ids.back(), "n9999");
}

}  // namespace
}  // namespace tidemill::pipeline
