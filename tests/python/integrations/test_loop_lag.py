"""The lag of the event loop: measured where the application is served, for as long as the loop runs."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from selfscale import Agent
from selfscale.integrations import _loop_lag
from selfscale.integrations._loop_lag import LoopLag, measure_loop_lag
from selfscale.integrations.asgi import Message, Middleware, Receive, Scope, Send
from selfscale.testing import Distribution, recorded

Run = Callable[[Coroutine[Any, Any, None]], None]
NAME = "event_loop_lag{loop=%s}"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, or live."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def nothing(_: Message | None = None) -> Message:
    return {}


async def request(middleware: Middleware) -> None:
    await middleware({"type": "http", "method": "GET", "path": "/", "headers": []}, nothing, nothing)  # type: ignore[arg-type]


def lag_of(agent: Agent, loop: str = "asyncio") -> Distribution:
    lag = recorded(agent).get(NAME % loop, Distribution(0, 0.0))
    assert isinstance(lag, Distribution)
    return lag


async def looks(agent: Agent, count: int, loop: str = "asyncio") -> None:
    """Wait for a number of looks."""

    async def seen() -> None:
        while lag_of(agent, loop).count < count:
            await asyncio.sleep(0.001)

    await asyncio.wait_for(seen(), 20)


def measuring() -> list[LoopLag]:
    gc.collect()
    # By type: a proxy that is asked for its class makes what it stands for.
    return [one for one in gc.get_objects() if type(one) is LoopLag]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop_lag, "INTERVAL", 0.005)


def test_it_begins_with_the_first_request(agent: Agent) -> None:
    async def serve() -> None:
        middleware = Middleware(app, agent)
        await asyncio.sleep(0)
        assert lag_of(agent).count == 0
        await request(middleware)
        await looks(agent, 3)

    asyncio.run(serve())


def test_it_begins_with_the_lifespan(agent: Agent) -> None:
    async def serve() -> None:
        shutdown = asyncio.Event()
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> Message:
            kind = next(messages)
            if kind == "lifespan.shutdown":
                await shutdown.wait()
            return {"type": kind}

        living = asyncio.ensure_future(Middleware(app, agent)({"type": "lifespan"}, receive, nothing))  # type: ignore[arg-type]
        await looks(agent, 3)
        shutdown.set()
        await living

    asyncio.run(serve())


def test_a_loop_that_was_held_up_is_late(agent: Agent) -> None:
    async def serve() -> None:
        await request(Middleware(app, agent))
        await looks(agent, 1)
        before = lag_of(agent)
        time.sleep(0.2)
        await looks(agent, before.count + 1)
        assert lag_of(agent).sum - before.sum > 0.15

    asyncio.run(serve())


def test_uvloop_is_measured_as_well(agent: Agent) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def serve() -> None:
        await request(Middleware(app, agent))
        await looks(agent, 1, "uvloop")
        before = lag_of(agent, "uvloop")
        time.sleep(0.2)
        await looks(agent, before.count + 1, "uvloop")
        assert lag_of(agent, "uvloop").sum - before.sum > 0.15

    loop = uvloop.new_event_loop()
    loop.run_until_complete(serve())
    loop.close()
    del loop
    assert measuring() == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("debug", [False, True])
def test_it_goes_with_the_loop_and_leaves_nothing(agent: Agent, debug: bool) -> None:
    async def serve() -> None:
        await request(Middleware(app, agent))
        assert len(measuring()) == 1

    asyncio.run(serve(), debug=debug)
    assert measuring() == []


def test_several_middlewares_of_one_agent_measure_a_loop_once(agent: Agent) -> None:
    async def serve() -> None:
        for middleware in (Middleware(Middleware(app, agent), agent), Middleware(app, agent)):
            await request(middleware)
        assert len(measuring()) == 1

    asyncio.run(serve())


def test_a_loop_that_follows_is_measured_too(agent: Agent) -> None:
    async def serve() -> None:
        await request(Middleware(app, agent))
        await looks(agent, lag_of(agent).count + 2)

    asyncio.run(serve())
    asyncio.run(serve())


def test_without_a_loop_of_asyncios_nothing_happens(agent: Agent) -> None:
    measure_loop_lag(agent)
    assert measuring() == []
