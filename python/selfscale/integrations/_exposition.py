"""A route for Prometheus, around an application: what it serves is not measured, nor does the application see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from selfscale._agent import Agent, default_agent
from selfscale.errors import Error

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class MetricsRoute:
    """Answers a scraper at one path, and passes everything else on to an ASGI application.

    It stands around `Middleware`, so that scrapes are neither counted nor in flight. It exposes all processes of this
    instance, whichever of them is asked: docs/prometheus.md has the names.
    """

    def __init__(self, app: Application, path: str = "/metrics", agent: Agent | None = None) -> None:
        """Wrap an application; `agent` is the process's default one unless given."""
        if not path.startswith("/"):
            message = f"the path of the metrics begins with a slash; {path!r} does not"
            raise ValueError(message)
        self.app = app
        self._path = path
        self._agent = agent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        asked = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and path_in_app(scope) == self._path
        if not asked:
            await self.app(scope, receive, send)
            return
        status, content_type, body = await asyncio.get_running_loop().run_in_executor(None, self._expose, scope)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"vary", b"Accept"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})

    def _expose(self, scope: Scope) -> tuple[int, str, bytes]:
        """Ask the agent, which has to run: the counts of the other processes are behind it."""
        accepted = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"accept"]
        agent = self._agent or default_agent()
        try:
            agent.ensure_started()
            return 200, *agent.exposition(",".join(accepted) or None)
        except Error as error:  # rather no answer than one that leaves the other processes out
            return 503, "text/plain; charset=utf-8", f"{error}\n".encode()


def path_in_app(scope: Scope) -> str:
    """The path as the application's own routes see it, also when it is mounted in another."""
    path: str = scope.get("path", "")
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path
