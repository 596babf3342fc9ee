// Whose turn a prediction is: the thread that asks does at once what is quick, a worker what is long. One
// rule for every protocol that brings tensors, whatever its replies are.
#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "api/inference.hpp"

namespace tidemill::api {

/// A serving thread reads that much itself, in about a millisecond; more is a worker's, so that a long
/// request holds up no other connection.
inline constexpr size_t kMostBytesAtOnce = size_t{256} << 10;

template <class Reply>
using Turn = std::variant<Reply, std::function<Reply()>>;

inline const serving::InferRequest& tensors_of(const serving::InferRequest& request) { return request; }

/// work() → Reply, done by a worker and timed as having waited for it.
template <class Reply, class Do>
Turn<Reply> later(const Inference::Call& call, Do work) {
  call.flight->queue();
  return std::function<Reply()>([call, work = std::move(work)] {
    call.flight->taken();
    return work();
  });
}

/// parse() → Result<Request>, of which tensors_of() gives the tensors; predict(const Request&) → Reply;
/// refuse(const Error&) → Reply. What they refer to stays until the reply. bytes: what there is to parse.
template <class Reply, class Parse, class Predict, class Refuse>
Turn<Reply> in_turn(const Inference::Call& call, size_t bytes, Parse parse, Predict predict, Refuse refuse) {
  if (bytes > kMostBytesAtOnce)
    return later<Reply>(call, [parse, predict, refuse] {
      auto request = parse();
      return request ? predict(*request) : refuse(request.error());
    });
  auto request = parse();
  if (!request) return refuse(request.error());
  if (!Inference::takes_long(call, tensors_of(*request))) return predict(*request);
  return later<Reply>(call, [predict, kept = std::make_shared<const std::decay_t<decltype(*request)>>(
                                          std::move(*request))] { return predict(*kept); });
}

}  // namespace tidemill::api
