"""The application that the servers of the ASGI tests serve: each path ends in another way."""

from __future__ import annotations

import json
from typing import Any

import selfscale
from selfscale.integrations.asgi import Middleware, Receive, Scope, Send
from selfscale.testing import Distribution, recorded


class Failure(Exception):
    """What this application raises."""


async def begin(send: Send, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})


async def finish(send: Send, body: bytes = b"done") -> None:
    await send({"type": "http.response.body", "body": body})


async def answer(receive: Receive, send: Send) -> None:
    await begin(send)
    await finish(send)


async def tell(receive: Receive, send: Send) -> None:
    """What has been recorded before this request."""
    seen: dict[str, Any] = recorded(selfscale.default_agent())
    counts = {name: value.count if isinstance(value, Distribution) else value for name, value in seen.items()}
    await begin(send)
    await finish(send, json.dumps(counts).encode())


async def stream(receive: Receive, send: Send) -> None:
    await begin(send)
    for _ in range(3):
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await finish(send)


async def wait_for_the_client_to_leave(receive: Receive, send: Send) -> None:
    await begin(send)
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def not_found(receive: Receive, send: Send) -> None:
    await begin(send, 404)
    await finish(send)


async def fail(receive: Receive, send: Send) -> None:
    raise Failure


async def fail_after_start(receive: Receive, send: Send) -> None:
    await begin(send)
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    raise Failure


async def fail_in_background(receive: Receive, send: Send) -> None:
    await answer(receive, send)
    raise Failure


async def greet(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def refuse(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close"})


async def greet_and_fail(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    raise Failure


async def live(receive: Receive, send: Send) -> None:
    while True:
        phase = (await receive())["type"]
        await send({"type": f"{phase}.complete"})
        if phase == "lifespan.shutdown":
            return


ROUTES = {
    "/answer": answer,
    "/recorded": tell,
    "/stream": stream,
    "/until-you-leave": wait_for_the_client_to_leave,
    "/not-found": not_found,
    "/fail": fail,
    "/fail-after-start": fail_after_start,
    "/fail-in-background": fail_in_background,
    "/greet": greet,
    "/refuse": refuse,
    "/greet-and-fail": greet_and_fail,
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await (live if scope["type"] == "lifespan" else ROUTES[scope["path"]])(receive, send)


app = Middleware(application)
