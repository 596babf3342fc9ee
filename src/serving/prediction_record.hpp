// What there is to say of a prediction once it was made, and whom it is said to.
#pragma once

#include <string_view>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "serving/infer.hpp"

namespace tidemill::serving {

/// A plain value that owns nothing: what it refers to stays until predicted() returns, and who keeps some of
/// it copies that. So a prediction that nobody keeps costs nothing.
struct PredictionRecord {
  std::string_view prediction_id;  // as in the answer: labels come back under it
  std::string_view request_id;     // what the caller calls the request; may be empty
  std::string_view deployment, model;
  int version = 0;
  const forest::Package& package;  // the version's
  std::string_view role;           // the alias that is served, or "canary" or "shadow"
  Instant at;                      // when it was made
  Duration latency;             // from the request's last byte until then; a shadow's: of predicting itself
  int status = 200;             // as HTTP has it, whatever the protocol; a shadow's is nobody's
  std::string_view error;       // its code; empty: none
  const InferRequest& request;  // features as the model saw them
  const InferResponse* response = nullptr;  // null: an error
  size_t first_row = 0;                     // of the request's, in a prediction that is recorded in parts
};
Json to_json(const PredictionRecord& record);

/// Where predictions flow to when somebody wants them (the prediction log). Called from any thread, several
/// at once; must not block.
class PredictionSink {
 public:
  virtual ~PredictionSink() = default;
  virtual void predicted(const PredictionRecord& record) = 0;
  /// Whether it wants any now. A record costs looks at the clock: while it does not, none need be made.
  virtual bool listens() const { return true; }
};

}  // namespace tidemill::serving
