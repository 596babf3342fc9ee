// Answers as protocol/inference.proto has them: from values, and from the JSON that HTTP answers with, so
// that both say the same.
#pragma once

#include <string>

#include "api/v2.hpp"
#include "base/json.hpp"

namespace tidemill::api {

/// ModelInferResponse, its values in raw_output_contents. prediction_id goes into its parameters.
std::string infer_response_message(const V2Request& request, serving::InferResponse response,
                                   const std::vector<std::string>& classes, std::string_view prediction_id);

/// What a message is made of: each row a key of the JSON and the number of its field. A key that the JSON
/// does not have is an absent field; one that the message does not have is left out.
enum class Reply { ServerMetadata, ModelMetadata, ModelConfig, ModelStatistics, RepositoryIndex };
std::string reply_message(Reply reply, const Json& json);

}  // namespace tidemill::api
