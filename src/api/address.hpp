// IP addresses and ports, as text and as sockets take them.
#pragma once

#include <sys/socket.h>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tidemill::api {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);
  sockaddr* socket() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* socket() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int port() const;
  std::string host() const;  // "127.0.0.1", "::1"
  std::string text() const;  // "127.0.0.1:80", "[::1]:80"
};

/// host: an IPv4 or IPv6 address, or "localhost". Error server.address.
Result<Address> address_of(const std::string& host, int port);

/// Who listens at an address.
enum class Listens { Http, Grpc };
/// That one could listen there now; at port 0 one always can. Error server.address, with the reason.
Result<void> check_listening(const std::string& host, int port, Listens who);
/// Error server.address.
std::unexpected<Error> cannot_listen(const Address& address, Listens who, std::string_view reason);

/// An address of this machine's own network, or exactly "localhost". Any other name could be made to lead
/// here by whoever owns it.
bool is_loopback(const std::string& host);

}  // namespace tidemill::api
