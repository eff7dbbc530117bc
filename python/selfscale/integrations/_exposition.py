"""A route for Prometheus, around an application: what it serves is not measured, nor does the application see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from selfscale._agent import Agent, default_agent
from selfscale._arguments import checked_text
from selfscale.errors import Error
from selfscale.integrations._process import check_wrapped

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Environ: TypeAlias = dict[str, Any]
WsgiApplication: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# Not from the library's http: a gunicorn that was upgraded (SIGUSR2) has a module of its own in that name's place.
_PHRASES = {200: "OK", 503: "Service Unavailable"}


class MetricsRoute:
    """Answers a scraper at one path, and passes everything else on to an ASGI application.

    It stands around `Middleware`, so that scrapes are neither counted nor in flight. It exposes all processes of this
    instance, whichever of them is asked: docs/prometheus.md has the names.
    """

    def __init__(self, app: Application, path: str = "/metrics", agent: Agent | None = None) -> None:
        """Wrap an application; `agent` is the process's default one unless given."""
        check_wrapped(app, agent)
        self.app = app
        self._path = checked(path)
        self._agent = agent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        asked = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and path_in_app(scope) == self._path
        if not asked:
            await self.app(scope, receive, send)
            return
        accepted = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"accept"]
        loop = asyncio.get_running_loop()
        status, headers, body = await loop.run_in_executor(None, expose, self._agent, ",".join(accepted))
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})


class WsgiMetricsRoute:
    """Answers a scraper at one path, and passes everything else on to a WSGI application.

    It stands around `Middleware`, so that scrapes are neither counted nor in flight. It exposes all processes of this
    instance, whichever of them is asked: docs/prometheus.md has the names.
    """

    def __init__(self, app: WsgiApplication, path: str = "/metrics", agent: Agent | None = None) -> None:
        """Wrap an application; `agent` is the process's default one unless given."""
        check_wrapped(app, agent)
        self.app = app
        self._path = checked(path)
        self._agent = agent

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"} or environ.get("PATH_INFO") != self._path:
            return self.app(environ, start_response)
        status, headers, body = expose(self._agent, environ.get("HTTP_ACCEPT", ""))
        start_response(f"{status} {_PHRASES[status]}", headers)
        return [body] if environ["REQUEST_METHOD"] == "GET" else []


def checked(path: str) -> str:
    """Return the path of the metrics.

    Raises:
        TypeError: it is no text.
        ValueError: it does not begin with a slash.
    """
    if not checked_text("the path of the metrics", path).startswith("/"):
        message = f'the path of the metrics begins with a slash, such as "/metrics"; {path!r} does not'
        raise ValueError(message)
    return path


def expose(of: Agent | None, accept: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Ask the agent, which has to run: the counts of the other processes are behind it."""
    agent = of or default_agent()
    try:
        agent.ensure_started()
        status = 200
        content_type, body = agent.exposition(accept or None)
    except Error as error:  # rather no answer than one that leaves the other processes out
        status, content_type, body = 503, "text/plain; charset=utf-8", f"{error}\n".encode()
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept"),
    ]
    return status, headers, body


def path_in_app(scope: Scope) -> str:
    """The path as the application's own routes see it, also when it is mounted in another."""
    path: str = scope.get("path", "")
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root + "/") else path
