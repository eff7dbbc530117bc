"""FastAPI and Starlette.

from selfscale.integrations.fastapi import instrument

instrument(app)     # measures and recommends; scales nothing until you enable it
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from selfscale._agent import Agent, default_agent
from selfscale._arguments import check_function, shown
from selfscale.integrations._exposition import MetricsRoute, checked, path_in_app
from selfscale.integrations._process import check_agent
from selfscale.integrations.asgi import Application, Middleware, Receive, Scope, Send

__all__ = ["Check", "instrument"]

Check: TypeAlias = Callable[[], "Awaitable[object] | object"]
"""Asks something that the app needs whether it is there; an exception, or False, says no."""

_log = logging.getLogger("selfscale")


@runtime_checkable
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
        checks: what ``/ready`` asks, by name. Whoever asks ``/ready`` is told the name of a check that failed and
            the kind of its exception; its words, which may name a host or a user, are logged.
        metrics_path: where a Prometheus server may scrape, such as ``/metrics``; nowhere unless given. Scrapes are
            not measured, and no route of the app's is asked.

    Raises:
        TypeError: `app` is no such application, a check no function, or another argument of another kind.
        ValueError: the path of the metrics does not begin with a slash.
    """
    if not isinstance(app, StarletteApplication):
        message = f"app is {shown(app)}; a FastAPI or Starlette application is needed"
        raise TypeError(f"{message}. Any other of ASGI takes selfscale.integrations.asgi.Middleware")
    check_agent(agent)
    asked = _checked_checks(checks)
    if metrics_path is not None:
        checked(metrics_path)
    if getattr(app.state, "selfscale_instrumented", False):
        return
    app.state.selfscale_instrumented = True
    app.add_middleware(Middleware, agent=agent)
    if metrics_path is not None:
        app.add_middleware(MetricsRoute, path=metrics_path, agent=agent)
    health = _Health(app.router.default, agent, asked)
    app.router.default = health


def _checked_checks(checks: Mapping[str, Check] | None) -> dict[str, Check]:
    if checks is None:
        return {}
    if not isinstance(checks, Mapping):
        message = f"checks are {shown(checks)}; a dict of functions by name is needed"
        raise TypeError(message)
    for name, check in checks.items():
        if not isinstance(name, str):
            raise TypeError(f"a check has the name {shown(name)}; a text is needed")
        check_function(f"the check {name!r}", check, may_be_async=True)
    return dict(checks)


class _Health:
    """The health routes, in the place where a router goes when it has no route."""

    def __init__(self, otherwise: Application, agent: Agent | None, checks: Mapping[str, Check]) -> None:
        self._otherwise = otherwise
        self._agent = agent
        self._checks = checks
        self._said: dict[str, str] = {}
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
        failed = {name: why for name, check in self._checks.items() if (why := await _failure(check)) is not None}
        self._log_news(failed)
        if failed:
            error = "; ".join(f"{name}: {_in_public(why)}" for name, why in failed.items())
            return 503, {"status": "not ready", "error": error}
        return 200, {"status": "ready", **dict.fromkeys(self._checks, "connected")}

    def _log_news(self, failed: Mapping[str, str | Exception]) -> None:
        """Log what a check says when it begins to fail, or fails otherwise: probes ask every few seconds."""
        said = {name: _in_full(why) for name, why in failed.items()}
        for name, words in said.items():
            if self._said.get(name) != words:
                _log.warning("not ready: the check %s: %s", name, words)
        self._said = said


async def _failure(check: Check) -> str | Exception | None:
    """Why a check says no; None when it does not."""
    try:
        answer = check()
        if inspect.isawaitable(answer):
            answer = await answer
    except Exception as error:  # whatever a check raises is its answer
        return error
    return "returned False" if answer is False else None


def _in_public(why: str | Exception) -> str:
    """What anybody may know of it: an exception's words may name a host or a user."""
    return type(why).__name__ if isinstance(why, Exception) else why


def _in_full(why: str | Exception) -> str:
    return f"{type(why).__name__}: {why}" if isinstance(why, Exception) else why


async def _answer(send: Send, status: int, body: object, *, with_body: bool) -> None:
    text = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text if with_body else b""})
