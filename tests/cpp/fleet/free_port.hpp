#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <random>

namespace selfscale::fleet {

/// A port that nobody listened on a moment ago, below those that the kernel gives away by itself: a
/// server that is started again finds it free.
inline std::uint16_t free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::random_device random;
  do {
    place.sin_port = htons(static_cast<std::uint16_t>(10'000 + random() % 22'000));
  } while (::bind(descriptor, reinterpret_cast<sockaddr*>(&place), sizeof place) != 0);
  ::close(descriptor);
  return ntohs(place.sin_port);
}

}  // namespace selfscale::fleet
