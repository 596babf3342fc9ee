// Tables in memory for the tests of this room.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/database.hpp"
#include "quality/quality.hpp"

namespace tidemill::quality {

class Tables : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = engine::Database::open(
        {.threads = 2, .timezone = "America/New_York", .access = engine::DatabaseOptions::Access::Open});
    ASSERT_TRUE(opened) << tidemill::to_text(opened.error());
    database_ = std::move(*opened);
    auto connected = database_->connect();
    ASSERT_TRUE(connected);
    connection_ = std::make_unique<engine::Connection>(std::move(*connected));
  }

  void execute(const std::string& sql) {
    const auto done = connection_->execute(sql);
    ASSERT_TRUE(done) << tidemill::to_text(done.error()) << "\n" << sql;
  }
  int64_t number(const std::string& sql) {
    const auto value = connection_->scalar(sql);
    EXPECT_TRUE(value) << (value ? "" : tidemill::to_text(value.error())) << "\n" << sql;
    return value && std::holds_alternative<int64_t>(*value) ? std::get<int64_t>(*value) : -1;
  }

  CheckContext context(const std::string& table) {
    CheckContext context;
    context.connection = connection_.get();
    context.table = table;
    context.relation = engine::quote_name(table);
    context.described = "source " + table;
    auto columns = connection_->describe("SELECT * FROM " + context.relation);
    EXPECT_TRUE(columns);
    context.columns = *columns;
    context.now = *parse_instant("2013-06-01T12:00:00Z");
    context.relation_of = [](const std::string& other) -> Result<std::string> {
      if (other == "nowhere") return user_error("project.unknown_table", "there is no table 'nowhere'");
      return engine::quote_name(other);
    };
    return context;
  }

  static project::Check check(const std::string& kind, std::vector<std::string> columns = {},
                              Json arguments = Json::object()) {
    project::Check check;
    check.kind = kind;
    check.columns = std::move(columns);
    check.arguments = std::move(arguments);
    check.place = {.file = "tidemill.yaml", .line = 23, .column = 18, .what = "source flights"};
    return check;
  }

  CheckReport run(const std::string& table, const std::vector<project::Check>& checks) {
    return run(context(table), checks);
  }
  CheckReport run(const CheckContext& context, const std::vector<project::Check>& checks) {
    auto report = run_checks(context, checks);
    EXPECT_TRUE(report) << (report ? "" : tidemill::to_text(report.error()));
    return report ? *report : CheckReport();
  }
  CheckResult one(const std::string& table, const project::Check& check) {
    const CheckReport report = run(table, {check});
    EXPECT_EQ(report.results.size(), 1U);
    return report.results.empty() ? CheckResult() : report.results[0];
  }

  std::unique_ptr<engine::Database> database_;
  std::unique_ptr<engine::Connection> connection_;
};

}  // namespace tidemill::quality
