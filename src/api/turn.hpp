// Whose turn a prediction is: the thread that asks does at once what is quick, a worker what is long. One
// rule for every protocol that brings tensors, whatever its replies are.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <variant>

#include "api/inference.hpp"
#include "api/replies.hpp"

namespace tidemill::api {

/// A serving thread reads that much itself, in about a millisecond; more is a worker's, so that a long
/// request holds up no other connection.
inline constexpr size_t kMostBytesAtOnce = size_t{256} << 10;

/// Asked before it is computed: whether the time is left that a request gives itself, from its last byte on.
/// Error http.deadline.
inline Result<void> check_time(const Inference::Call& call,
                               std::optional<std::chrono::microseconds> timeout) {
  if (timeout && Flight::Clock::now() >= call.flight->begun() + *timeout) return std::unexpected(too_late());
  return {};
}

template <class Reply>
using Turn = std::variant<Reply, std::function<Reply()>>;

/// work(const Call&) → Reply, done by a worker and timed as having waited for it.
template <class Reply, class Do>
Turn<Reply> later(const Inference::Call& call, Do work) {
  call.flight->queue();
  return std::function<Reply()>([call, work = std::move(work)] {
    call.flight->taken();
    return work(call);
  });
}

/// A Request is tensors, or what has them as `infer`. parse(Request&) → Result<void>, whatever was in it;
/// predict(const Call&, const Request&) → Reply; refuse(const Call&, const Error&) → Reply. What they refer
/// to stays until the reply; the call may be another copy of it. bytes: what there is to parse.
template <class Reply, class Request, class Parse, class Predict, class Refuse>
Turn<Reply> in_turn(const Inference::Call& call, size_t bytes, const Parse& parse, const Predict& predict,
                    const Refuse& refuse) {
  using Call = Inference::Call;
  if (bytes > kMostBytesAtOnce)
    return later<Reply>(call, [parse, predict, refuse](const Call& queued) {
      Request request;
      const auto parsed = parse(request);
      return parsed ? predict(queued, request) : refuse(queued, parsed.error());
    });
  thread_local Request request;  // the next one is read into its memory
  if (const auto parsed = parse(request); !parsed) return refuse(call, parsed.error());
  bool long_one = false;
  if constexpr (requires { request.infer; })
    long_one = Inference::takes_long(call, request.infer);
  else
    long_one = Inference::takes_long(call, request);
  if (!long_one) return predict(call, request);
  return later<Reply>(call, [predict, kept = std::make_shared<const Request>(std::exchange(request, {}))](
                                const Call& queued) { return predict(queued, *kept); });
}

}  // namespace tidemill::api
