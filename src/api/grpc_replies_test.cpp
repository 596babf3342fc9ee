#include "api/grpc_replies.hpp"

#include "api/protocol_for_tests.hpp"

namespace tidemill::api {
namespace {

std::string text(const std::string& type, const std::string& bytes) {
  static Protocol protocol;
  return protocol.text("inference." + type, bytes);
}

TEST(GrpcReplies, writes_values_raw_in_the_order_of_their_outputs) {
  serving::InferResponse response{"late", 7, "q", {}, 2, {}};
  response.outputs.push_back({"score", "FP64", {2}, {1, 0}});
  response.outputs.push_back({"label", "BYTES", {2}});
  response.outputs[1].texts.add("a");
  response.outputs[1].texts.add("");
  EXPECT_EQ(text("ModelInferResponse", infer_response_message({}, response, {}, "p")),
            R"(model_name: "late" model_version: "7" id: "q" )"
            R"(parameters { key: "prediction_id" value { string_param: "p" } } )"
            R"(outputs { name: "score" datatype: "FP64" shape: 2 } )"
            R"(outputs { name: "label" datatype: "BYTES" shape: 2 } )"
            R"(raw_output_contents: "\000\000\000\000\000\000\360?\000\000\000\000\000\000\000\000" )"
            R"(raw_output_contents: "\001\000\000\000a\000\000\000\000")");
}

TEST(GrpcReplies, writes_raw_contents_for_an_output_without_rows) {
  serving::InferResponse response{"late", 7, "", {}, 0, {}};
  response.outputs.push_back({"score", "FP64", {0}});
  EXPECT_EQ(text("ModelInferResponse", infer_response_message({}, response, {}, "p")),
            R"(model_name: "late" model_version: "7" )"
            R"(parameters { key: "prediction_id" value { string_param: "p" } } )"
            R"(outputs { name: "score" datatype: "FP64" shape: 0 } raw_output_contents: "")");
}

TEST(GrpcReplies, writes_the_highest_classes_as_texts) {
  V2Request request;
  request.named.push_back({.classes = 1});
  const serving::InferResponse response{"late", 7, "", {{"scores", "FP64", {1, 2}, {0.25, 0.75}}}, 1, {}};
  const std::string said =
      text("ModelInferResponse", infer_response_message(request, response, {"no", "yes"}, "p"));
  EXPECT_TRUE(said.ends_with(R"(outputs { name: "scores" datatype: "BYTES" shape: 1 shape: 1 } )"
                             R"(raw_output_contents: "\n\000\000\0000.75:1:yes")"))
      << said;
}

TEST(GrpcReplies, writes_what_http_says_as_json) {
  EXPECT_EQ(text("ServerMetadataResponse",
                 reply_message(Reply::ServerMetadata,
                               Json::parse(R"({"name":"t","version":"1","extensions":["a","b"]})"))),
            R"(name: "t" version: "1" extensions: "a" extensions: "b")");
  EXPECT_EQ(
      text(
          "ModelMetadataResponse",
          reply_message(
              Reply::ModelMetadata,
              Json::parse(
                  R"({"name":"t","versions":["3"],"inputs":[{"name":"x","datatype":"FP64","shape":[-1,2]}]})"))),
      R"(name: "t" versions: "3" inputs { name: "x" datatype: "FP64" shape: -1 shape: 2 })");
  EXPECT_EQ(text("ModelConfigResponse",
                 reply_message(Reply::ModelConfig, Json::parse(R"({"config":{"name":"t","backend":"b",
        "max_batch_size":100000,"version_policy":{"specific":{"versions":[1]}},
        "input":[{"name":"x","data_type":"TYPE_STRING","dims":[1]}],
        "output":[{"name":"y","data_type":"TYPE_BOOL","dims":[3]}]}})"))),
            R"(config { name: "t" version_policy { specific { versions: 1 } } max_batch_size: 100000 )"
            R"(input { name: "x" data_type: TYPE_STRING dims: 1 } )"
            R"(output { name: "y" data_type: TYPE_BOOL dims: 3 } backend: "b" })");
  EXPECT_EQ(text("ModelStatisticsResponse",
                 reply_message(Reply::ModelStatistics,
                               Json::parse(R"({"model_stats":[{"name":"t","version":"1","inference_count":5,
        "batch_stats":[],"inference_stats":{"success":{"count":1,"ns":20},"fail":{"count":0,"ns":0}}}]})"))),
            R"(model_stats { name: "t" version: "1" inference_count: 5 )"
            R"(inference_stats { success { count: 1 ns: 20 } fail { } } })");
  EXPECT_EQ(text("RepositoryIndexResponse",
                 reply_message(Reply::RepositoryIndex,
                               Json::parse(R"({"models":[{"name":"t","version":"1","state":"READY"}]})"))),
            R"(models { name: "t" version: "1" state: "READY" })");
}

}  // namespace
}  // namespace tidemill::api
