"""Every way in which an app's work on a connection can end: what is recorded, without the collector's help, and that
nothing stays in flight."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from selfscale import Agent
from selfscale.integrations.asgi import Application, Message, Middleware, Receive, Scope, Send
from selfscale.testing import Distribution, recorded


class Failure(Exception):
    """What apps and servers raise here."""


def start(status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": []}


def body(*, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": b"x", "more_body": more}


@dataclass
class Server:
    """Stands for a server: it makes a connection and says what it got."""

    kind: str = "http"
    is_client_gone: bool = False
    sent: list[Message] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[Any] = field(default_factory=list)

    def scope(self) -> dict[str, Any]:
        return {"type": self.kind, "http_version": "1.1", "method": "GET", "headers": [], "server": self}

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if self.is_client_gone and message["type"] == "http.response.body":
            raise Failure
        self.sent.append(message)

    def call(self, app: Application) -> Any:
        return app(self.scope(), self.receive, self.send)


Drive = Callable[[Server, Application], Awaitable[None]]


async def awaited(server: Server, app: Application) -> None:
    await server.call(app)


async def failing(server: Server, app: Application) -> None:
    with pytest.raises(Failure):
        await server.call(app)


async def cancelled(server: Server, app: Application) -> None:
    task = asyncio.create_task(server.call(app))
    await server.entered.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def timed_out(server: Server, app: Application) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(server.call(app), 0.001)


async def with_exception_kept(server: Server, app: Application) -> None:
    """As an error tracker does it: with the traceback, and so the app's frame."""
    try:
        await server.call(app)
    except Failure as failure:
        server.kept.append(failure)


async def never_awaited(server: Server, app: Application) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the app's coroutine was never awaited
        server.call(app)


async def dropped(server: Server, app: Application) -> None:
    call = server.call(app)
    call.send(None)
    del call


async def closed(server: Server, app: Application) -> None:
    call = server.call(app)
    call.send(None)
    call.close()
    call.close()


async def with_spawned(server: Server, app: Application) -> None:
    await server.call(app)
    await server.kept[0]


# Apps


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    await send(body())


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    for more in (True, True, False):
        await send(body(more=more))


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start(404))
    await send(body())


async def unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start(503))
    await send(body())


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def half_an_answer(scope: Scope, receive: Receive, send: Send) -> None:
    """As Starlette's streams end when their client has left."""
    await send(start())
    await send(body(more=True))


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise Failure


async def fail_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    raise Failure


async def fail_in_mid_stream(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    await send(body(more=True))
    raise Failure


async def fail_after_answer(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(scope, receive, send)
    raise Failure


async def wait(scope: Scope, receive: Receive, send: Send) -> None:
    scope["server"].entered.set()
    await asyncio.Event().wait()


async def wait_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    await wait(scope, receive, send)


async def wait_after_answer(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(scope, receive, send)
    await wait(scope, receive, send)


async def answer_a_cancellation(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await wait(scope, receive, send)
    except asyncio.CancelledError:
        await send(start(499))
        await send(body())


async def fail_in_a_cycle(scope: Scope, receive: Receive, send: Send) -> None:
    failure = Failure()
    cycle = {"send": send, "failure": failure}
    cycle["self"] = cycle
    raise failure


async def keep_send_and_fail(scope: Scope, receive: Receive, send: Send) -> None:
    scope["server"].kept.append(send)
    scope["send"] = send
    raise Failure


def fail_when_called(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    raise Failure


async def spawn_and_return(scope: Scope, receive: Receive, send: Send) -> None:
    scope["server"].kept.append(asyncio.ensure_future(answer(scope, receive, send)))


async def send_a_file(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    await send({"type": "http.response.pathsend", "path": "/a"})


async def accept(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    await send({"type": "websocket.close"})


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close"})


async def accept_and_fail(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    raise Failure


async def accept_and_wait(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await wait(scope, receive, send)


@dataclass(frozen=True)
class Counts:
    """What one connection adds up to."""

    requests: int = 0
    errors: int = 0
    timed: int = 0
    sockets: int = 0
    socket_errors: int = 0
    in_flight: int = 0
    open_sockets: int = 0

    @classmethod
    def of(cls, agent: Agent) -> Counts:
        seen: dict[str, Any] = recorded(agent)
        timed = seen["response_time"]
        assert isinstance(timed, Distribution)
        return cls(
            requests=seen["requests_total"],
            errors=seen["errors_total"],
            timed=timed.count,
            sockets=seen["websockets_total"],
            socket_errors=seen["websocket_errors_total"],
            in_flight=seen["in_flight"],
            open_sockets=seen["websockets_open"],
        )


SUCCESS = Counts(requests=1, timed=1)
ERROR = Counts(requests=1, errors=1, timed=1)
CUT = Counts(requests=1)
"""Nobody waited for the end: how long it took says nothing."""
SOCKET = Counts(sockets=1)

CASES: dict[str, tuple[Application, Drive, Counts]] = {
    "an answer": (answer, awaited, SUCCESS),
    "a stream": (stream, awaited, SUCCESS),
    "a file sent by the server": (send_a_file, awaited, SUCCESS),
    "404": (not_found, awaited, SUCCESS),
    "503": (unavailable, awaited, ERROR),
    "a cancellation answered with 499": (answer_a_cancellation, cancelled, SUCCESS),
    "no answer": (nothing, awaited, ERROR),
    "half an answer": (half_an_answer, awaited, CUT),
    "an exception before the start": (fail, failing, ERROR),
    "an exception after the start": (fail_after_start, failing, ERROR),
    "an exception in mid-stream": (fail_in_mid_stream, failing, ERROR),
    "an exception of a background task": (fail_after_answer, failing, SUCCESS),
    "an exception before there is a coroutine": (fail_when_called, failing, ERROR),
    "cancelled before the start": (wait, cancelled, CUT),
    "cancelled after the start": (wait_after_start, cancelled, CUT),
    "a background task cancelled": (wait_after_answer, cancelled, SUCCESS),
    "timed out": (wait, timed_out, CUT),
    "the client leaves in mid-stream": (half_an_answer, failing, ERROR),
    "an exception that is kept": (fail_after_start, with_exception_kept, ERROR),
    "an exception in a cycle of references": (fail_in_a_cycle, failing, ERROR),
    "an app that keeps send and fails": (keep_send_and_fail, failing, ERROR),
    "never awaited": (answer, never_awaited, CUT),
    "dropped while suspended": (wait, dropped, CUT),
    "closed while suspended": (wait, closed, CUT),
    "answered by a spawned task": (spawn_and_return, with_spawned, ERROR),
    "websocket: accepted": (accept, awaited, SOCKET),
    "websocket: refused": (refuse, awaited, Counts()),
    "websocket: an exception before it is accepted": (fail, failing, Counts(socket_errors=1)),
    "websocket: an exception": (accept_and_fail, failing, Counts(sockets=1, socket_errors=1)),
    "websocket: cancelled": (accept_and_wait, cancelled, SOCKET),
    "websocket: dropped": (accept_and_wait, dropped, SOCKET),
}


@pytest.fixture(scope="module")
def _old_objects() -> Iterator[None]:
    """What the tests before have left is not gone through at each collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(params=["never collects", "collects always"])
def _collector(request: pytest.FixtureRequest) -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.collect()
    if request.param == "collects always":
        gc.set_threshold(1, 1, 1)
    else:
        gc.disable()
    yield
    gc.set_threshold(*thresholds)
    gc.enable()


@pytest.mark.usefixtures("_old_objects", "_collector")
@pytest.mark.parametrize("case", CASES)
def test_each_ending_is_recorded_once_and_leaves_nothing_in_flight(agent: Agent, case: str) -> None:
    app, drive, expected = CASES[case]
    middleware = Middleware(app, agent)

    async def run() -> None:
        kind = "websocket" if case.startswith("websocket") else "http"
        await drive(Server(kind, is_client_gone="client leaves" in case), middleware)
        assert Counts.of(agent) == expected

    asyncio.run(run())


def test_a_request_is_in_flight_from_the_call_to_an_exception_thrown_into_it(agent: Agent) -> None:
    async def run() -> None:
        server = Server()
        call = server.call(Middleware(wait_after_start, agent))
        assert Counts.of(agent) == Counts(in_flight=1), "from the call on"
        call.send(None)
        assert Counts.of(agent) == Counts(in_flight=1)
        with pytest.raises(Failure):
            call.throw(Failure)
        assert Counts.of(agent) == ERROR

    asyncio.run(run())


def test_a_background_task_occupies_the_worker_after_the_answer_is_timed(agent: Agent) -> None:
    async def run() -> None:
        call = Server().call(Middleware(wait_after_answer, agent))
        call.send(None)
        assert Counts.of(agent) == Counts(requests=1, timed=1, in_flight=1)
        call.close()
        assert Counts.of(agent) == SUCCESS

    asyncio.run(run())


def test_a_web_socket_is_open_until_the_app_has_ended(agent: Agent) -> None:
    async def run() -> None:
        call = Server("websocket").call(Middleware(accept_and_wait, agent))
        assert Counts.of(agent) == Counts()
        call.send(None)
        assert Counts.of(agent) == Counts(sockets=1, open_sockets=1)
        call.close()
        assert Counts.of(agent) == SOCKET

    asyncio.run(run())


def test_an_app_that_cleans_up_when_it_is_dropped_may_answer_yet(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await wait(scope, receive, send)
        finally:
            await send(start(204))
            await send(body())

    async def run() -> None:
        server = Server()
        await dropped(server, Middleware(app, agent))
        assert [message["type"] for message in server.sent] == ["http.response.start", "http.response.body"]
        assert Counts.of(agent) == SUCCESS

    asyncio.run(run())
