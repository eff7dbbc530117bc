"""Any ASGI application: `Middleware` measures its requests, and lets its replica go without losing a connection.

app.add_middleware(Middleware)        # Starlette and its kind
app = Middleware(app)                 # any other
app = MetricsRoute(Middleware(app))   # the same, with a route for Prometheus, /metrics
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias, final

from selfscale import _core
from selfscale._agent import Agent
from selfscale.integrations._exposition import MetricsRoute
from selfscale.integrations._loop_lag import measure_loop_lag
from selfscale.integrations._process import agent_of, begin, check_wrapped, join

if TYPE_CHECKING:
    from selfscale._core import Recorder

__all__ = ["MetricsRoute", "Middleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_CLOSE_EVERY = 50
"""Under `selfscale run`, every so many responses one asks its client to connect anew: new workers get their share."""


@final
@_core.call_natively
class Middleware(_core.AsgiMiddleware):
    """Measures every HTTP request of an application, to the last byte of its body, and its web sockets.

    It records `requests_total`, `errors_total` (answered with 5xx, or not at all), `in_flight`,
    `response_time`, and `request_queue_time` from ``X-Request-Start`` or ``X-Queue-Start``; the first two and
    the response time also by route template and method, requests by status, too; `websockets_total` (accepted),
    `websockets_open` and `websocket_errors_total` (ended by an exception); and, once a second, `event_loop_lag`:
    how late the event loop is (asyncio, uvloop). Everything else passes through untouched.

    The agent is started at the application's start, or at the first request: in the process that serves,
    whichever way it was forked. Once the replica is told to go, the server stops accepting and every response
    closes its connection.
    """

    __slots__ = ("__weakref__", "_agent", "_is_refused")

    def __init__(self, app: Application, agent: Agent | None = None) -> None:
        """Wrap an application; `agent` is the process's default one unless given."""
        check_wrapped(app, agent)
        self.app = app
        self._agent = agent
        self._is_refused = False
        join(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. By this servers know ASGI 3; they do not come here unless they ask for it by name."""
        await self(scope, receive, send)

    def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve what is not measured, or not yet."""
        kind = scope["type"]
        if kind == "lifespan":
            return self._live(scope, receive, send)
        if self._recorder is None:
            self._begin(is_ready=True)
            if self._recorder is not None and kind in {"http", "websocket"}:
                return self(scope, receive, send)
        return self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application's own lifespan, if it has one: it is ready once that says so, or does not exist."""
        self._begin(is_ready=False)
        report_ready = agent_of(self).report_ready

        def watched(message: Message) -> Awaitable[None]:
            if message["type"] == "lifespan.startup.complete":
                report_ready()
            return send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            report_ready()
            raise

    def _begin(self, *, is_ready: bool) -> None:
        close_every = _CLOSE_EVERY if os.environ.get("SELFSCALE_SUPERVISED") == "1" else 0
        measure_loop_lag(agent_of(self))
        if begin(self, is_ready=is_ready, close_every=close_every) and self._recorder is not None:
            _watch_drain(agent_of(self), self._recorder)


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
