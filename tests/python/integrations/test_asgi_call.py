"""What a call of the middleware returns behaves as the app's own coroutine would, costs no memory, and is told as
ASGI 3."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import functools
import gc
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from selfscale import Agent
from selfscale.integrations.asgi import Message, Middleware, Receive, Scope, Send
from selfscale.testing import recorded

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"done"}


class Failure(Exception):
    """What apps raise here."""


async def receive() -> Message:
    return {"type": "http.request"}


async def send(message: Message) -> None:
    pass


def scope_of(**more: Any) -> dict[str, Any]:
    return {"type": "http", "http_version": "1.1", "method": "GET", "headers": [], **more}


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(BODY)


class Suspension:
    """Suspends once, hands out a value, and returns what is sent in."""

    def __init__(self, value: object = None) -> None:
        self.value = value

    def __await__(self) -> Iterator[object]:
        return (yield self.value)


@pytest.fixture
def call(agent: Agent) -> Callable[[Any], Any]:
    """Call an app through the middleware."""
    return lambda app: Middleware(app, agent)(scope_of(), receive, send)


def run(coroutine: Any) -> object:
    """Drive to the end what suspends nowhere."""
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    return end.value.value


def test_it_is_a_coroutine_to_the_abstract_classes(call: Callable[[Any], Any]) -> None:
    coroutine = call(answer)
    assert isinstance(coroutine, collections.abc.Coroutine)
    assert asyncio.iscoroutine(coroutine)
    run(coroutine)


def test_values_pass_in_and_out(call: Callable[[Any], Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        return [await Suspension(1), await Suspension(2)]

    coroutine = call(app)
    assert coroutine.send(None) == 1
    assert coroutine.send("a") == 2
    with pytest.raises(StopIteration) as end:
        coroutine.send("b")
    assert end.value.value == ["a", "b"]


@pytest.mark.parametrize("value", [None, 7, (1, 2), StopIteration(3)])
def test_what_the_app_returns_is_returned(call: Callable[[Any], Any], value: object) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        return value

    async def nested() -> object:
        return await call(app)

    assert asyncio.run(nested()) == value
    assert run(call(app)) == value


def test_it_is_iterated_as_await_would(call: Callable[[Any], Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Suspension(1)
        await Suspension(2)

    assert list(call(app).__await__()) == [1, 2]
    assert list(call(app)) == [1, 2]


def test_tasks_can_be_made_of_it(call: Callable[[Any], Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        await asyncio.sleep(0)
        return 7

    async def main() -> list[object]:
        task = asyncio.create_task(call(app))
        await asyncio.sleep(0)
        assert "app() running at" in repr(task)
        return [await task, await asyncio.wait_for(call(app), 10), *await asyncio.gather(call(app), call(app))]

    assert asyncio.run(main()) == [7, 7, 7, 7]


def test_it_is_awaited_once(call: Callable[[Any], Any]) -> None:
    coroutine = call(answer)
    run(coroutine)
    for again in (lambda: coroutine.send(None), lambda: coroutine.throw(Failure), lambda: next(coroutine)):
        with pytest.raises(RuntimeError, match="already awaited"):
            again()
    assert coroutine.close() is None


def test_it_does_not_run_inside_itself(call: Callable[[Any], Any], agent: Agent) -> None:
    calls: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert calls[0].cr_running
        for again in (lambda: calls[0].send(None), lambda: calls[0].throw(Failure), calls[0].close):
            with pytest.raises(ValueError, match="already executing"):
                again()
        assert recorded(agent)["in_flight"] == 1
        await answer(scope, receive, send)

    calls.append(call(app))
    assert not calls[0].cr_running
    run(calls[0])
    assert recorded(agent)["errors_total"] == 0


@pytest.mark.parametrize(
    "arguments", [(Failure("no"),), (Failure, "no"), (Failure, Failure("no")), (Failure, Failure("no"), None)]
)
@pytest.mark.filterwarnings("ignore:the \\(type, exc, tb\\) signature:DeprecationWarning")
def test_an_exception_is_thrown_into_the_app(call: Callable[[Any], Any], arguments: tuple[Any, ...]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        with pytest.raises(Failure, match="no"):
            await Suspension()
        await Suspension("caught")
        return "done"

    coroutine = call(app)
    coroutine.send(None)
    assert coroutine.throw(*arguments) == "caught"
    assert run(coroutine) == "done"


@pytest.mark.parametrize("arguments", [(), (1, 2, 3, 4)])
def test_throw_takes_one_to_three_arguments(call: Callable[[Any], Any], arguments: tuple[Any, ...]) -> None:
    coroutine = call(answer)
    with pytest.raises(TypeError, match="1 to 3"):
        coroutine.throw(*arguments)
    run(coroutine)


def test_an_app_that_returns_when_an_exception_is_thrown_has_returned(call: Callable[[Any], Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> Any:
        with contextlib.suppress(Failure):
            await Suspension()
        return "done"

    coroutine = call(app)
    coroutine.send(None)
    with pytest.raises(StopIteration) as end:
        coroutine.throw(Failure)
    assert end.value.value == "done"


def test_an_app_that_ignores_its_end_is_told_as_python_does(call: Callable[[Any], Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(GeneratorExit):
            await Suspension()
        await Suspension()

    coroutine = call(app)
    coroutine.send(None)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        coroutine.close()


def test_an_exception_keeps_its_traceback_and_context(call: Callable[[Any], Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            raise KeyError("cause")
        except KeyError:
            raise Failure from None

    with pytest.raises(Failure) as raised:
        call(app).send(None)
    assert isinstance(raised.value.__context__, KeyError)
    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "app"


def test_an_exception_survives_a_route_that_raises(agent: Agent) -> None:
    class Broken:
        @property
        def path(self) -> str:
            raise KeyError("path")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Failure

    with pytest.raises(Failure) as raised:
        Middleware(app, agent)(scope_of(route=Broken()), receive, send).send(None)
    assert raised.value.__context__ is None


class Countdown:
    """An iterator that is no generator: it has neither send nor throw nor close."""

    def __init__(self, awaited: object) -> None:
        self.left = 2

    def __iter__(self) -> Countdown:
        return self

    def __next__(self) -> int:
        if self.left == 0:
            raise StopIteration("done")
        self.left -= 1
        return self.left


class WithIterator:
    def __await__(self) -> Countdown:
        return Countdown(self)


def test_an_app_may_return_any_awaitable(agent: Agent, call: Callable[[Any], Any]) -> None:
    assert list(call(lambda *_: WithIterator())) == [1, 0]
    assert run(call(functools.partial(answer))) is None

    coroutine = call(lambda *_: WithIterator())
    coroutine.send(None)
    with pytest.raises(Failure, match="no"):
        coroutine.throw(Failure, "no")
    with pytest.raises(TypeError, match="BaseException"):
        call(lambda *_: WithIterator()).throw(7)
    call(lambda *_: WithIterator()).close()
    assert recorded(agent)["in_flight"] == 0

    async def main() -> object:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 7)
        return await call(lambda *_: future)

    assert asyncio.run(main()) == 7


class NoIterator:
    def __await__(self) -> Any:
        return 7


@pytest.mark.parametrize(
    ("returned", "words"),
    [(None, "can't be used in 'await'"), (iter(()), "can't be used in 'await'"), (NoIterator(), "non-iterator")],
)
def test_what_cannot_be_awaited_fails_where_it_is_awaited(
    agent: Agent, call: Callable[[Any], Any], returned: object, words: str
) -> None:
    coroutine = call(lambda *_: returned)
    with pytest.raises(TypeError, match=words):
        coroutine.send(None)
    assert recorded(agent)["errors_total"] == 1
    assert recorded(agent)["in_flight"] == 0


def test_debuggers_find_the_app_in_it(call: Callable[[Any], Any]) -> None:
    inner = Suspension()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner

    coroutine = call(app)
    coroutine.send(None)
    assert coroutine.__name__ == "app"
    assert coroutine.__qualname__.endswith("<locals>.app")
    assert coroutine.cr_code is app.__code__
    assert coroutine.cr_frame.f_code is app.__code__
    assert coroutine.cr_await is not None
    assert coroutine.cr_origin is None
    coroutine.close()
    assert coroutine.cr_frame is None
    assert coroutine.__name__ == "AsgiCall"


@pytest.mark.parametrize(
    "ask",
    [
        lambda app: app(scope_of(), receive, send),
        lambda app: app(scope=scope_of(), receive=receive, send=send),
        lambda app: app(scope_of(), send=send, receive=receive),
        lambda app: app.__call__(scope_of(), receive, send),
    ],
    ids=["by position", "by name", "mixed", "its method"],
)
def test_it_is_called_as_servers_do(agent: Agent, ask: Callable[[Any], Any]) -> None:
    run(ask(Middleware(answer, agent)))
    run(ask(Middleware(answer, agent)))
    assert recorded(agent)["requests_total"] == 2


@pytest.mark.parametrize(
    "ask",
    [
        lambda app: app(scope_of()),
        lambda app: app(scope_of(), receive),
        lambda app: app(scope_of(), receive, send, 1),
        lambda app: app(scope_of(), receive, sent=send),
        lambda app: app(scope_of(), receive, scope=send),
    ],
)
def test_other_calls_are_refused(agent: Agent, ask: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="scope, receive and send"):
        ask(Middleware(answer, agent))


def test_servers_tell_it_as_asgi_3(agent: Agent) -> None:
    middleware = Middleware(answer, agent)
    assert inspect.iscoroutinefunction(middleware.__call__)
    assert not inspect.isclass(middleware)
    assert middleware.app is answer


def test_no_class_can_be_made_from_it() -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Own", (Middleware,), {})


def test_a_middleware_that_nobody_holds_is_collected(agent: Agent) -> None:
    def count() -> int:
        gc.collect()
        return sum(type(one) is Middleware for one in gc.get_objects())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, send)

    before = count()
    middleware = Middleware(app, agent)
    app.middleware = middleware  # type: ignore[attr-defined]
    run(middleware(scope_of(), receive, send))
    assert count() == before + 1
    del app, middleware
    assert count() == before


def request_many(middleware: Middleware, times: int, scope: dict[str, Any]) -> None:
    for _ in range(times):
        with contextlib.suppress(StopIteration, Failure):
            middleware(scope, receive, send).send(None)


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    raise Failure


@pytest.mark.parametrize("app", [answer, fail])
def test_memory_and_reference_counts_stay_flat(agent: Agent, app: Callable[..., Awaitable[None]]) -> None:
    class Route:
        path = "/a/{id}"

    scope = scope_of(route=Route())
    middleware = Middleware(app, agent)
    request_many(middleware, 1000, scope)
    assert middleware._recorder is not None
    held = [scope, scope["route"], receive, send, START, BODY, app, middleware, middleware._recorder, Route]

    def measure() -> list[int]:
        gc.collect()
        alive = sum(type(one).__name__ in {"AsgiCall", "AsgiSend"} for one in gc.get_objects())
        return [alive, *(sys.getrefcount(one) for one in held)]

    counts, blocks = measure(), sys.getallocatedblocks()
    request_many(middleware, 100_000, scope)
    assert measure() == counts
    assert sys.getallocatedblocks() - blocks < 100


def test_many_requests_at_once_outgrow_what_is_kept_for_the_next(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Suspension()
        await answer(scope, receive, send)

    middleware = Middleware(app, agent)
    for _ in range(3):
        calls = [middleware(scope_of(), receive, send) for _ in range(100)]
        for one in calls:
            one.send(None)  # type: ignore[attr-defined]
        assert recorded(agent)["in_flight"] == 100
        for one in calls:
            run(one)
    assert recorded(agent)["requests_total"] == 300
    assert recorded(agent)["in_flight"] == 0


def test_it_holds_when_the_collector_always_runs(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["kept"] = [scope, send]
        await Suspension()
        await answer(scope, receive, send)

    middleware = Middleware(app, agent)
    thresholds = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for i in range(2000):
            call: Any = middleware(scope_of(call=[]), receive, send)
            call.send(None)
            if i % 2:
                run(call)
            else:
                del call
    finally:
        gc.set_threshold(*thresholds)
    assert recorded(agent)["requests_total"] == 2000
    assert recorded(agent)["in_flight"] == 0
