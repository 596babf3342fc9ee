#include "api/connection.hpp"

#include <sys/epoll.h>
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "api/replies.hpp"

namespace tidemill::api {

namespace {

// Room for a head and the body of a usual request; a longer body gets memory of its own.
constexpr size_t kBlockBytes = kMaxHeadBytes + (size_t{4} << 10);
constexpr size_t kFreeBlocks = 64;                // that a lane keeps
constexpr size_t kKeptBytes = size_t{64} << 10;   // that a connection keeps of an answer's memory
constexpr size_t kJoinedBytes = size_t{8} << 10;  // a body so short goes into one piece with its head
// A body so short is read although its request is refused: the connection can go on then.
constexpr size_t kReadThoughRefused = size_t{64} << 10;
constexpr std::string_view kEndOfHead = "\r\n\r\n";
// So long a refused peer may pause, and so long it may go on sending in all, while it has not seen its
// answer.
constexpr Duration kLinger{5'000'000}, kMostLinger{30'000'000};

std::chrono::microseconds micros(Duration duration) { return std::chrono::microseconds(duration.micros); }

Error overloaded(std::string message) {
  return Error{ErrorKind::Environment, "http.overloaded", std::move(message)};
}

Error no_room() { return overloaded("too many bytes of other requests are being worked on"); }

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > kKeptBytes) text.shrink_to_fit();
}

}  // namespace

Shared::Shared(const ServerOptions& server_options, Handler server_handler, Beginner server_beginner)
    : options(server_options),
      handler(std::move(server_handler)),
      beginner(std::move(server_beginner)),
      budget(server_options.max_bytes_in_flight),
      workers({thread_count(server_options.workers), server_options.max_queued, server_options.slots}) {}

std::unique_ptr<char[]> Lane::take_block() {
  if (free_blocks.empty()) return std::unique_ptr<char[]>(new char[kBlockBytes]);
  auto block = std::move(free_blocks.back());
  free_blocks.pop_back();
  return block;
}

void Lane::give_block(std::unique_ptr<char[]> block) {
  if (block != nullptr && free_blocks.size() < kFreeBlocks) free_blocks.push_back(std::move(block));
}

std::string_view Lane::date_now() {
  if (loop->now() >= date_until) {
    const auto now = std::chrono::system_clock::now();
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    date = http_date(second);
    date_until = loop->now() + (second + std::chrono::seconds(1) - now);
  }
  return date;
}

void Lane::answer_those_that_came() {
  if (came.empty()) return;
  gathers = false;  // a request behind another one is answered at once
  for (const auto& connection : came) connection->answer_now();
  for (const auto& connection : came) connection->go_on();
  came.clear();
  gathers = true;
}

Connection::Connection(int fd, const TlsIdentity* tls, std::string peer, Lane& lane)
    : lane_(lane),
      options_(lane.shared.options),
      channel_(fd, tls),
      peer_(std::move(peer)),
      phase_(tls == nullptr ? Phase::Head : Phase::Handshake),
      begun_(lane.loop->now()),
      share_(lane.shared.budget) {
  allow(tls == nullptr ? options_.idle_timeout : options_.request_timeout);
}

Connection::~Connection() {
  lane_.give_block(std::move(block_));
  if (watching_) lane_.loop->forget(channel_.fd());
}

bool Connection::begin() {
  watched_ = EPOLLIN;
  watching_ = lane_.loop->watch(channel_.fd(), watched_, *this);
  return watching_;
}

void Connection::allow(Duration time) { deadline_ = lane_.loop->now() + micros(time); }

void Connection::watch(uint32_t events) {
  if (events == watched_ || !watching_) return;
  watched_ = events;
  lane_.loop->change(channel_.fd(), events, *this);
}

void Connection::end() {
  if (phase_ == Phase::Ended) return;
  phase_ = Phase::Ended;
  lane_.ended(*this);
}

bool Connection::still_in_time(SteadyTime now) {
  if (phase_ == Phase::Work || now < deadline_) return true;
  end();
  return false;
}

void Connection::drain() {
  const auto alive = shared_from_this();
  if (phase_ == Phase::Handshake) return end();
  if (phase_ == Phase::Lingering)
    lingers_until_ = std::min(lingers_until_, lane_.loop->now() + micros(kLinger));
  if (phase_ != Phase::Head || filled_ > 0) return;
  go_on();  // what has come already and was not seen yet is still answered
  if (phase_ == Phase::Head && filled_ == 0) end();
}

void Connection::ready(uint32_t events) {
  if (phase_ == Phase::Work) {  // only an end is told of now
    if ((events & (EPOLLHUP | EPOLLERR)) == 0) return;
    vanished_ = true;
    lane_.loop->forget(channel_.fd());
    watching_ = false;
    return;
  }
  const auto alive = shared_from_this();
  go_on();
}

void Connection::go_on() {
  while (step() == Step::On) {
  }
}

Connection::Step Connection::step() {
  switch (phase_) {
    case Phase::Handshake:
      return shake_hands();
    case Phase::Head:
      return read_head();
    case Phase::Body:
      return read_body();
    case Phase::Chunks:
      return read_chunks();
    case Phase::Writing:
      return write();
    case Phase::Lingering:
      return linger();
    case Phase::Came:
    case Phase::Work:
    case Phase::Ended:
      break;
  }
  return Step::Wait;
}

Connection::Step Connection::wait_for(Channel::State state) {
  switch (state) {
    case Channel::State::Done:
      return Step::On;
    case Channel::State::WantRead:
      watch(EPOLLIN);
      return Step::Wait;
    case Channel::State::WantWrite:
      watch(EPOLLOUT);
      return Step::Wait;
    case Channel::State::Closed:
      break;
  }
  end();
  return Step::Wait;
}

Connection::Step Connection::shake_hands() {
  const Step step = wait_for(channel_.shake_hands());
  if (step == Step::On) {
    phase_ = Phase::Head;
    allow(options_.idle_timeout);
  }
  return step;
}

Connection::Step Connection::read_into_block() {
  const auto moved = channel_.read({block_.get() + filled_, kBlockBytes - filled_});
  filled_ += moved.bytes;
  return wait_for(moved.state);
}

Connection::Step Connection::read_head() {
  if (block_ == nullptr) block_ = lane_.take_block();
  const auto find_end = [this] {
    const std::string_view text(block_.get(), filled_);
    return text.find(kEndOfHead, searched_);
  };
  size_t end = find_end();
  if (end == std::string_view::npos) {
    searched_ = filled_ < kEndOfHead.size() ? 0 : filled_ - kEndOfHead.size() + 1;
    if (filled_ > kMaxHeadBytes) {
      with_body_ = !std::string_view(block_.get(), filled_).starts_with("HEAD ");
      return refuse(Error{ErrorKind::User, "http.head_too_large",
                          fmt::format("the request's head has more than {} bytes", kMaxHeadBytes)});
    }
    const bool first = filled_ == 0;
    if (const Step step = read_into_block(); step == Step::Wait) {
      // Nothing has come yet: an idle connection holds no memory.
      if (filled_ == 0) lane_.give_block(std::move(block_));
      return step;
    }
    if (first) {
      begun_ = lane_.loop->now();
      allow(options_.request_timeout);
    }
    end = find_end();
    if (end == std::string_view::npos) return Step::On;
  }
  head_bytes_ = taken_ = end + kEndOfHead.size();
  const std::string_view text(block_.get(), head_bytes_);
  with_body_ = !text.starts_with("HEAD ");
  if (const auto read = parse_head(text, head_); !read) return refuse(read.error());
  head_.request.peer = peer_;
  head_.request.deadline = head_.timeout ? begun_ + *head_.timeout : SteadyTime::max();
  last_ = head_.persistence == Persistence::Close;
  return begin_body();
}

Connection::Step Connection::begin_body() {
  const size_t length = head_.content_length.value_or(0);
  if (length > options_.max_body_bytes)
    return refuse(Error{ErrorKind::User, "http.too_large",
                        fmt::format("the body has {} bytes (limit {})", length, options_.max_body_bytes)});
  if (auto refusal = refusal_before_body()) return refuse(std::move(*refusal));
  if (head_.expects_continue && filled_ == head_bytes_) {
    // A few bytes into an empty buffer of the kernel: a peer that has no room for them reads nothing at all.
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (channel_.write(kContinue, {}).bytes != kContinue.size()) {
      end();
      return Step::Wait;
    }
  }
  if (head_.chunked) {
    chunked_ = std::make_unique<ChunkedBody>(options_.max_body_bytes);
    phase_ = Phase::Chunks;
    return Step::On;
  }
  const size_t came = std::min(length, filled_ - head_bytes_);
  if (!share_.grow_to(came)) return refuse(no_room());
  if (came == length) {
    head_.request.body = {block_.get() + head_bytes_, length};
    taken_ += length;
    return short_body_came();
  }
  body_.assign(block_.get() + head_bytes_, came);
  filled_ = head_bytes_;
  phase_ = Phase::Body;
  return Step::On;
}

// Who may not, or asks for what is not there, is told so before a long body is sent.
std::optional<Response> Connection::refusal_before_body() {
  const size_t length = head_.content_length.value_or(0);
  const bool came = !head_.chunked && filled_ - head_bytes_ >= length;
  if (came || !lane_.shared.beginner) return std::nullopt;
  Begun begun = lane_.shared.beginner(head_.request);
  if (auto* handler = std::get_if<Handler>(&begun)) {
    begun_by_ = std::move(*handler);
    return std::nullopt;
  }
  auto& refusal = std::get<Response>(begun);
  if (head_.chunked || head_.expects_continue || length > kReadThoughRefused) return std::move(refusal);
  begun_by_ = [refusal = std::move(refusal)](const Request&) { return refusal; };
  return std::nullopt;
}

Connection::Step Connection::read_body() {
  const size_t length = *head_.content_length, before = body_.size();
  // As much again as has come: a claim alone takes no memory.
  constexpr size_t kLeast = size_t{16} << 10, kMost = size_t{1} << 20;
  body_.resize(before + std::min(std::clamp(before, kLeast, kMost), length - before));
  const auto moved = channel_.read({body_.data() + before, body_.size() - before});
  body_.resize(before + moved.bytes);
  if (const Step step = wait_for(moved.state); step == Step::Wait) return step;
  if (!share_.grow_to(body_.size())) return refuse(no_room());
  if (body_.size() < length) return Step::On;
  head_.request.body = body_;
  return body_came();
}

Connection::Step Connection::read_chunks() {
  const auto used = chunked_->feed({block_.get() + head_bytes_, filled_ - head_bytes_});
  if (!used) return refuse(used.error());
  // The head stays where its views lead.
  std::memmove(block_.get() + head_bytes_, block_.get() + head_bytes_ + *used, filled_ - head_bytes_ - *used);
  filled_ -= *used;
  if (!share_.grow_to(chunked_->size())) return refuse(no_room());
  if (!chunked_->done()) return read_into_block();
  body_ = chunked_->take();
  chunked_.reset();
  head_.request.body = body_;
  return body_came();
}

Connection::Step Connection::short_body_came() {
  if (!lane_.gathers) return body_came();
  phase_ = Phase::Came;
  lane_.came.push_back(shared_from_this());
  return Step::Wait;
}

void Connection::answer_now() {
  if (phase_ == Phase::Came) body_came();
}

Connection::Step Connection::body_came() {
  const Handler begun_by = std::exchange(begun_by_, nullptr);
  // Most requests have none, and need no look at the clock.
  if (head_.request.deadline != SteadyTime::max() &&
      std::chrono::steady_clock::now() > head_.request.deadline)
    return answer(error_reply(too_late()));
  Answer answered = (begun_by ? begun_by : lane_.shared.handler)(head_.request);
  if (auto* response = std::get_if<Response>(&answered)) return answer(std::move(*response));
  return have_done(std::move(std::get<Work>(answered)));
}

// Has a worker do it while this thread serves others; refused when too much waits already.
Connection::Step Connection::have_done(Work work) {
  phase_ = Phase::Work;
  watch(0);
  const SteadyTime queued_until = std::chrono::steady_clock::now() + micros(options_.queue_timeout);
  std::function<void()> job = [self = shared_from_this(), work = std::move(work), queued_until]() mutable {
    const auto respond = [&]() -> Response {
      const SteadyTime now = std::chrono::steady_clock::now();
      if (self->vanished_) return {};
      if (now > self->head_.request.deadline) return error_reply(too_late());
      if (now > queued_until) return error_reply(overloaded("the request waited too long for a worker"));
      return work();
    };
    auto response = std::make_shared<Response>(respond());
    work = nullptr;  // what it holds of the request goes before the request does
    EventLoop& loop = *self->lane_.loop;
    loop.post([self = std::move(self), response] { self->work_done(std::move(*response)); });
  };
  if (lane_.shared.workers.submit(std::move(job))) return Step::Wait;
  return answer(error_reply(overloaded("too many long requests wait already")));
}

void Connection::work_done(Response response) {
  if (phase_ != Phase::Work) return;  // closed meanwhile
  if (vanished_) return end();
  answer(std::move(response));
  go_on();
}

Connection::Step Connection::answer(Response response) {
  allow(options_.request_timeout);
  last_ = last_ || lane_.draining;
  out_head_.clear();
  append_head(out_head_, response, last_ ? Persistence::Close : head_.persistence, lane_.date_now());
  if (!with_body_) response.body.clear();
  if (response.body.size() <= kJoinedBytes)
    out_head_ += response.body;
  else
    out_body_ = std::move(response.body);
  sent_ = 0;
  // A client that reads its answer slowly holds no body meanwhile.
  empty(body_);
  share_.give_back();
  phase_ = Phase::Writing;
  return Step::On;
}

Connection::Step Connection::refuse(Response response) {
  last_ = unread_ = true;
  return answer(std::move(response));
}

Connection::Step Connection::refuse(const Error& error) { return refuse(error_reply(error)); }

Connection::Step Connection::write() {
  const std::string_view head(out_head_), body(out_body_);
  const auto moved = channel_.write(head.substr(std::min(sent_, head.size())),
                                    body.substr(sent_ > head.size() ? sent_ - head.size() : 0));
  sent_ += moved.bytes;
  if (const Step step = wait_for(moved.state); step == Step::Wait) return step;
  return sent_ < head.size() + body.size() ? Step::On : next_request();
}

Connection::Step Connection::next_request() {
  empty(out_head_);
  empty(out_body_);
  if (last_) {
    channel_.finish();
    if (unread_) {
      phase_ = Phase::Lingering;
      lingers_until_ = lane_.loop->now() + micros(lane_.draining ? kLinger : kMostLinger);
      allow(kLinger);
      return Step::On;
    }
    end();
    return Step::Wait;
  }
  phase_ = Phase::Head;
  filled_ -= taken_;
  std::memmove(block_.get(), block_.get() + taken_, filled_);
  searched_ = 0;
  begun_ = lane_.loop->now();
  if (filled_ > 0) {
    allow(options_.request_timeout);
    return Step::On;
  }
  lane_.give_block(std::move(block_));
  allow(options_.idle_timeout);
  if (channel_.has_pending()) return Step::On;
  watch(EPOLLIN);
  return Step::Wait;
}

// To close at once would reset the connection, and the peer, still sending, might never see its answer.
Connection::Step Connection::linger() {
  if (block_ == nullptr) block_ = lane_.take_block();
  const Step step = wait_for(channel_.read({block_.get(), kBlockBytes}).state);
  if (step == Step::On) {
    allow(kLinger);
    deadline_ = std::min(deadline_, lingers_until_);
  }
  return step;
}

}  // namespace tidemill::api
