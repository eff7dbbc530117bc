"""Ports of this host."""

from __future__ import annotations

import atexit
import contextlib
import socket

_KEPT = contextlib.ExitStack()
"""Sockets that are bound and never listen: nobody else is given their ports, and who reuses addresses may bind them."""
atexit.register(_KEPT.close)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, and that nobody else is given while this process lives."""
    ports = []
    for _ in range(count):
        one = _KEPT.enter_context(socket.socket())
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 0))
        ports.append(one.getsockname()[1])
    return ports


def free_port() -> int:
    """A port as free_ports() gives them."""
    [port] = free_ports(1)
    return port
