"""Any ASGI application: `Middleware` measures its requests, and lets its replica go without losing a connection.

app.add_middleware(Middleware)        # Starlette and its kind
app = Middleware(app)                 # any other
app = MetricsRoute(Middleware(app))   # the same, with a route for Prometheus, /metrics
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import weakref
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from selfscale._agent import Agent, default_agent
from selfscale.errors import Error
from selfscale.integrations._exposition import MetricsRoute

if TYPE_CHECKING:
    from selfscale._core import Recorder, Request

__all__ = ["MetricsRoute", "Middleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLOSE_EVERY = 50
"""Under `selfscale run`, every so many responses one asks its client to connect anew: new workers get their share."""

_log = logging.getLogger("selfscale")


class Middleware:
    """Measures every HTTP request of an application, to the last byte of its body.

    It records `requests_total`, `errors_total` (answered with 5xx, or not at all), `in_flight`,
    `response_time`, and `request_queue_time` from ``X-Request-Start`` or ``X-Queue-Start``; the first two and
    the response time also by route template and method. Web sockets and everything else pass through.

    The agent is started at the application's start, or at the first request: in the process that serves,
    whichever way it was forked. Once the replica is told to go, the server stops accepting and every response
    closes its connection.
    """

    def __init__(self, app: Application, agent: Agent | None = None) -> None:
        """Wrap an application; `agent` is the process's default one unless given."""
        self.app = app
        self._agent = agent
        self._enter: Callable[[Scope, Send], Request] | None = None
        _middlewares.add(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._pass_through(scope, receive, send)
            return
        enter = self._enter or self._begin(is_ready=True)
        request = enter(scope, send)
        try:
            await self.app(scope, receive, request)
        except asyncio.CancelledError:
            request.leave(True)
            raise
        finally:
            request.leave(False)

    async def _pass_through(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if self._enter is None:
            self._begin(is_ready=True)
        await self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application's own lifespan, if it has one: it is ready once that says so, or does not exist."""
        self._begin(is_ready=False)
        report_ready = (self._agent or default_agent()).report_ready

        def watched(message: Message) -> Awaitable[None]:
            if message["type"] == "lifespan.startup.complete":
                report_ready()
            return send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            report_ready()
            raise

    def _begin(self, *, is_ready: bool) -> Callable[[Scope, Send], Request]:
        """Begin to measure in this process. An agent that cannot start costs the application nothing."""
        agent = self._agent or default_agent()
        agent.report_ready(is_ready)  # before the first report, which else counts as readiness
        if self._enter is None:
            supervised = os.environ.get("SELFSCALE_SUPERVISED") == "1"
            recorder = agent._native.recorder(_CLOSE_EVERY if supervised else 0)
            self._enter = recorder.enter
            try:
                agent.ensure_started()
            except Error as error:
                _log.error("selfscale measures, and does nothing else, because it could not start: %s", error)
            else:
                _watch_drain(agent, recorder)
        return self._enter


def _watch_drain(agent: Agent, recorder: Recorder) -> None:
    """Have the event loop drain this worker once it is told to go."""
    descriptor = agent._native.drain_descriptor()
    if descriptor < 0:
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another kind of event loop
        return

    def drain() -> None:
        loop.remove_reader(descriptor)
        recorder.drain()
        _stop_accepting()

    loop.add_reader(descriptor, drain)
    agent._native.report_drains()


def _stop_accepting() -> None:
    """Close uvicorn's listening sockets in this process; other workers go on accepting from the same queue."""
    uvicorn_server = sys.modules.get("uvicorn.server")
    if uvicorn_server is None:
        return
    for candidate in gc.get_objects():
        if type(candidate) is uvicorn_server.Server:
            for listener in getattr(candidate, "servers", ()):
                listener.close()


_middlewares: weakref.WeakSet[Middleware] = weakref.WeakSet()


def _begin_anew_in_child() -> None:
    for middleware in list(_middlewares):
        middleware._enter = None


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew_in_child)
