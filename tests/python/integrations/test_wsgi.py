"""The WSGI middleware: what it records in every way a request can end, and that it changes nothing else."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import time
import wsgiref.util
import wsgiref.validate
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from selfscale import Agent
from selfscale.integrations.wsgi import Application, Environ, Middleware, StartResponse
from selfscale.testing import Distribution, recorded

HEADERS = [("Content-Type", "text/plain")]


class Failure(Exception):
    """What apps raise here."""


def environ_of(**more: Any) -> Environ:
    environ: Environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": "", **more}
    wsgiref.util.setup_testing_defaults(environ)
    return environ


class Server:
    """Serves one request, as PEP 3333 has servers do it."""

    def __init__(self) -> None:
        self.status = ""
        self.sent: list[bytes] = []

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info is not None and self.sent:
            raise exc_info[1]
        self.status = status
        return self.sent.append

    def serve(self, app: Application, environ: Environ | None = None, parts: int | None = None) -> bytes:
        """Serve the whole answer, or leave after some of its parts."""
        body = app(environ or environ_of(), self.start_response)
        try:
            for part in body:
                self.sent.append(part)
                if len(self.sent) == parts:
                    break
        finally:
            if hasattr(body, "close"):
                body.close()
        return b"".join(self.sent)


class Counts:
    """What an agent's requests add up to."""

    def __init__(self, requests: int = 0, errors: int = 0, timed: int = 0, in_flight: int = 0) -> None:
        self.values = requests, errors, timed, in_flight

    @classmethod
    def of(cls, agent: Agent) -> Counts:
        seen: dict[str, Any] = recorded(agent)
        return cls(seen["requests_total"], seen["errors_total"], seen["response_time"].count, int(seen["in_flight"]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return "requests {}, errors {}, timed {}, in flight {}".format(*self.values)


SUCCESS = Counts(requests=1, timed=1)
ERROR = Counts(requests=1, errors=1, timed=1)
CUT = Counts(requests=1)


def answering(status: str, *parts: bytes) -> Application:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, HEADERS)
        return list(parts)

    return app


def stream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", HEADERS)
    yield b"a"
    yield b"b"


def write(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEADERS)(b"a")
    return [b"b"]


def fail(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise Failure


def fail_after_start(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEADERS)
    raise Failure


def fail_in_mid_stream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    yield from stream(environ, start_response)
    raise Failure


def fail_and_say_so(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", HEADERS)
    try:
        raise Failure
    except Failure:
        start_response("500 Internal Server Error", HEADERS, sys.exc_info())
    yield b"failed"


def fail_too_late(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    yield from stream(environ, start_response)
    try:
        raise Failure
    except Failure:
        start_response("500 Internal Server Error", HEADERS, sys.exc_info())


def give_up(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise SystemExit  # as gunicorn ends a worker that takes too long


def say_nothing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return []


class FailingToClose:
    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a"])

    def close(self) -> None:
        raise Failure


def fail_when_closed(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEADERS)
    return FailingToClose()


ENDINGS: dict[str, tuple[Application, type[BaseException] | None, Counts]] = {
    "an answer": (answering("200 OK", b"a"), None, SUCCESS),
    "no body": (answering("204 No Content"), None, SUCCESS),
    "404": (answering("404 Not Found", b"a"), None, SUCCESS),
    "503": (answering("503 Service Unavailable", b"a"), None, ERROR),
    "a stream": (stream, None, SUCCESS),
    "written": (write, None, SUCCESS),
    "an exception": (fail, Failure, ERROR),
    "an exception after the start": (fail_after_start, Failure, ERROR),
    "an exception in mid-stream": (fail_in_mid_stream, Failure, ERROR),
    "an exception that the app answers": (fail_and_say_so, None, ERROR),
    "an exception that the app would answer too late": (fail_too_late, Failure, ERROR),
    "an end of the process": (give_up, SystemExit, CUT),
    "an exception of close() after the answer": (fail_when_closed, Failure, SUCCESS),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_ending_is_recorded_once_and_leaves_nothing_in_flight(agent: Agent, ending: str) -> None:
    app, raises, expected = ENDINGS[ending]
    if raises is None:
        Server().serve(Middleware(app, agent))
    else:
        with pytest.raises(raises):
            Server().serve(Middleware(app, agent))
    assert Counts.of(agent) == expected


def test_a_client_that_leaves_cuts_the_request(agent: Agent) -> None:
    assert Server().serve(Middleware(stream, agent), parts=1) == b"a"
    assert Counts.of(agent) == CUT


def test_an_app_that_never_starts_its_answer_is_an_error(agent: Agent) -> None:
    Middleware(say_nothing, agent)(environ_of(), Server().start_response).close()  # type: ignore[attr-defined]
    assert Counts.of(agent).values[:2] == (1, 1)


def test_a_request_is_in_flight_until_its_answer_is_closed(agent: Agent) -> None:
    body: Any = Middleware(stream, agent)(environ_of(), Server().start_response)
    assert Counts.of(agent) == Counts(in_flight=1)
    assert list(body) == [b"a", b"b"]
    assert Counts.of(agent) == Counts(requests=1, timed=1, in_flight=1)
    body.close()
    body.close()
    assert Counts.of(agent) == SUCCESS


def test_an_answer_that_is_dropped_leaves_nothing_in_flight(agent: Agent) -> None:
    body = Middleware(stream, agent)(environ_of(), Server().start_response)
    next(iter(body))
    del body
    gc.collect()
    assert Counts.of(agent) == CUT


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("app", [answering("200 OK", b"a"), stream, write, fail_and_say_so])
def test_it_keeps_the_rules_of_wsgi_to_both_sides(agent: Agent, app: Application) -> None:
    validated = wsgiref.validate.validator
    checked: Any = validated(Middleware(validated(app), agent))
    server = Server()
    assert server.serve(checked) == b"".join(parts_of(app))


def parts_of(app: Application) -> list[bytes]:
    bare = Server()
    bare.serve(app)
    return bare.sent


def test_the_app_gets_what_the_server_gave(agent: Agent) -> None:
    seen: list[object] = []
    server = Server()

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ)
        seen.append(start_response("200 OK", HEADERS, None))
        return [b"a"]

    environ = environ_of()
    body: Any = Middleware(app, agent)(environ, server.start_response)
    assert seen == [environ, server.sent.append]
    assert len(body) == 1, "a server knows the length of an answer in one part"
    body.close()
    with pytest.raises(TypeError):
        len(Middleware(stream, agent)(environ, server.start_response))  # type: ignore[arg-type]


def test_a_metric_of_the_apps_under_a_name_of_ours_costs_the_app_nothing(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    agent.gauge("requests_total").set(3)
    middleware = Middleware(stream, agent)
    assert Server().serve(middleware) == Server().serve(stream) == Server().serve(middleware)
    assert caplog.text.count('metric "requests_total" is a gauge already') == 1


def test_a_file_stays_the_servers_own(agent: Agent) -> None:
    file = io.BytesIO(b"abc")

    def app(environ: Environ, start_response: StartResponse) -> Any:
        start_response("200 OK", HEADERS)
        return environ["wsgi.file_wrapper"](file)

    environ = environ_of(**{"wsgi.file_wrapper": wsgiref.util.FileWrapper})
    body: Any = Middleware(app, agent)(environ, Server().start_response)
    assert type(body) is wsgiref.util.FileWrapper
    assert Counts.of(agent) == Counts(in_flight=1)
    body.close()
    assert file.closed
    assert Counts.of(agent) == SUCCESS


def test_a_file_that_cannot_be_watched_is_counted_at_once(agent: Agent) -> None:
    class Wrapper:
        __slots__ = ()

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

    def app(environ: Environ, start_response: StartResponse) -> Any:
        start_response("200 OK", HEADERS)
        return Wrapper()

    Server().serve(Middleware(app, agent), environ_of(**{"wsgi.file_wrapper": Wrapper}))
    assert Counts.of(agent) == SUCCESS


def test_a_request_of_an_app_inside_another_counts_once(agent: Agent) -> None:
    inner = Middleware(answering("200 OK", b"a"), agent)
    outer = Middleware(inner, agent)
    environ = environ_of()
    for _ in range(2):
        Server().serve(outer, environ)
    Server().serve(inner, environ)
    assert Counts.of(agent) == Counts(requests=3, timed=3)


def series(agent: Agent) -> dict[str, object]:
    return {name: value for name, value in recorded(agent).items() if name.startswith("requests_total")}


def test_a_template_in_the_environ_is_the_label(agent: Agent) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["selfscale.route"] = "".join(["/users/", "<int:id>"])  # equal, and another one each time
        return answering("200 OK", b"a")(environ, start_response)

    middleware = Middleware(app, agent)
    for number in range(300):
        Server().serve(middleware, environ_of(PATH_INFO=f"/users/{number}"))
    Server().serve(middleware, environ_of(REQUEST_METHOD="BREW"))
    assert series(agent) == {
        "requests_total": 301,
        "requests_total{route=/users/<int:id>,method=GET,status=200}": 300,
        "requests_total{route=/users/<int:id>,method=other,status=200}": 1,
    }


@pytest.mark.parametrize(
    "more",
    [
        {"PATH_INFO": "/users/7"},
        {"selfscale.route": None},
        {"selfscale.route": ""},
        {"selfscale.route": 7},
        {"werkzeug.request": None},
        {"werkzeug.request": SimpleNamespace(url_rule=None)},
    ],
)
def test_without_a_template_the_label_is_empty(agent: Agent, more: Environ) -> None:
    Server().serve(Middleware(answering("200 OK", b"a"), agent), environ_of(**more))
    assert series(agent) == {"requests_total": 1, "requests_total{route=,method=GET,status=200}": 1}


def test_flasks_routes_are_labelled_by_their_rule(agent: Agent) -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask("app")
    app.wsgi_app = Middleware(app.wsgi_app, agent)

    @app.get("/users/<int:user>")
    def read_user(user: int) -> str:
        return str(user)

    client = app.test_client()
    for path in ("/users/1", "/users/2", "/none"):
        client.get(path, buffered=True)
    assert series(agent) == {
        "requests_total": 3,
        "requests_total{route=/users/<int:user>,method=GET,status=200}": 2,
        "requests_total{route=,method=GET,status=404}": 1,
    }


@pytest.mark.parametrize("header", ["HTTP_X_REQUEST_START", "HTTP_X_QUEUE_START"])
def test_the_time_in_the_proxys_queue_is_recorded(agent: Agent, header: str) -> None:
    environ = environ_of(REMOTE_ADDR="10.0.0.1", **{header: f"t={time.time() - 2:.3f}"})
    Server().serve(Middleware(answering("200 OK", b"a"), agent), environ)
    waited = recorded(agent)["request_queue_time"]
    assert isinstance(waited, Distribution)
    assert waited.count == 1
    assert 1.99 < waited.sum < 60


def test_a_start_that_cannot_be_true_is_counted_and_dropped(agent: Agent) -> None:
    Server().serve(Middleware(answering("200 OK", b"a"), agent), environ_of(HTTP_X_REQUEST_START="t=1"))
    assert recorded(agent)["request_start_refused_total"] == 1


def test_the_first_request_starts_the_agent(agent: Agent) -> None:
    middleware = Middleware(answering("200 OK", b"a"), agent)
    assert not agent.is_running
    Server().serve(middleware)
    assert agent.is_running


def test_a_forked_child_measures_anew(agent: Agent) -> None:
    middleware = Middleware(answering("200 OK", b"a"), agent)
    Server().serve(middleware)
    child = os.fork()
    if child == 0:
        Server().serve(middleware)
        os._exit(0 if agent.is_running and Counts.of(agent) == SUCCESS else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("app", [answering("200 OK", b"a"), stream, fail])
def test_memory_stays_flat(agent: Agent, app: Callable[..., Any]) -> None:
    middleware = Middleware(app, agent)
    environ = environ_of(**{"selfscale.route": "/"})
    server = Server()

    def ask(times: int) -> None:
        for _ in range(times):
            server.sent.clear()
            with contextlib.suppress(Failure):
                server.serve(middleware, environ)

    ask(1000)
    gc.collect()
    blocks, counts = sys.getallocatedblocks(), [sys.getrefcount(one) for one in (environ, app, middleware)]
    ask(100_000)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 100
    assert [sys.getrefcount(one) for one in (environ, app, middleware)] == counts
