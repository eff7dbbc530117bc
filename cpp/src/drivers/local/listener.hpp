/// The one socket that all workers accept from.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "drivers/local/options.hpp"
#include "drivers/local/process.hpp"

namespace selfscale::drivers::local {

class Listener {
 public:
  /// Binds and listens, with TCP_NODELAY, which accepted connections inherit. Errc::conflict: the
  /// port is in use; Errc::denied; Errc::invalid_argument: no such address.
  static Result<Listener> bind(const Address& address);

  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// The number by which /proc names the socket.
  [[nodiscard]] ino_t inode() const noexcept;
  /// Has anybody taken a connection from the socket? Connects to it, and says so at a later call;
  /// never blocks.
  bool probe();

 private:
  Listener(Descriptor socket, int port, std::string name);
  [[nodiscard]] std::uint32_t waiting() const;
  void connect();

  Descriptor socket_;
  int port_ = 0;
  std::string name_;  ///< "127.0.0.1:8000"
  Descriptor probe_;
  std::uint32_t waiting_at_probe_ = 0;
};

}  // namespace selfscale::drivers::local
