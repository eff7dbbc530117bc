"""How a middleware begins to measure: in each process anew, whichever way that was forked."""

from __future__ import annotations

import logging
import os
import sys
import weakref
from typing import TYPE_CHECKING, Protocol

from selfscale.errors import Error

if TYPE_CHECKING:
    from selfscale._agent import Agent
    from selfscale._core import Recorder

_log = logging.getLogger("selfscale")


class Measuring(Protocol):
    """A middleware."""

    _recorder: Recorder | None
    """What measures in this process; None until it has begun."""


def begin(middleware: Measuring, agent: Agent, *, is_ready: bool, close_every: int = 0) -> bool:
    """Begin to measure in this process, unless that is done; say whether the agent runs from now on.

    An agent that cannot start costs the application nothing. `close_every`: each so many responses ask their client
    to connect anew; 0: none does.
    """
    agent.report_ready(is_ready)  # before the first report, which else counts as readiness
    if middleware._recorder is not None:
        return False
    middleware._recorder = agent._native.recorder(close_every)
    _measuring.add(middleware)
    try:
        agent.ensure_started()
    except Error as error:
        _log.error("selfscale measures, and does nothing else, because it could not start: %s", error)
        return False
    return True


_measuring: weakref.WeakSet[Measuring] = weakref.WeakSet()


def _begin_anew_in_child() -> None:
    for middleware in list(_measuring):
        middleware._recorder = None


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew_in_child)
