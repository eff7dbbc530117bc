#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace selfscale::fleet {

/// A port that nobody listened on a moment ago.
inline std::uint16_t free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  ::bind(descriptor, reinterpret_cast<sockaddr*>(&place), size);
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&place), &size);
  ::close(descriptor);
  return ntohs(place.sin_port);
}

}  // namespace selfscale::fleet
