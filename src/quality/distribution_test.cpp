#include "quality/tables_test.hpp"
#include "statistics/bins.hpp"
#include "statistics/distances.hpp"

namespace tidemill::quality {
namespace {

class Distribution : public Tables {
 protected:
  void SetUp() override {
    Tables::SetUp();
    execute(
        R"(CREATE TABLE before AS SELECT exp(sin(i * 12.9898) * 2) AS x, CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN 'a' ELSE 'b' END AS level
               FROM range(1000) r(i))");
    execute(
        R"(CREATE TABLE now AS SELECT CASE WHEN i % 50 = 0 THEN NULL WHEN i % 49 = 0 THEN 'nan'::DOUBLE ELSE exp(sin(i * 7.233) * 2.3) + 0.1 END AS x,
               CASE i % 7 WHEN 0 THEN 'new' WHEN 1 THEN NULL ELSE 'b' END AS level FROM range(800) r(i))");
  }
  std::vector<double> column(const std::string& table) {
    std::vector<double> values;
    const auto rows = connection_->query("SELECT coalesce(x, 'nan'::DOUBLE) FROM " + table);
    for (const auto& row : rows->rows) values.push_back(std::get<double>(row[0]));
    return values;
  }
  CheckResult judged(const std::string& column, const std::string& statistic, double max,
                     const std::string& reference = "before") {
    return one("now",
               check("distribution", {column},
                     {{"reference", reference}, {"column", column}, {"statistic", statistic}, {"max", max}}));
  }
};

TEST_F(Distribution, distances_are_those_of_the_statistics_room) {
  const std::vector<double> a = column("before"), b = column("now");
  EXPECT_NEAR(judged("x", "ks", 1).numbers["value"].get<double>(), *statistics::ks(a, b), 1e-9);
  EXPECT_NEAR(judged("x", "wasserstein", 9).numbers["value"].get<double>(),
              *statistics::wasserstein_over_sigma(a, b), 1e-9);
  const statistics::NumberBins bins = statistics::quantile_bins(a);
  EXPECT_NEAR(judged("x", "psi", 9).numbers["value"].get<double>(),
              *statistics::psi(count(bins, a), count(bins, b)), 1e-9);
  // missing, b, a, other
  EXPECT_NEAR(judged("level", "psi", 9).numbers["value"].get<double>(),
              *statistics::psi(std::vector<double>{143, 714, 143, 0}, std::vector<double>{115, 570, 0, 115}),
              1e-9);
}

TEST_F(Distribution, a_move_past_the_limit_fails_and_says_what_moved_most) {
  const CheckResult result = judged("level", "psi", 0.2);
  EXPECT_EQ(result.status, CheckStatus::Failed);
  EXPECT_NE(result.message.find("psi of level against before is "), std::string::npos) << result.message;
  EXPECT_NE(result.hint.find("other: 0 % → 14 %"), std::string::npos) << result.hint;
  EXPECT_EQ(one("before", check("distribution", {"x"},
                                {{"reference", "before"}, {"column", "x"}, {"statistic", "psi"}, {"max", 0}}))
                .status,
            CheckStatus::Passed);
}

TEST_F(Distribution, no_earlier_snapshot_or_few_values_are_not_enough) {
  EXPECT_EQ(judged("x", "psi", 0.2, "previous").status, CheckStatus::NotEnoughHistory);
  CheckContext context = this->context("now");
  context.previous_relation = "(SELECT * FROM before LIMIT 100)";
  const project::Check rule = check(
      "distribution", {"x"}, {{"reference", "previous"}, {"column", "x"}, {"statistic", "ks"}, {"max", 0.5}});
  EXPECT_EQ(run(context, {rule}).results[0].status, CheckStatus::NotEnoughHistory);
  context.previous_relation = "before";
  EXPECT_EQ(run(context, {rule}).results[0].status, CheckStatus::Passed);
}

TEST_F(Distribution, a_column_that_lost_its_values_fails_and_a_small_table_warns) {
  const auto against_before = [&](const std::string& table, const std::string& statistic) {
    return one(table, check("distribution", {"x"},
                            {{"reference", "before"}, {"statistic", statistic}, {"max", 0.2}}));
  };
  execute("CREATE TABLE lost AS SELECT CASE WHEN i < 10 THEN 1.5 END AS x FROM range(800) r(i)");
  for (const char* statistic : {"psi", "ks", "wasserstein"})
    EXPECT_EQ(against_before("lost", statistic).status, CheckStatus::Failed) << statistic;
  EXPECT_EQ(against_before("lost", "psi").message, "x has 10 values in 800 rows, the reference 1 000");
  execute("CREATE TABLE gone AS SELECT NULL::DOUBLE AS x FROM range(20)");
  EXPECT_EQ(against_before("gone", "psi").status, CheckStatus::Failed);
  execute("CREATE TABLE small AS SELECT x FROM before LIMIT 50");
  EXPECT_EQ(against_before("small", "psi").status, CheckStatus::Warned);
}

TEST_F(Distribution, texts_have_no_ks_and_a_constant_reference_no_wasserstein) {
  EXPECT_EQ(judged("level", "ks", 0.2).status, CheckStatus::Error);
  execute("CREATE TABLE constant AS SELECT 5.0 AS x FROM range(300)");
  EXPECT_EQ(judged("x", "wasserstein", 0.2, "constant").status, CheckStatus::Failed);
  EXPECT_EQ(one("constant", check("distribution", {"x"},
                                  {{"reference", "constant"}, {"statistic", "wasserstein"}, {"max", 0.2}}))
                .status,
            CheckStatus::Passed);
  EXPECT_EQ(judged("x", "psi", 0.2, "constant").status, CheckStatus::Failed);
}

}  // namespace
}  // namespace tidemill::quality
