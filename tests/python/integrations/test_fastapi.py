"""instrument(): one line, the app's own routes and lifespan first."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

import httpx
from fastapi import APIRouter, FastAPI, HTTPException, WebSocket
from selfscale import Agent
from selfscale.integrations.asgi import Message, Middleware
from selfscale.integrations.fastapi import instrument
from selfscale.testing import recorded
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # newer versions of Starlette would rather have another client
    from fastapi.testclient import TestClient


async def bare_app(scope: Any, receive: Any, send: Any) -> None:
    """An application of ASGI, and no more."""


def client_of(app: Any) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def app(agent: Agent) -> FastAPI:
    app = FastAPI()
    instrument(app, agent=agent)

    @app.get("/users/{user}")
    async def read_user(user: int) -> dict[str, int]:
        if user == 13:
            raise HTTPException(503)
        if user == 14:
            raise RuntimeError
        return {"user": user}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    return app


def test_requests_are_measured_by_template(app: FastAPI, agent: Agent) -> None:
    client = client_of(app)
    statuses = [client.get(path).status_code for path in ("/users/1", "/users/2", "/users/13", "/users/14", "/none")]
    assert statuses == [200, 200, 503, 500, 404]
    assert client.get("/stream").text == "ab"
    seen = recorded(agent)
    assert seen["requests_total"] == 6
    assert seen["errors_total"] == 2
    assert seen["in_flight"] == 0
    by_status = {
        status: seen[f"requests_total{{route=/users/{{user}},method=GET,status={status}}}"] for status in statuses[:4]
    }
    assert by_status == {200: 2, 503: 1, 500: 1}
    assert seen["requests_total{route=,method=GET,status=404}"] == 1
    assert seen["errors_total{route=/users/{user},method=GET}"] == 2
    assert not [name for name in seen if "/users/1" in name or "/none" in name]


def test_an_included_router_has_its_whole_template(app: FastAPI, agent: Agent) -> None:
    router = APIRouter()

    @router.get("/{item}")
    async def read_item(item: str) -> str:
        return item

    app.include_router(router, prefix="/items")
    assert client_of(app).get("/items/7").status_code == 200
    assert recorded(agent)["requests_total{route=/items/{item},method=GET,status=200}"] == 1


def test_instrumenting_twice_measures_once(app: FastAPI, agent: Agent) -> None:
    instrument(app, agent=agent)
    client_of(app).get("/users/1")
    assert recorded(agent)["requests_total"] == 1


def test_the_apps_lifespan_runs_and_the_agent_with_it(agent: Agent) -> None:
    ran: list[object] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        ran.append(agent.is_running)
        yield
        ran.append("shutdown")

    app = FastAPI(lifespan=lifespan)
    instrument(app, agent=agent)
    assert not agent.is_running
    with client_of(app):
        pass
    assert ran == [True, "shutdown"]


@pytest.mark.parametrize("path", ["/health", "/api/health"])
def test_liveness_asks_nothing(app: FastAPI, path: str) -> None:
    answer = client_of(app).get(path)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert set(answer.json()) == {"status", "timestamp", "uptime"}
    stamp = answer.json()["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp), "RFC 3339"
    said = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    assert abs((datetime.now(timezone.utc) - said).total_seconds()) < 3600, "the time of now"


@pytest.mark.parametrize("path", ["/ready", "/health/ready"])
def test_readiness_asks_the_checks(agent: Agent, path: str) -> None:
    broken: list[str] = []

    async def database() -> None:
        if broken:
            raise ConnectionError(broken[0])

    app = FastAPI()
    instrument(app, agent=agent, checks={"database": database, "cache": lambda: True})
    assert client_of(app).get(path).json() == {
        "status": "ready",
        "database": "connected",
        "cache": "connected",
    }
    broken.append("refused by db.internal for the user shop")
    answer = client_of(app).get(path)
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "error": "database: ConnectionError"}


def test_the_words_of_a_check_are_logged_when_they_change_and_told_to_nobody(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    says: list[str] = ["no route to db.internal"]

    def database() -> None:
        if says:
            raise ConnectionError(says[0])

    app = FastAPI()
    instrument(app, agent=agent, checks={"database": database})
    client = client_of(app)
    answers = [client.get("/ready").text for _ in range(3)]
    says[0] = "the password of shop is wrong"
    answers.append(client.get("/ready").text)
    says.clear()
    answers.append(client.get("/ready").text)
    says.append("no route to db.internal")
    answers.append(client.get("/ready").text)
    assert not [answer for answer in answers if "db.internal" in answer or "shop" in answer]
    assert [record.getMessage() for record in caplog.records if record.name == "selfscale"] == [
        "not ready: the check database: ConnectionError: no route to db.internal",
        "not ready: the check database: ConnectionError: the password of shop is wrong",
        "not ready: the check database: ConnectionError: no route to db.internal",
    ]


def test_of_a_check_that_says_false_that_is_told(agent: Agent) -> None:
    app = FastAPI()
    instrument(app, agent=agent, checks={"queue": lambda: False})
    assert client_of(app).get("/ready").json()["error"] == "queue: returned False"


async def ping(_: int) -> bool:
    return True


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"app": None}, TypeError, "app is None; a FastAPI or Starlette application is needed"),
        ({"app": "app:app"}, TypeError, "app is 'app:app'; a FastAPI or Starlette application is needed"),
        ({"app": FastAPI}, TypeError, "app is the class FastAPI; a FastAPI or Starlette application is needed"),
        ({"app": bare_app}, TypeError, "selfscale.integrations.asgi.Middleware"),
        ({"agent": "web"}, TypeError, "agent is 'web'; what selfscale.start() returns is needed"),
        ({"checks": [ping]}, TypeError, "a dict of functions by name is needed"),
        ({"checks": {"db": 5}}, TypeError, "the check 'db' is 5; a function is needed, which is called without"),
        ({"checks": {"db": ping}}, TypeError, "the check 'db' is called without arguments, and is <function ping"),
        ({"checks": {5: dict}}, TypeError, "a check has the name 5; a text is needed"),
        ({"metrics_path": "metrics"}, ValueError, "'metrics' does not"),
        ({"metrics_path": True}, TypeError, "the path of the metrics is True; a text is needed"),
    ],
)
def test_a_mistake_is_an_error_of_the_call_and_leaves_the_app_as_it_was(
    agent: Agent, given: dict[str, Any], kind: type[Exception], words: str
) -> None:
    app = FastAPI()
    with pytest.raises(kind) as caught:
        instrument(**{"app": app, "agent": agent, **given})
    assert words in str(caught.value)
    instrument(app, agent=agent, metrics_path="/metrics")
    assert client_of(app).get("/health").status_code == 200
    assert client_of(app).get("/metrics").status_code == 200


def test_startup_has_a_route(app: FastAPI) -> None:
    assert client_of(app).get("/health/startup").status_code == 200


@pytest.mark.parametrize("added", ["before", "after"])
def test_the_apps_own_health_route_wins(agent: Agent, added: str) -> None:
    app = FastAPI()

    def add() -> None:
        @app.get("/health")
        async def own() -> str:
            return "mine"

    if added == "before":
        add()
    instrument(app, agent=agent)
    if added == "after":
        add()
    client = client_of(app)
    assert client.get("/health").json() == "mine"
    assert client.get("/api/health").json()["status"] == "ok"


def test_a_route_of_the_apps_for_another_method_wins_too(agent: Agent) -> None:
    app = FastAPI()
    instrument(app, agent=agent)

    @app.post("/health")
    async def own() -> str:
        return "mine"

    assert client_of(app).get("/health").status_code == 405


def test_health_routes_answer_get_and_head_alone(app: FastAPI) -> None:
    assert client_of(app).head("/health").text == ""
    assert client_of(app).head("/health").status_code == 200
    assert client_of(app).post("/health").status_code == 404


def test_health_routes_are_in_no_schema(app: FastAPI) -> None:
    assert "/health" not in client_of(app).get("/openapi.json").json()["paths"]


def test_web_sockets_are_no_requests(app: FastAPI, agent: Agent) -> None:
    @app.websocket("/socket")
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    with client_of(app).websocket_connect("/socket") as socket:
        assert socket.receive_text() == "hello"
    assert recorded(agent)["requests_total"] == 0
    assert recorded(agent)["websockets_total"] == 1


def test_the_test_client_serves_the_middleware_itself(agent: Agent) -> None:
    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    client = client_of(Middleware(Starlette(routes=[Route("/", page)]), agent))
    with client:
        assert client.get("/").text == "page"
    assert recorded(agent)["requests_total{route=/,method=GET,status=200}"] == 1


def test_a_mounted_app_has_health_routes_below_its_path(agent: Agent) -> None:
    inner = FastAPI()
    instrument(inner, agent=agent)
    outer = Starlette(routes=[Mount("/api2", app=inner), Route("/", lambda _: PlainTextResponse("outer"))])
    client = client_of(outer)
    assert client.get("/api2/health").json()["status"] == "ok"
    assert client.get("/health").status_code == 404


async def endless(_: Any) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0)

    return StreamingResponse(parts())


async def breaking(_: Any) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"x"
        raise RuntimeError

    return StreamingResponse(parts())


def scope_of(path: str, spec_version: str) -> dict[str, Any]:
    asgi = {"version": "3.0", "spec_version": spec_version}
    return {"type": "http", "asgi": asgi, "method": "GET", "path": path, "headers": [], "query_string": b""}


@pytest.mark.parametrize(
    ("path", "spec_version", "errors"),
    [("/endless", "2.3", 0), ("/endless", "2.4", 1), ("/breaking", "2.3", 1), ("/breaking", "2.4", 1)],
    ids=["the client leaves, and receive() says so", "the client leaves, and send() raises", "it raises", "it raises"],
)
def test_a_stream_that_ends_early_leaves_nothing_in_flight(
    agent: Agent, path: str, spec_version: str, errors: int
) -> None:
    app = Middleware(Starlette(routes=[Route("/endless", endless), Route("/breaking", breaking)]), agent)
    has_left = asyncio.Event()

    async def receive() -> Message:
        await has_left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if path == "/endless" and message["type"] == "http.response.body":
            if spec_version == "2.4":
                raise OSError
            has_left.set()

    async def run() -> None:
        with contextlib.suppress(Exception):
            await app(scope_of(path, spec_version), receive, send)
        seen = recorded(agent)
        assert (seen["requests_total"], seen["errors_total"], seen["in_flight"]) == (1, errors, 0)

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


@pytest.mark.parametrize("times", [1, 2])
def test_a_request_of_a_mounted_app_counts_once(agent: Agent, times: int) -> None:
    inner = FastAPI()

    @inner.get("/users/{user}")
    async def read_user(user: int) -> int:
        return user

    outer = Starlette(routes=[Mount("/api", app=inner)])
    for app in (outer, inner):
        instrument(app, agent=agent)
    client = client_of(outer)
    for user in range(times):
        assert client.get(f"/api/users/{user}").status_code == 200
    assert recorded(agent)["requests_total"] == times
    assert recorded(agent)["requests_total{route=/users/{user},method=GET,status=200}"] == times
    assert recorded(agent)["in_flight"] == 0


def test_a_mounted_app_of_another_agent_counts_for_both(agent: Agent, environment: dict[str, str]) -> None:
    other = Agent(service="other", environment=environment)
    inner = Middleware(Starlette(routes=[Route("/", lambda _: PlainTextResponse("inner"))]), other)
    outer = Middleware(Starlette(routes=[Mount("/api", app=inner)]), agent)
    assert client_of(outer).get("/api/").text == "inner"
    assert recorded(agent)["requests_total"] == recorded(other)["requests_total"] == 1
    other.stop()


def test_an_app_that_asks_another_in_its_process_makes_two_requests(agent: Agent) -> None:
    inner = Middleware(Starlette(routes=[Route("/", lambda _: PlainTextResponse("inner"))]), agent)

    async def ask(_: Any) -> PlainTextResponse:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url="http://inner") as client:
            return PlainTextResponse((await client.get("/")).text)

    outer = Middleware(Starlette(routes=[Route("/", ask)]), agent)
    assert client_of(outer).get("/").text == "inner"
    assert recorded(agent)["requests_total"] == 2


def test_starlette_is_instrumented_alike(agent: Agent) -> None:
    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse(request.path_params["page"])

    app = Starlette(routes=[Route("/pages/{page}", page)])
    instrument(app, agent=agent)
    client = client_of(app)
    assert client.get("/pages/one").text == "one"
    assert client.get("/health").json()["status"] == "ok"
    assert recorded(agent)["requests_total"] == 2
