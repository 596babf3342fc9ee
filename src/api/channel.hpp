// The bytes of one connection, plain or through TLS, never blocking.
#pragma once

#include <sys/types.h>
#include <memory>
#include <span>
#include <string_view>

#include "api/tls.hpp"

namespace tidemill::api {

class Channel {
 public:
  enum class State {
    Done,       // some bytes went over
    WantRead,   // again when the descriptor can be read
    WantWrite,  // again when it can be written
    Closed      // by the peer, or broken
  };
  struct Moved {
    State state;
    size_t bytes = 0;
  };

  /// Owns the descriptor, which must be non-blocking; tls may be null.
  Channel(int fd, const TlsIdentity* tls);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  int fd() const { return fd_; }
  /// The TLS handshake; Done at once without TLS.
  State shake_hands();
  Moved read(std::span<char> into);
  /// head, then body, as one message; of both together so many bytes went.
  Moved write(std::string_view head, std::string_view body);
  /// Bytes have come that the descriptor no longer shows.
  bool has_pending() const;
  /// Says that no more will be written.
  void finish();

 private:
  const int fd_;
  const bool secure_;
  TlsSession session_;  // null without TLS, and where there was no memory for it
};

}  // namespace tidemill::api
