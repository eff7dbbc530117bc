/// The parent of `selfscale run`: holds the listening socket and the workers, and keeps exactly the
/// count it was last asked for. It decides nothing; what does (the agent) is a child of it, and may
/// die or hang without a worker noticing.
///
/// One process, one thread, one poll() loop.
#pragma once

#include <memory>

#include "drivers/local/options.hpp"
#include "drivers/local/process.hpp"

namespace selfscale::drivers::local {

class Supervisor {
 public:
  /// Binds the socket and opens the segment; starts nothing. Errc::conflict: port in use;
  /// Errc::not_found: no such command; Errc::invalid_argument: no such address.
  static Result<std::unique_ptr<Supervisor>> make(Options options);
  ~Supervisor();

  /// Answers requests (protocol.hpp) that come over this stream, too.
  void serve(Descriptor stream);
  /// Until it is stopped by a signal and every worker has ended; returns the exit code. Call it in
  /// a process of its own: it takes over signals and children.
  int run();

 private:
  struct State;
  explicit Supervisor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace selfscale::drivers::local
