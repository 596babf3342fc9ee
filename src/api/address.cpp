#include "api/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace tidemill::api {

namespace {

const auto& v4(const sockaddr_storage& storage) { return reinterpret_cast<const sockaddr_in&>(storage); }
const auto& v6(const sockaddr_storage& storage) { return reinterpret_cast<const sockaddr_in6&>(storage); }

}  // namespace

int Address::port() const {
  return ntohs(storage.ss_family == AF_INET ? v4(storage).sin_port : v6(storage).sin6_port);
}

std::string Address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes =
      storage.ss_family == AF_INET ? static_cast<const void*>(&v4(storage).sin_addr) : &v6(storage).sin6_addr;
  return ::inet_ntop(storage.ss_family, bytes, text.data(), text.size()) == nullptr ? "" : text.data();
}

std::string Address::text() const {
  return storage.ss_family == AF_INET ? fmt::format("{}:{}", host(), port())
                                      : fmt::format("[{}]:{}", host(), port());
}

Result<Address> address_of(const std::string& named_host, int port) {
  constexpr int kMostPort = 65535;
  if (port < 0 || port > kMostPort)
    return user_error("server.address", fmt::format("there is no port {}", port), {},
                      "choose one up to 65535, with --port or --grpc-port");
  const std::string host = named_host == "localhost" ? "127.0.0.1" : named_host;
  Address address;
  auto& four = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& six = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(static_cast<uint16_t>(port));
    address.length = sizeof four;
  } else if (::inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(static_cast<uint16_t>(port));
    address.length = sizeof six;
  } else {
    return user_error("server.address", fmt::format("'{}' is not an IP address", named_host));
  }
  return address;
}

Result<void> check_listening(const std::string& host, int port, Listens who) {
  TM_TRY(const Address address, address_of(host, port));
  if (port == 0) return {};
  const int socket = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  const bool listens = socket >= 0 && ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                       ::bind(socket, address.socket(), address.length) == 0 &&
                       ::listen(socket, SOMAXCONN) == 0;
  const int reason = errno;
  if (socket >= 0) ::close(socket);
  if (listens) return {};
  return cannot_listen(address, who, std::strerror(reason));
}

std::unexpected<Error> cannot_listen(const Address& address, Listens who, std::string_view reason) {
  const bool grpc = who == Listens::Grpc;
  return environment_error(
      "server.address",
      fmt::format("cannot listen on {}{}: {}", address.text(), grpc ? " for gRPC" : "", reason),
      fmt::format("is another server there? choose another with {}",
                  grpc ? "--grpc-port, or none" : "--port"));
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  constexpr int kAnyPort = 0;
  const auto address = address_of(host, kAnyPort);
  if (!address) return false;
  constexpr uint32_t kLoopbackNet = 127, kNetShift = 24;
  return address->storage.ss_family == AF_INET
             ? ntohl(v4(address->storage).sin_addr.s_addr) >> kNetShift == kLoopbackNet
             : IN6_IS_ADDR_LOOPBACK(&v6(address->storage).sin6_addr) != 0;
}

}  // namespace tidemill::api
