"""The middleware: what it records in every way a request can end, and that it changes nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http
import itertools
import os
import time
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from selfscale import Agent
from selfscale.integrations import asgi
from selfscale.integrations.asgi import Application, Message, Middleware, Receive, Scope, Send
from selfscale.testing import Distribution, recorded

START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]}
BODY: Message = {"type": "http.response.body", "body": b"done"}


def scope_of(**more: Any) -> dict[str, Any]:
    return {"type": "http", "http_version": "1.1", "method": "GET", "path": "/a/1", "headers": [], **more}


class Client:
    """Serves one request to an application, and keeps what the server got."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.sent: list[Message] = []

    async def get(self, **more: Any) -> list[Message]:
        await self.app(scope_of(**more), self.receive, self.send)
        return self.sent

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


class Recorded:
    """What an agent's requests have added up to."""

    def __init__(self, agent: Agent) -> None:
        seen = recorded(agent)
        self.requests = seen["requests_total"]
        self.errors = seen["errors_total"]
        self.in_flight = seen["in_flight"]
        timed = seen["response_time"]
        assert isinstance(timed, Distribution)
        self.timed = timed.count


@pytest.fixture
def serve(agent: Agent) -> Callable[..., Recorded]:
    """Serve one request and return what was recorded; exceptions of the application's are expected."""

    def run(app: Application, raises: type[BaseException] | None = None, **scope: Any) -> Recorded:
        client = Client(Middleware(app, agent))
        if raises is None:
            asyncio.run(client.get(**scope))
        else:
            with pytest.raises(raises):
                asyncio.run(client.get(**scope))
        return Recorded(agent)

    return run


def assert_recorded(seen: Recorded, *, errors: int, timed: int = 1) -> None:
    assert (seen.requests, seen.errors, seen.in_flight, seen.timed) == (1, errors, 0, timed)


def answering(status: object, *bodies: Message) -> Application:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        for body in bodies or (BODY,):
            await send(body)

    return app


@pytest.mark.parametrize(
    ("status", "errors"), [(200, 0), (404, 0), (499, 0), (500, 1), (503, 1), (http.HTTPStatus.BAD_GATEWAY, 1)]
)
def test_a_whole_answer_is_counted_by_its_status(serve: Callable[..., Recorded], status: object, errors: int) -> None:
    assert_recorded(serve(answering(status)), errors=errors)


def test_a_stream_is_timed_to_its_last_byte(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        assert Recorded(agent).requests == 0
        await send({"type": "http.response.body", "body": b"2", "more_body": False})
        assert Recorded(agent).timed == 1
        assert Recorded(agent).in_flight == 1

    asyncio.run(Client(Middleware(app, agent)).get())
    assert_recorded(Recorded(agent), errors=0)


def test_an_app_may_keep_send_in_its_scope(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["kept"] = send
        await send(START)
        await send(BODY)

    class Holder(dict[str, Any]):
        pass

    scope = Holder(scope_of())
    gone = weakref.ref(scope)
    client = Client(app)
    asyncio.run(Middleware(app, agent)(scope, client.receive, client.send))
    del scope
    gc.collect()
    assert gone() is None
    assert Recorded(agent).in_flight == 0


def test_messages_pass_through_untouched(agent: Agent) -> None:
    odd: list[Message] = [
        {"type": "http.response.debug", "info": {}},
        START,
        {"type": "http.response.body", "body": b"1", "more_body": True},
        {"type": "http.response.trailers", "headers": []},
        BODY,
    ]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in odd:
            assert await send(message) is None

    sent = asyncio.run(Client(Middleware(app, agent)).get())
    assert all(a is b for a, b in zip(sent, odd, strict=True))


@pytest.mark.parametrize("message", [None, "text", 7, {}, {"type": None}, {"type": "http.response.start"}])
def test_what_is_no_message_is_passed_on_for_the_server_to_judge(agent: Agent, message: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(message)

    assert asyncio.run(Client(Middleware(app, agent)).get()) == [message]


def test_send_takes_keywords_as_the_servers_own_does(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Any) -> None:
        await send(message=START)
        await send(message=BODY)

    assert asyncio.run(Client(Middleware(app, agent)).get()) == [START, BODY]


def test_unknown_kinds_pass_untouched(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    def returning(*connection: object) -> Any:
        served.append(connection)
        return result

    served: list[object] = []
    result = app({}, Client(app).receive, Client(app).send)
    connection: Any = ({"type": "something.new"}, Client(app).receive, Client(app).send)
    assert Middleware(returning, agent)(*connection) is result
    assert served == [connection]
    asyncio.run(result)  # type: ignore[arg-type]


def lifespan(app: Application, agent: Agent) -> list[Message]:
    client = Client(app)
    asyncio.run(Middleware(app, agent)({"type": "lifespan"}, client.receive, client.send))
    return client.sent


def test_the_apps_own_lifespan_is_kept(agent: Agent) -> None:
    ran = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ran.append("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ran.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    sent = lifespan(app, agent)
    assert ran == ["startup", "shutdown"]
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert agent.is_running


def test_an_app_without_lifespan_says_so_itself(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    with pytest.raises(AssertionError):
        lifespan(app, agent)


def test_the_first_request_starts_the_agent(agent: Agent) -> None:
    middleware = Middleware(answering(200), agent)
    assert not agent.is_running
    asyncio.run(Client(middleware).get())
    assert agent.is_running


def test_a_policy_that_is_wrong_costs_the_app_nothing(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent('{"policies": 7}', environment=environment)
    assert asyncio.run(Client(Middleware(answering(200), agent)).get())[1] == BODY
    assert "could not start" in caplog.text
    assert Recorded(agent).requests == 1


@pytest.mark.parametrize("name", ["requests_total", "event_loop_lag"])
def test_a_metric_of_the_apps_under_a_name_of_ours_costs_the_app_nothing(
    agent: Agent, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    agent.gauge(name).set(3)
    middleware = Middleware(answering(200), agent)
    assert [asyncio.run(Client(middleware).get())[1] for _ in range(2)] == [BODY, BODY]
    assert f'metric "{name}" is a gauge already' in caplog.text


OVERFLOW = "otel_metric_overflow=true"


class Route:
    def __init__(self, path: object) -> None:
        self.path = path


def test_routes_are_labelled_by_their_template(agent: Agent) -> None:
    middleware = Middleware(answering(500), agent)
    route = Route("/a/{id}")
    for _ in range(3):
        asyncio.run(Client(middleware).get(route=route))
    asyncio.run(Client(middleware).get(route=Route("/a/{id}"), method="POST"))
    seen = recorded(agent)
    assert seen["requests_total{route=/a/{id},method=GET,status=500}"] == 3
    assert seen["errors_total{route=/a/{id},method=GET}"] == 3
    assert seen["requests_total{route=/a/{id},method=POST,status=500}"] == 1
    assert seen["requests_total"] == 4


@pytest.mark.parametrize("route", [None, Route(None), Route(""), Route(7), object()])
def test_the_raw_path_is_never_a_label(agent: Agent, route: object) -> None:
    asyncio.run(Client(Middleware(answering(200), agent)).get(route=route))
    assert by_labels(agent) == {"route=,method=GET,status=200": 1}


def by_labels(agent: Agent) -> dict[str, int]:
    """The requests of each label set."""
    name = "requests_total{"
    return {key[len(name) : -1]: int(count) for key, count in recorded(agent).items() if key.startswith(name)}


@pytest.mark.parametrize(
    ("status", "label"),
    [
        *((status, str(int(status))) for status in (100, 204, 599, http.HTTPStatus.CONFLICT)),
        *((status, "other") for status in (99, 600, -1, 2**40, "200", None)),
    ],
)
def test_a_request_is_labelled_by_its_status(agent: Agent, status: object, label: str) -> None:
    with contextlib.suppress(Exception):
        asyncio.run(Client(Middleware(answering(status), agent)).get())
    assert by_labels(agent) == {f"route=,method=GET,status={label}": 1}


def test_an_app_that_fails_before_its_answer_is_labelled_by_what_its_server_answers(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(Client(Middleware(app, agent)).get())
    assert by_labels(agent) == {"route=,method=GET,status=500": 1}


def test_an_app_that_fails_in_the_midst_of_its_answer_keeps_its_status(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(Client(Middleware(app, agent)).get())
    assert by_labels(agent) == {"route=,method=GET,status=200": 1}
    assert recorded(agent)["errors_total{route=,method=GET}"] == 1


def test_a_request_whose_client_left_before_the_answer_has_no_status(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Client(Middleware(app, agent)).get())
    assert by_labels(agent) == {"route=,method=GET,status=other": 1}


def test_labels_stay_bounded_and_add_up_to_all_requests(agent: Agent) -> None:
    answers = itertools.cycle(range(200, 600))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(next(answers))(scope, receive, send)

    middleware = Middleware(app, agent)

    async def many() -> None:
        for i in range(300):
            await Client(middleware).get(route=Route(f"/{i}"), method=f"M{i}")
        for _ in range(600):
            await Client(middleware).get()

    asyncio.run(many())
    labelled = by_labels(agent)
    assert len(labelled) == 129  # a counter's most, and what stands for all further ones
    assert all("method=other" in labels or "method=GET" in labels for labels in set(labelled) - {OVERFLOW})
    assert labelled[OVERFLOW] > 0
    assert sum(labelled.values()) == recorded(agent)["requests_total"] == 900


def test_requests_without_a_route_stand_beside_those_that_have_one(agent: Agent) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(200 if "route" in scope else 404)(scope, receive, send)

    middleware = Middleware(app, agent)
    asyncio.run(Client(middleware).get(route=Route("/a/{id}")))
    for _ in range(2):
        asyncio.run(Client(middleware).get())
    assert by_labels(agent) == {"route=/a/{id},method=GET,status=200": 1, "route=,method=GET,status=404": 2}
    timed = recorded(agent)["response_time{route=,method=GET}"]
    assert isinstance(timed, Distribution)
    assert timed.count == 2


def test_a_route_whose_labels_are_too_long_is_counted_beside(agent: Agent) -> None:
    middleware = Middleware(answering(200), agent)
    asyncio.run(Client(middleware).get(route=Route("/" + 600 * "a")))
    asyncio.run(Client(middleware).get(route=Route("/" + 470 * "a")))  # too long with the status alone
    assert by_labels(agent) == {OVERFLOW: 2}


def test_a_route_that_raises_is_none(agent: Agent) -> None:
    class Broken:
        @property
        def path(self) -> str:
            raise RuntimeError

    sent = asyncio.run(Client(Middleware(answering(200), agent)).get(route=Broken()))
    assert len(sent) == 2


@pytest.mark.parametrize("name", [b"x-request-start", b"x-queue-start"])
def test_the_time_in_the_proxys_queue_is_recorded(agent: Agent, name: bytes) -> None:
    start = f"t={time.time() - 2:.3f}".encode()
    asyncio.run(Client(Middleware(answering(200), agent)).get(headers=[(b"host", b"x"), (name, start)]))
    waited = recorded(agent)["request_queue_time"]
    assert isinstance(waited, Distribution)
    assert waited.count == 1
    assert 1.99 < waited.sum < 60  # the header is in whole milliseconds


def test_the_request_start_wins_over_the_queue_start(agent: Agent) -> None:
    now = time.time()
    headers = [
        (b"x-queue-start", f"{now - 300:.3f}".encode()),
        (b"x-request-start", f"{now - 2:.3f}".encode()),
    ]
    asyncio.run(Client(Middleware(answering(200), agent)).get(headers=headers))
    waited = recorded(agent)["request_queue_time"]
    assert isinstance(waited, Distribution)
    assert waited.sum < 200


def test_a_start_that_cannot_be_true_is_counted_and_dropped(agent: Agent) -> None:
    headers = [(b"x-request-start", b"t=1")]
    asyncio.run(Client(Middleware(answering(200), agent)).get(headers=headers))
    assert recorded(agent)["request_start_refused_total"] == 1
    assert recorded(agent)["request_queue_time"] == Distribution(0, 0.0)


@pytest.mark.parametrize("headers", [None, 7, [7], [(b"x-request-start",)], [("x-request-start", "1")], ()])
def test_headers_of_any_shape_pass(agent: Agent, headers: Any) -> None:
    assert len(asyncio.run(Client(Middleware(answering(200), agent)).get(headers=headers))) == 2


def closes(message: Message) -> bool:
    return (b"connection", b"close") in message["headers"]


def test_now_and_then_a_supervised_worker_closes_a_connection(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSCALE_SUPERVISED", "1")
    middleware = Middleware(answering(200), agent)

    async def many(**scope: Any) -> list[bool]:
        return [closes((await Client(middleware).get(**scope))[0]) for _ in range(100)]

    assert sum(asyncio.run(many())) == 2
    assert sum(asyncio.run(many(http_version="2"))) == 0


def test_a_worker_that_nobody_supervises_closes_none(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SELFSCALE_SUPERVISED", raising=False)
    middleware = Middleware(answering(200), agent)

    async def many() -> list[bool]:
        return [closes((await Client(middleware).get())[0]) for _ in range(100)]

    assert not any(asyncio.run(many()))


@pytest.mark.parametrize("headers", [{"headers": ((b"a", b"b"),)}, {"headers": []}, {}])
def test_a_draining_worker_closes_every_connection(agent: Agent, headers: dict[str, Any]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, **headers})
        await send(BODY)

    middleware = Middleware(app, agent)

    async def drain_and_ask() -> Message:
        await Client(middleware).get()
        assert middleware._recorder is not None
        middleware._recorder.drain()
        return (await Client(middleware).get())[0]

    assert asyncio.run(drain_and_ask())["headers"] == [*headers.get("headers", ()), (b"connection", b"close")]


def test_a_readable_drain_descriptor_drains_once() -> None:
    reader, writer = os.pipe()
    drained: list[bool] = []
    said: list[str] = []
    native = SimpleNamespace(drain_descriptor=lambda: reader, report_drains=lambda: said.append("drains"))
    fake_agent: Any = SimpleNamespace(_native=native)
    fake_recorder: Any = SimpleNamespace(drain=lambda: drained.append(True))

    async def wait() -> None:
        asgi._watch_drain(fake_agent, fake_recorder)
        os.write(writer, b"x")
        while not drained:
            await asyncio.sleep(0)
        assert not asyncio.get_running_loop().remove_reader(reader), "it watches no longer"

    asyncio.run(wait())
    os.close(reader)
    os.close(writer)
    assert drained == [True]
    assert said == ["drains"]
