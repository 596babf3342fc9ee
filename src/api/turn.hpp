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

/// work() → Reply, done by a worker and timed as having waited for it.
template <class Reply, class Do>
Turn<Reply> later(const Inference::Call& call, Do work) {
  call.flight->queue();
  return std::function<Reply()>([call, work = std::move(work)] {
    call.flight->taken();
    return work();
  });
}

/// parse() → Result<Request>, tensors or what has them as `infer`; predict(const Request&) → Reply;
/// refuse(const Error&) → Reply. What they refer to stays until the reply. bytes: what there is to parse.
template <class Reply, class Parse, class Predict, class Refuse>
Turn<Reply> in_turn(const Inference::Call& call, size_t bytes, const Parse& parse, const Predict& predict,
                    const Refuse& refuse) {
  if (bytes > kMostBytesAtOnce)
    return later<Reply>(call, [parse, predict, refuse] {
      auto request = parse();
      return request ? predict(*request) : refuse(request.error());
    });
  auto request = parse();
  if (!request) return refuse(request.error());
  bool long_one = false;
  if constexpr (requires { request->infer; })
    long_one = Inference::takes_long(call, request->infer);
  else
    long_one = Inference::takes_long(call, *request);
  if (!long_one) return predict(*request);
  return later<Reply>(call, [predict, kept = std::make_shared<const std::decay_t<decltype(*request)>>(
                                          std::move(*request))] { return predict(*kept); });
}

}  // namespace tidemill::api
