/// Whether a worker takes connections from the socket that all workers share: the kernel hands a
/// connection to any of them, so that one that is answered says nothing about the others.
#pragma once

#include <sys/types.h>

namespace selfscale::drivers::local {

/// A process of the worker's tree waits for connections at this socket: it has it in an epoll set,
/// or sleeps in accept(), poll() or select() for it. False: none does, or none can be seen to,
/// because it waits in another way (io_uring) or /proc does not show it.
[[nodiscard]] bool is_seen_accepting(pid_t worker, ino_t socket);

}  // namespace selfscale::drivers::local
