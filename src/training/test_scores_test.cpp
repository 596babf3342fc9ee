#include "training/gate_rows.hpp"
#include "training/table_for_tests.hpp"

namespace tidemill::training {
namespace {

using TestScores = TableTest;

// The gate takes training's scores of the test rows for its own: they must be the same, row by row.
TEST_F(TestScores, train_says_of_test_rows_what_the_gate_would_say) {
  make_table();
  project::Model m = model();
  m.weight = "x";
  m.where = "id % 10 < 9";
  m.slices = {"city"};
  const auto rule = [](const std::string& name, double min) {
    project::GateRule one;
    one.metric = name;
    one.min = min;
    one.slice = {{"city", "*"}};
    return one;
  };
  m.gate = {rule("log_loss", 0), rule("roc_auc", 0.5)};
  const project::Split by_time{.kind = project::Split::Kind::Time,
                               .column = "at",
                               .validation = Duration{0},
                               .test = Duration{28 * 86'400'000'000}};
  for (const bool time : {false, true}) {
    if (time) m.split = by_time;
    const auto output = train(input(m));
    ASSERT_OK(output);
    ASSERT_FALSE(output->test_scores.empty());
    auto predictor = forest::Predictor::make(output->package, output->files.at("model.ubj"));
    ASSERT_OK(predictor);
    GateInput gate;
    gate.connection = &*connection_;
    gate.model = &m;
    gate.challenger = {"1", *std::move(predictor), "t"};
    gate.resamples = 50;
    const auto scored = read_test_rows(gate, {});
    ASSERT_OK(scored);
    EXPECT_EQ(scored->scores, output->test_scores);
    const auto scored_verdict = judge(gate);
    ASSERT_OK(scored_verdict);
    gate.challenger.test_scores = output->test_scores;
    const auto taken_verdict = judge(gate);
    ASSERT_OK(taken_verdict);
    EXPECT_EQ(to_json(*scored_verdict), to_json(*taken_verdict));
    gate.challenger.test_scores.pop_back();
    EXPECT_ERROR(judge(gate), "training.other_rows");
  }
}

}  // namespace
}  // namespace tidemill::training
