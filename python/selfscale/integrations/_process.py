"""How a middleware begins to measure: in each process anew, whichever way that was forked."""

from __future__ import annotations

import gc
import logging
import os
import sys
import weakref
from typing import TYPE_CHECKING, Protocol

from selfscale import _core
from selfscale._agent import Agent, default_agent
from selfscale._arguments import shown
from selfscale.errors import Error

if TYPE_CHECKING:
    from selfscale._core import Recorder

_log = logging.getLogger("selfscale")


class Measuring(Protocol):
    """A middleware."""

    _agent: Agent | None
    """None: the process's default one."""
    _recorder: Recorder | None
    """What measures in this process; None until it has begun."""
    _is_refused: bool
    """It cannot measure, and serves all the same."""


def check_wrapped(app: object, agent: object) -> None:
    """Refuse what cannot be wrapped, and whom nothing can be measured for.

    Raises:
        TypeError: the application cannot be called, or the agent is none.
    """
    if not callable(app):
        raise TypeError(f"app is {shown(app)}; the application itself is needed")
    check_agent(agent)


def check_agent(agent: object) -> None:
    """Refuse what is no agent; None is the process's default one.

    Raises:
        TypeError: it is something else.
    """
    if agent is not None and not isinstance(agent, Agent):
        raise TypeError(f"agent is {shown(agent)}; what selfscale.start() returns is needed, or None")


def join(middleware: Measuring) -> None:
    """Know a middleware that has just been made."""
    _measuring.add(middleware)
    if any(one._recorder is not None for one in list(_measuring)):
        _share(agent_of(middleware))


def agent_of(middleware: Measuring) -> Agent:
    """Return whom a middleware measures for."""
    return middleware._agent or default_agent()


def begin(middleware: Measuring, *, is_ready: bool, close_every: int = 0) -> bool:
    """Begin to measure in this process, unless that is done; say whether the agent runs from now on.

    An agent that cannot start, or a metric that the app has under the same name and another kind, costs the application
    nothing. `close_every`: each so many responses ask their client
    to connect anew; 0: none does.
    """
    agent = agent_of(middleware)
    agent.report_ready(is_ready)  # before the first report, which else counts as readiness
    if middleware._recorder is not None or middleware._is_refused:
        return False
    try:
        middleware._recorder = agent._native.recorder(close_every)
    except Error as error:
        middleware._is_refused = True
        _log.error("requests are served, and not measured: %s", error)
        return False
    _share(agent)
    try:
        agent.ensure_started()
    except Error as error:
        _log.error("selfscale measures, and does nothing else, because it could not start: %s", error)
        return False
    return True


_measuring: weakref.WeakSet[Measuring] = weakref.WeakSet()


def _share(agent: Agent) -> None:
    """Where several middlewares measure for one agent, a request counts in the first that it meets."""
    together = [one for one in list(_measuring) if agent_of(one) is agent]
    recorders = [one._recorder for one in together if one._recorder is not None]
    if len(together) > 1:
        for recorder in recorders:
            recorder.share(agent)
            _mark_in_flight(recorder)


def _mark_in_flight(recorder: Recorder) -> None:
    """Mark what has begun already: Starlette makes a mounted app's middleware in its first request."""
    for request in gc.get_referrers(recorder):
        if isinstance(request, _core.AsgiSend):
            request.mark()


def _begin_anew_in_child() -> None:
    for middleware in list(_measuring):
        middleware._recorder = None


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew_in_child)
