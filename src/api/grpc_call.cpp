#include "api/grpc_call.hpp"

#include <algorithm>
#include <array>
#include <thread>

#include <fmt/format.h>
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include "base/log.hpp"

namespace tidemill::api {

namespace {

GrpcReply overloaded(std::string text) { return {grpc_status::kUnavailable, std::move(text)}; }

std::chrono::microseconds micros(Duration duration) { return std::chrono::microseconds(duration.micros); }

std::string_view view(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

size_t size_of(const grpc_slice_buffer& slices) {
  size_t size = 0;
  for (size_t i = 0; i < slices.count; ++i) size += GRPC_SLICE_LENGTH(slices.slices[i]);
  return size;
}

std::string text_of(const grpc_slice_buffer& slices) {
  std::string text;
  text.reserve(size_of(slices));
  for (size_t i = 0; i < slices.count; ++i) text += view(slices.slices[i]);
  return text;
}

Coding coding_of(grpc_compression_algorithm algorithm) {
  if (algorithm == GRPC_COMPRESS_GZIP) return Coding::Gzip;
  return algorithm == GRPC_COMPRESS_DEFLATE ? Coding::Deflate : Coding::Identity;
}

}  // namespace

GrpcCalls::GrpcCalls(const GrpcServerOptions& server_options, const GrpcRouter& methods)
    : options(server_options),
      router(methods),
      budget(server_options.max_bytes_in_flight),
      workers({thread_count(server_options.workers), server_options.max_queued, server_options.slots}) {}

bool GrpcCalls::add(const std::shared_ptr<GrpcCall>& call) {
  const std::lock_guard lock(mutex_);
  calls_.insert(call);
  return calls_.size() <= options.max_calls;
}

void GrpcCalls::remove(const std::shared_ptr<GrpcCall>& call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
}

std::set<std::shared_ptr<GrpcCall>> GrpcCalls::all() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

// gRPC's queue keeps that order by means that the thread sanitizer does not know.
#ifdef __SANITIZE_THREAD__
void* GrpcCall::Tag::lend() {
  __tsan_release(this);
  return this;
}
std::unique_ptr<GrpcCall::Tag> GrpcCall::Tag::take_back(void* lent) {
  __tsan_acquire(lent);
  return std::unique_ptr<Tag>(static_cast<Tag*>(lent));
}
#else
void* GrpcCall::Tag::lend() { return this; }
std::unique_ptr<GrpcCall::Tag> GrpcCall::Tag::take_back(void* lent) {
  return std::unique_ptr<Tag>(static_cast<Tag*>(lent));
}
#endif

// Operations that start together and of which the queue tells together.
class GrpcCall::Batch {
 public:
  grpc_op& add(grpc_op_type type) {
    grpc_op& op = ops_.at(size_++);
    op.op = type;
    return op;
  }
  void add_message(const std::string& message) {
    const grpc_slice slice = grpc_slice_from_copied_buffer(message.data(), message.size());
    grpc_slice held = slice;
    message_ = grpc_raw_byte_buffer_create(&held, 1);
    grpc_slice_unref(slice);
    add(GRPC_OP_SEND_MESSAGE).data.send_message.send_message = message_;
  }
  void start(GrpcCall& call, Step step) {
    auto tag = std::make_unique<Tag>(Tag{call.shared_from_this(), step});
    const auto error = grpc_call_start_batch(call.call_, ops_.data(), size_, tag->lend(), nullptr);
    if (error == GRPC_CALL_OK)
      tag.release();  // the queue's, until it gives it back
    else
      log::warning("grpc: a batch did not start: error {}", static_cast<int>(error));
    if (message_ != nullptr) grpc_byte_buffer_destroy(message_);
  }

 private:
  std::array<grpc_op, 3> ops_{};
  size_t size_ = 0;
  grpc_byte_buffer* message_ = nullptr;
};

GrpcCall::GrpcCall(GrpcCalls& calls) : calls_(calls), share_(calls.budget) {
  grpc_call_details_init(&details_);
  grpc_metadata_array_init(&metadata_);
}

GrpcCall::~GrpcCall() {
  if (received_ != nullptr) grpc_byte_buffer_destroy(received_);
  grpc_metadata_array_destroy(&metadata_);
  grpc_call_details_destroy(&details_);
  if (call_ != nullptr) grpc_call_unref(call_);
}

void GrpcCall::accept(grpc_server* server, grpc_completion_queue* queue) {
  auto tag = std::make_unique<Tag>(Tag{shared_from_this(), Step::Accepted});
  if (grpc_server_request_call(server, &call_, &details_, &metadata_, queue, queue, tag->lend()) ==
      GRPC_CALL_OK)
    tag.release();
}

void GrpcCall::happened(Step step, bool ok) {
  switch (step) {
    case Step::Accepted:
      if (ok) begin();
      break;
    case Step::Received:
      received(ok);
      break;
    case Step::Sent:
      sent(ok);
      break;
    case Step::Closed:
      closed();
      break;
  }
}

void GrpcCall::begin() {
  path_ = view(details_.method);
  host_ = view(details_.host);
  for (size_t i = 0; i < metadata_.count; ++i) {
    const auto& [key, value] = std::pair(view(metadata_.metadata[i].key), view(metadata_.metadata[i].value));
    if (key == "origin") origin_ = value;
    if (key == "authorization") authorization_ = value;
  }
  begun_ = Clock::now();
  const bool room = calls_.add(shared_from_this());
  const auto method = calls_.router.find(path_, claim());
  const std::lock_guard lock(mutex_);
  Batch closing;
  closing.add(GRPC_OP_RECV_CLOSE_ON_SERVER).data.recv_close_on_server.cancelled = &cancelled_;
  closing.start(*this, Step::Closed);
  if (!room) return finish(overloaded("too many calls are open already"));
  if (!method) return finish(grpc_error(method.error()));
  method_ = *method;
  receive();
}

void GrpcCall::received(bool ok) {
  Coding coding = Coding::Identity;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::Finished || !ok) return;
    if (received_ == nullptr) {  // the client has sent all it wants to
      if (first_ && method_->shape() != GrpcShape::Stream)
        return finish({grpc_status::kInvalidArgument, "the call came without a message"});
      return finish({});
    }
    first_ = false;
    state_ = State::Working;
    const auto& raw = received_->data.raw;
    coding = coding_of(raw.compression);
    if (!share_.grow_to(size_of(raw.slice_buffer)))
      return finish(overloaded("too many bytes of other requests are being worked on"));
    message_ = text_of(raw.slice_buffer);
    grpc_byte_buffer_destroy(received_);
    received_ = nullptr;
  }
  answer(coding);
}

void GrpcCall::answer(Coding coding) {
  if (auto late = too_late(Clock::now())) return deliver(*late);
  // What is long once decoded may come in few bytes.
  if (coding != Coding::Identity) return have_done([this, coding] { return decode_and_answer(coding); });
  GrpcAnswer answer = calls_.router.answer(*method_, claim(), message_, deadline());
  if (auto* work = std::get_if<GrpcWork>(&answer)) return have_done(std::move(*work));
  deliver(std::get<GrpcReply>(answer));
}

GrpcReply GrpcCall::decode_and_answer(Coding coding) {
  auto decoded = decode(message_, coding, calls_.options.max_message_bytes);
  if (!decoded) return grpc_error(decoded.error());
  message_ = std::move(*decoded);
  if (!share_.grow_to(message_.size()))
    return overloaded("too many bytes of other requests are being worked on");
  const GrpcAnswer answer = calls_.router.answer(*method_, claim(), message_, deadline());
  const auto* work = std::get_if<GrpcWork>(&answer);
  return work != nullptr ? (*work)() : std::get<GrpcReply>(answer);
}

void GrpcCall::have_done(GrpcWork work) {
  auto job = [self = shared_from_this(), work = std::move(work), queued = Clock::now()] {
    const auto late = self->too_late(queued);
    self->deliver(late ? *late : work());
  };
  if (!calls_.workers.submit(std::move(job))) deliver(overloaded("too many long requests wait already"));
}

GrpcCall::Clock::time_point GrpcCall::deadline() const {
  if (gpr_time_cmp(details_.deadline, gpr_inf_future(details_.deadline.clock_type)) == 0)
    return Clock::time_point::max();
  const gpr_timespec left = gpr_time_sub(details_.deadline, gpr_now(details_.deadline.clock_type));
  constexpr int64_t kLongest = int64_t{365} * 24 * 3600;  // more could not be added to a time
  if (left.tv_sec > kLongest) return Clock::time_point::max();
  return Clock::now() + std::chrono::seconds(left.tv_sec) + std::chrono::nanoseconds(left.tv_nsec);
}

std::optional<GrpcReply> GrpcCall::too_late(Clock::time_point queued) const {
  if (gone_.load()) return GrpcReply{grpc_status::kCancelled, "the caller is gone"};
  if (gpr_time_cmp(gpr_now(details_.deadline.clock_type), details_.deadline) >= 0)
    return GrpcReply{grpc_status::kDeadlineExceeded, "the deadline had passed before the request was begun"};
  if (Clock::now() - queued > micros(calls_.options.queue_timeout))
    return overloaded("the request waited too long for a worker");
  return std::nullopt;
}

void GrpcCall::deliver(const GrpcReply& reply) {
  const std::lock_guard lock(mutex_);
  if (method_->shape() != GrpcShape::Watch) {
    std::string().swap(message_);  // a client that reads its answer slowly holds no message meanwhile
    share_.give_back();
  }
  if (reply.status != grpc_status::kOk || method_->shape() == GrpcShape::Unary) return finish(reply);
  told_ = method_->shape() == GrpcShape::Watch ? reply.message : "";
  send(reply.message);
}

void GrpcCall::sent(bool ok) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::Finished || !ok) return;
  state_ = State::Idle;
  if (draining_) return finish(overloaded("the server is about to end"));
  if (method_->shape() == GrpcShape::Stream) receive();
}

void GrpcCall::closed() {
  gone_.store(true);
  calls_.remove(shared_from_this());
}

void GrpcCall::tick() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::Waiting && first_ && method_ != nullptr &&
      Clock::now() - begun_ > micros(calls_.options.request_timeout))
    return finish({grpc_status::kDeadlineExceeded, "the call's message did not come in time"});
  if (state_ != State::Idle || gone_.load()) return;
  const GrpcAnswer answer = calls_.router.answer(*method_, claim(), message_);
  const auto* now = std::get_if<GrpcReply>(&answer);
  if (now == nullptr || now->status != grpc_status::kOk || now->message == told_) return;
  told_ = now->message;
  send(told_);
}

void GrpcCall::drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  const bool waits = state_ == State::Waiting || state_ == State::Idle;
  if (waits && method_ != nullptr && method_->shape() != GrpcShape::Unary)
    finish(overloaded("the server is about to end"));
}

void GrpcCall::receive() {
  state_ = State::Waiting;
  Batch batch;
  batch.add(GRPC_OP_RECV_MESSAGE).data.recv_message.recv_message = &received_;
  batch.start(*this, Step::Received);
}

void GrpcCall::send(const std::string& message) {
  state_ = State::Sending;
  Batch batch;
  if (!headed_) batch.add(GRPC_OP_SEND_INITIAL_METADATA);
  headed_ = true;
  batch.add_message(message);
  batch.start(*this, Step::Sent);
}

void GrpcCall::finish(const GrpcReply& reply) {
  if (state_ == State::Finished) return;
  state_ = State::Finished;
  Batch batch;
  if (!headed_) batch.add(GRPC_OP_SEND_INITIAL_METADATA);
  const bool answers =
      reply.status == grpc_status::kOk && method_ != nullptr && method_->shape() == GrpcShape::Unary;
  if (answers) batch.add_message(reply.message);
  grpc_slice text = grpc_slice_from_copied_buffer(reply.text.data(), reply.text.size());
  auto& status = batch.add(GRPC_OP_SEND_STATUS_FROM_SERVER).data.send_status_from_server;
  status.status = static_cast<grpc_status_code>(reply.status);
  status.status_details = &text;
  batch.start(*this, Step::Sent);
  grpc_slice_unref(text);
}

}  // namespace tidemill::api
