"""How late an event loop of asyncio is: what everything waits for while one callback takes its time."""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from typing import TYPE_CHECKING

from selfscale.errors import Error

if TYPE_CHECKING:
    from selfscale import Distribution
    from selfscale._agent import Agent

_log = logging.getLogger("selfscale")

INTERVAL = 1.0
"""Seconds from one look to the next."""


def measure_loop_lag(agent: Agent) -> None:
    """Record from now on how late the running loop is, for as long as it runs, as `event_loop_lag`.

    Twice for one agent is harmless, and without a loop of asyncio's kind (trio) nothing happens.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    loops = _measured.setdefault(agent, weakref.WeakSet())
    if loop in loops:
        return
    loops.add(loop)
    kind = type(loop).__module__.partition(".")[0]  # "asyncio" or "uvloop"
    try:
        lag = agent.distribution("event_loop_lag", {"loop": kind})
    except Error as error:  # the app has a metric of that name and another kind
        _log.error("how late the event loop is is not measured: %s", error)
        return
    LoopLag(loop, lag)


_measured: weakref.WeakKeyDictionary[Agent, weakref.WeakSet[asyncio.AbstractEventLoop]] = weakref.WeakKeyDictionary()


class LoopLag:
    """Has a loop call it back, and records how much later than asked for it does.

    Nobody holds it but its timer, which goes when the loop is closed. A loop that is held up for long is seen late
    once: a quantile over many looks is what a callback waits that comes at any time.
    """

    __slots__ = ("__weakref__", "_due", "_lag", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, lag: Distribution) -> None:
        """Begin at once; on the loop's thread."""
        self._loop = loop
        self._lag = lag
        self._set()

    def _set(self) -> None:
        self._due = time.monotonic() + INTERVAL  # a loop's own clock may have whole milliseconds, as uvloop's
        self._loop.call_later(INTERVAL, self._look)

    def _look(self) -> None:
        self._lag.observe(max(0.0, time.monotonic() - self._due))
        self._set()
