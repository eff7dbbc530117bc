#include "agent/instance.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>

#include "drivers/ecs/metadata.hpp"
#include "http/client.hpp"
#include "sampling/text.hpp"

namespace selfscale::agent {
namespace {

constexpr std::array<const char*, 7> names{
    "POD_NAME",           "DYNO",      "RENDER_INSTANCE_ID", "FLY_MACHINE_ID",
    "RAILWAY_REPLICA_ID", "CONTAINER", "NOMAD_ALLOC_ID"};

constexpr Duration patience_with_metadata{500};

/// Bound to a port and not connected: it listens, or is about to.
bool takes_connections(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  sockaddr_storage address{};
  size = sizeof address;
  if (type != SOCK_STREAM ||
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return false;
  }
  in_port_t port = 0;
  if (address.ss_family == AF_INET) port = reinterpret_cast<sockaddr_in&>(address).sin_port;
  if (address.ss_family == AF_INET6) port = reinterpret_cast<sockaddr_in6&>(address).sin6_port;
  if (port == 0) return false;
  size = sizeof address;
  return ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0;
}

std::optional<ino_t> listening_socket() {
  std::map<int, ino_t> sockets;  // the lowest: the one that was there first
  std::error_code unreadable;
  for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fd", unreadable}) {
    const auto name = each.path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    struct stat status {};
    if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || !S_ISSOCK(status.st_mode)) continue;
    if (takes_connections(descriptor)) sockets.emplace(descriptor, status.st_ino);
  }
  if (sockets.empty()) return std::nullopt;
  return sockets.begin()->second;
}

}  // namespace

std::span<const char* const> platform_instance_names() noexcept { return names; }

std::optional<std::string> ecs_task(std::string_view metadata_uri) {
  const auto endpoint = http::parse_address(metadata_uri);
  if (!endpoint) return std::nullopt;
  boost::asio::io_context io;
  http::Client client{io, *endpoint};
  auto call = drivers::ecs::get_own_task();
  call.deadline = patience_with_metadata;
  std::optional<std::string> task;
  boost::asio::co_spawn(io, client.call(std::move(call)),
                        [&task](const std::exception_ptr&, Result<http::Answer> answer) {
                          if (!answer || answer->status != 200) return;
                          auto found = drivers::ecs::parse_own_task(answer->body);
                          if (found) task = std::move(*found);
                        });
  io.run();
  return task;
}

std::string instance_of_this_process() {
  constexpr std::size_t enough = 8;
  const auto boot = sampling::read_text("/proc/sys/kernel/random/boot_id").value_or("noboot00");
  const auto socket = listening_socket();
  return boot.substr(0, enough) +
         (socket ? "-socket-" + std::to_string(*socket) : "-group-" + std::to_string(::getpgrp()));
}

}  // namespace selfscale::agent
