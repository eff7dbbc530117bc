"""A route for a Prometheus server, around an application."""

from __future__ import annotations

import asyncio
import wsgiref.util
import wsgiref.validate
from collections.abc import MutableMapping
from typing import Any

import pytest
from selfscale import Agent
from selfscale.integrations import wsgi
from selfscale.integrations.asgi import MetricsRoute, Middleware
from selfscale.testing import recorded

Message = MutableMapping[str, Any]


async def app(scope: Message, _receive: Any, send: Any) -> None:
    """An application that answers anything."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"app"})


def ask(application: Any, path: str, method: str = "GET", **scope: Any) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, headers and body of one request."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    whole = {"type": "http", "method": method, "path": path, "headers": [], **scope}
    asyncio.run(application(whole, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.fixture
def routed(agent: Agent) -> MetricsRoute:
    return MetricsRoute(Middleware(app, agent=agent), agent=agent)


def test_it_exposes_what_was_measured_and_no_scrape(routed: MetricsRoute, agent: Agent) -> None:
    assert ask(routed, "/somewhere")[2] == b"app"
    for _ in range(3):
        status, headers, body = ask(routed, "/metrics")
    assert status == 200
    assert headers[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert int(headers[b"content-length"]) == len(body)
    assert b"\nhttp_requests_in_progress 0\n" in body
    assert recorded(agent)["requests_total"] == 1


def test_the_scraper_chooses_the_format(routed: MetricsRoute) -> None:
    accept = (b"accept", b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    _, headers, body = ask(routed, "/metrics", headers=[accept])
    assert headers[b"content-type"].startswith(b"application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_head_has_no_body(routed: MetricsRoute) -> None:
    status, headers, body = ask(routed, "/metrics", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers[b"content-length"]) > 0


def test_other_methods_and_paths_are_the_apps(routed: MetricsRoute) -> None:
    assert ask(routed, "/metrics", "POST")[2] == b"app"
    assert ask(routed, "/metrics/more")[2] == b"app"


def test_it_is_found_where_the_app_is_mounted(routed: MetricsRoute) -> None:
    assert ask(routed, "/inner/metrics", root_path="/inner")[1][b"vary"] == b"Accept"


def test_it_starts_the_agent(routed: MetricsRoute, agent: Agent) -> None:
    ask(routed, "/metrics")
    assert agent.is_running


def test_an_agent_that_cannot_start_answers_that_it_does_not_know(environment: dict[str, str]) -> None:
    agent = Agent('{"policies": 1}', environment=environment)
    status, _, body = ask(MetricsRoute(app, agent=agent), "/metrics")
    assert status == 503
    assert b"policies" in body


def test_the_path_is_checked() -> None:
    with pytest.raises(ValueError, match="slash"):
        MetricsRoute(app, "metrics")


@pytest.mark.parametrize("wrap", [Middleware, wsgi.Middleware, MetricsRoute, wsgi.MetricsRoute])
def test_what_cannot_be_wrapped_is_refused_at_once(wrap: Any) -> None:
    with pytest.raises(TypeError, match="app is None; the application itself is needed"):
        wrap(None)
    with pytest.raises(TypeError, match="app is 'app:app'; the application itself is needed"):
        wrap("app:app")
    with pytest.raises(TypeError, match=r"agent is 'web'; what selfscale.start\(\) returns is needed, or None"):
        wrap(app, agent="web")


def wsgi_app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"app"]


def ask_wsgi(application: Any, path: str, method: str = "GET", **more: str) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of one request, which keeps to PEP 3333."""
    environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", **more}
    wsgiref.util.setup_testing_defaults(environ)
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
        said.extend((status, dict(headers)))
        return lambda _: None

    answer = wsgiref.validate.validator(application)(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        answer.close()  # type: ignore[attr-defined]
    return said[0], said[1], body


def test_wsgi_applications_have_the_same(agent: Agent) -> None:
    application = wsgi.MetricsRoute(wsgi.Middleware(wsgi_app, agent), agent=agent)
    assert ask_wsgi(application, "/somewhere")[2] == b"app"
    assert ask_wsgi(application, "/metrics", "POST")[2] == b"app"
    status, headers, body = ask_wsgi(application, "/metrics", HTTP_ACCEPT="application/openmetrics-text")
    assert status == "200 OK"
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert int(headers["Content-Length"]) == len(body)
    assert ask_wsgi(application, "/metrics", "HEAD")[2] == b""
    assert recorded(agent)["requests_total"] == 2


def test_a_wsgi_agent_that_cannot_start_answers_that_it_does_not_know(environment: dict[str, str]) -> None:
    agent = Agent('{"policies": 1}', environment=environment)
    status, _, body = ask_wsgi(wsgi.MetricsRoute(wsgi_app, agent=agent), "/metrics")
    assert status == "503 Service Unavailable"
    assert b"policies" in body
