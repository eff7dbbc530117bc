#include "drivers/local/listener.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace selfscale::drivers::local {
namespace {

constexpr int backlog = 2048;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::string text_of(const Address& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Failure cannot_bind(const Address& address, int error) {
  const auto where = text_of(address);
  if (error == EADDRINUSE) {
    return {Errc::conflict,
            where + " is in use by another process: stop it, or choose another port with --bind",
            {}};
  }
  if (error == EACCES) {
    return {
        Errc::denied, where + ": this user may not bind this port; choose one from 1024 on", {}};
  }
  if (error == EADDRNOTAVAIL) {
    return {Errc::invalid_argument,
            where +
                ": this machine has no such address; 127.0.0.1 serves this machine alone, 0.0.0.0 "
                "everybody who reaches it",
            {}};
  }
  return {Errc::invalid_argument, where + " cannot be bound: " + std::strerror(error), {}};
}

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

Listener::Listener(Descriptor socket, int port, std::string name)
    : socket_{std::move(socket)}, port_{port}, name_{std::move(name)} {}

Result<Listener> Listener::bind(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (failed != 0) {
    return Failure{Errc::invalid_argument,
                   "no address is called \"" + address.host + "\": " + ::gai_strerror(failed),
                   {}};
  }
  const std::unique_ptr<addrinfo, FreeAddresses> found{list};
  Descriptor socket{::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!socket.is_open()) return cannot_bind(address, errno);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    return cannot_bind(address, errno);
  }
  const int port = port_of(socket.get());
  return Listener{std::move(socket), port,
                  text_of({address.host, static_cast<std::uint16_t>(port)})};
}

ino_t Listener::inode() const noexcept {
  struct stat status {};
  ::fstat(socket_.get(), &status);
  return status.st_ino;
}

bool Listener::probe() {
  if (!probe_.is_open()) {
    connect();
    return false;
  }
  // On a busy socket somebody always waits: fewer than before also means that somebody accepts.
  const auto now = waiting();
  const bool taken = now == 0 || now < waiting_at_probe_;
  if (taken) probe_.close();
  return taken;
}

void Listener::connect() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  probe_ = Descriptor{::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const int result = ::connect(probe_.get(), reinterpret_cast<sockaddr*>(&address), size);
  if (result != 0 && errno != EINPROGRESS) probe_.close();
  waiting_at_probe_ = waiting();
}

std::uint32_t Listener::waiting() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  ::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
  return info.tcpi_unacked;  // of a listening socket: connections that nobody has accepted yet
}

}  // namespace selfscale::drivers::local
