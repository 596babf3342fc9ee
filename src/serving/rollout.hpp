// Which of two versions answers a request: pure functions of what was declared and what was sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "forest/package.hpp"
#include "serving/infer.hpp"
#include "serving/request_rows.hpp"

namespace tidemill::serving {

/// Where a key stands among all keys, from 0 up to, not including, 1: the first 64 bits of SHA-256 over
/// "DEPLOYMENT\nVERSION\nKEY", as a fraction, its last 11 bits cut off. The same on every machine and for
/// ever: what answers whom does not change with a restart. Another challenger draws anew.
double place_of_key(std::string_view deployment, int version, std::string_view key);
/// A greater percent takes in the keys of a smaller one.
inline bool is_taken_by_canary(double place, double percent) { return place < percent / 100; }

/// The first row's value of a column as text, whichever way it came: 12, 12.0 and "12" are one key. Nothing
/// where it is missing.
std::optional<std::string> key_of(const std::vector<Tensor>& inputs, const forest::Package& package,
                                  std::string_view column);
/// … of the key that came beside the features, or of a feature.
std::optional<std::string> key_of(const InferRequest& request, const forest::Package& package,
                                  std::string_view column);
std::optional<std::string> key_of(const RequestRows& rows, const RequestSchema& schema,
                                  std::string_view column);

/// Whether both take the same features in the same order.
bool same_inputs(const forest::Package& a, const forest::Package& b);
/// Error serving.task when their answers are of different kinds: who asks the deployment must not have to
/// know which of them answers.
Result<void> check_answers_as(const forest::Package& champion, const forest::Package& challenger);
/// Error serving.inputs when a value that the first takes is of a kind that the second does not take under
/// that name, or the second takes none of them.
Result<void> check_takes_inputs_of(const forest::Package& champion, const forest::Package& challenger);
/// A request for the champion as one for the challenger: by name, without the features that only the champion
/// has.
InferRequest adapted(const InferRequest& request, const forest::Package& champion,
                     const forest::Package& challenger);

}  // namespace tidemill::serving
