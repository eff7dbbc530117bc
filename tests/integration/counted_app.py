"""The application of the counting tests, for servers of both kinds: it notes by itself what it served."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from selfscale.integrations import asgi, wsgi

SERVED = os.open(os.environ["SERVED_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
WORK_SECONDS = 0.005


def note() -> bytes:
    """One line for each request, appended in one step; return who served it."""
    os.write(SERVED, f"{os.getpid()}\n".encode())
    return str(os.getpid()).encode()


def wsgi_application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    environ["selfscale.route"] = "/work"
    time.sleep(WORK_SECONDS)
    body = note()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi_application(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        return
    await asyncio.sleep(WORK_SECONDS)
    body = note()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


wsgi_app = wsgi.MetricsRoute(wsgi.Middleware(wsgi_application))
asgi_app = asgi.MetricsRoute(asgi.Middleware(asgi_application))
