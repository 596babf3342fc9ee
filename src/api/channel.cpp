#include "api/channel.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace tidemill::api {

namespace {

Channel::State state_of_errno(Channel::State wanted) {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? wanted : Channel::State::Closed;
}

Channel::State state_of(SSL* session, int result) {
  switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ:
      return Channel::State::WantRead;
    case SSL_ERROR_WANT_WRITE:
      return Channel::State::WantWrite;
    default:
      ERR_clear_error();  // the queue is the thread's, and the next connection's too
      return Channel::State::Closed;
  }
}

int length_of(size_t bytes) {
  return static_cast<int>(std::min<size_t>(bytes, std::numeric_limits<int>::max()));
}

}  // namespace

Channel::Channel(int fd, const TlsIdentity* tls) : fd_(fd), secure_(tls != nullptr) {
  if (tls == nullptr) return;
  session_.reset(SSL_new(tls->context()));
  if (session_ == nullptr) return;
  SSL_set_fd(session_.get(), fd);
  SSL_set_accept_state(session_.get());
}

Channel::~Channel() {
  session_.reset();
  ::close(fd_);
}

Channel::State Channel::shake_hands() {
  if (!secure_) return State::Done;
  if (session_ == nullptr) return State::Closed;  // never in the clear instead
  const int result = SSL_do_handshake(session_.get());
  return result == 1 ? State::Done : state_of(session_.get(), result);
}

Channel::Moved Channel::read(std::span<char> into) {
  if (session_ != nullptr) {
    const int n = SSL_read(session_.get(), into.data(), length_of(into.size()));
    return n > 0 ? Moved{State::Done, static_cast<size_t>(n)} : Moved{state_of(session_.get(), n)};
  }
  const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
  if (n > 0) return {State::Done, static_cast<size_t>(n)};
  return {n == 0 ? State::Closed : state_of_errno(State::WantRead)};
}

Channel::Moved Channel::write(std::string_view head, std::string_view body) {
  if (session_ != nullptr) {
    const std::string_view part = head.empty() ? body : head;
    const int n = SSL_write(session_.get(), part.data(), length_of(part.size()));
    return n > 0 ? Moved{State::Done, static_cast<size_t>(n)} : Moved{state_of(session_.get(), n)};
  }
  if (body.empty()) {
    const ssize_t n = ::send(fd_, head.data(), head.size(), MSG_NOSIGNAL);
    return n >= 0 ? Moved{State::Done, static_cast<size_t>(n)} : Moved{state_of_errno(State::WantWrite)};
  }
  std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                             iovec{const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  return n >= 0 ? Moved{State::Done, static_cast<size_t>(n)} : Moved{state_of_errno(State::WantWrite)};
}

bool Channel::has_pending() const { return session_ != nullptr && SSL_pending(session_.get()) > 0; }

void Channel::finish() {
  if (session_ != nullptr && SSL_is_init_finished(session_.get()) == 1) {
    SSL_shutdown(session_.get());
    ERR_clear_error();
  }
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace tidemill::api
