#include "api/openmetrics.hpp"

#include <gtest/gtest.h>

namespace tidemill::api {
namespace {

TEST(OpenMetrics, is_given_to_who_likes_it_as_much_as_plain_text) {
  for (const char* accept :
       {"application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/"
        "plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain;q=0.5, APPLICATION/OpenMetrics-Text;q=0.5"})
    EXPECT_TRUE(prefers_openmetrics(accept)) << accept;
  for (const char* accept : {"", "*/*", "text/plain", "application/openmetrics-text;q=0",
                             "application/openmetrics-text;version=0.0.1",
                             "application/openmetrics-text;version=2.0.0,text/plain;q=0.1",
                             "application/openmetrics-text;q=0.4,text/plain;version=0.0.4;q=0.5"})
    EXPECT_FALSE(prefers_openmetrics(accept)) << accept;
}

TEST(OpenMetrics, names_a_counters_family_without_total_and_ends) {
  EXPECT_EQ(to_openmetrics("# HELP a_total So many _total in all.\n"
                           "# TYPE a_total counter\n"
                           "a_total{model=\"counter\"} 1\n"
                           "# HELP b Now.\n"
                           "# TYPE b gauge\n"
                           "b{} 2\n"
                           "# HELP nv_count Under another name.\n"
                           "# TYPE nv_count counter\n"
                           "nv_count{} 3\n"),
            "# HELP a So many _total in all.\n"
            "# TYPE a counter\n"
            "a_total{model=\"counter\"} 1\n"
            "# HELP b Now.\n"
            "# TYPE b gauge\n"
            "b{} 2\n"
            "# HELP nv_count Under another name.\n"
            "# TYPE nv_count unknown\n"
            "nv_count{} 3\n"
            "# EOF\n");
  EXPECT_EQ(to_openmetrics(""), "# EOF\n");
}

}  // namespace
}  // namespace tidemill::api
