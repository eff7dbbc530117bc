"""FastAPI and Starlette.

from selfscale.integrations.fastapi import instrument

instrument(app)     # measures and recommends; scales nothing until you enable it
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

from selfscale._agent import Agent, default_agent
from selfscale.integrations._exposition import MetricsRoute, path_in_app
from selfscale.integrations.asgi import Application, Middleware, Receive, Scope, Send

__all__ = ["Check", "instrument"]

Check: TypeAlias = Callable[[], "Awaitable[object] | object"]
"""Asks something that the app needs whether it is there; an exception, or False, says no."""


class StarletteApplication(Protocol):
    """What is used of FastAPI and Starlette."""

    router: Any
    state: Any

    def add_middleware(self, middleware_class: Any, /, *args: Any, **kwargs: Any) -> None:
        """Wrap the application."""
        ...


def instrument(
    app: StarletteApplication,
    *,
    agent: Agent | None = None,
    checks: Mapping[str, Check] | None = None,
    metrics_path: str | None = None,
) -> None:
    """Measure an application's requests, and give it health routes where it has none of its own.

    ``/health`` and ``/api/health`` say that the process answers; ``/ready``, ``/health/ready`` that it can serve (503
    with a reason when a check fails or the replica is told to go); ``/health/startup`` that it has started. A route of
    the app's always wins, whenever it is added.

    Args:
        app: a FastAPI or Starlette application that has not started yet. Instrumented twice, it is measured once.
        agent: the process's default one unless given; it is started with the application.
        checks: what ``/ready`` asks, by name.
        metrics_path: where a Prometheus server may scrape, such as ``/metrics``; nowhere unless given. Scrapes are
            not measured, and no route of the app's is asked.
    """
    if getattr(app.state, "selfscale_instrumented", False):
        return
    app.state.selfscale_instrumented = True
    app.add_middleware(Middleware, agent=agent)
    if metrics_path is not None:
        app.add_middleware(MetricsRoute, path=metrics_path, agent=agent)
    health = _Health(app.router.default, agent, dict(checks or {}))
    app.router.default = health


class _Health:
    """The health routes, in the place where a router goes when it has no route."""

    def __init__(self, otherwise: Application, agent: Agent | None, checks: Mapping[str, Check]) -> None:
        self._otherwise = otherwise
        self._agent = agent
        self._checks = checks
        self._routes: dict[str, Callable[[], Awaitable[tuple[int, object]]]] = {
            "/health": self._alive,
            "/api/health": self._alive,
            "/ready": self._ready,
            "/health/ready": self._ready,
            "/health/startup": self._started,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(path_in_app(scope))
        if scope["type"] != "http" or route is None or scope["method"] not in {"GET", "HEAD"}:
            await self._otherwise(scope, receive, send)
            return
        status, body = await route()
        await _answer(send, status, body, with_body=scope["method"] == "GET")

    async def _alive(self) -> tuple[int, object]:
        return 200, (self._agent or default_agent()).health()

    async def _started(self) -> tuple[int, object]:
        return 200, {"status": "started"}

    async def _ready(self) -> tuple[int, object]:
        if (self._agent or default_agent())._native.is_draining():
            return 503, {"status": "not ready", "error": "this replica has been told to go"}
        failed = [f"{name}: {words}" for name, check in self._checks.items() if (words := await _failure(check))]
        if failed:
            return 503, {"status": "not ready", "error": "; ".join(failed)}
        return 200, {"status": "ready", **dict.fromkeys(self._checks, "connected")}


async def _failure(check: Check) -> str:
    """Why a check says no; empty when it does not."""
    try:
        answer = check()
        if inspect.isawaitable(answer):
            answer = await answer
    except Exception as error:  # whatever a check raises is its answer
        return str(error) or type(error).__name__
    return "not connected" if answer is False else ""


async def _answer(send: Send, status: int, body: object, *, with_body: bool) -> None:
    text = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text if with_body else b""})
