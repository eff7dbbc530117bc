"""Django behind both middlewares: labelled by its routes' templates."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

pytest.importorskip("django", reason="Django is not installed")

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from selfscale import Agent
from selfscale.integrations import asgi, wsgi
from selfscale.testing import recorded


def read_user(request: HttpRequest, user: int) -> HttpResponse:
    """Answer, or fail."""
    if user == 13:
        raise RuntimeError
    return HttpResponse(f"{user}")


urlpatterns = [path("api/", include([path("users/<int:user>", read_user)]))]

PATHS = ["/api/users/1", "/api/users/2", "/api/users/13", "/none"]
SERIES = {
    "requests_total": 4,
    "requests_total{route=/api/users/<int:user>,method=GET,status=200}": 2,
    "requests_total{route=/api/users/<int:user>,method=GET,status=500}": 1,
    "requests_total{route=,method=GET,status=404}": 1,
    "errors_total": 1,
    "errors_total{route=/api/users/<int:user>,method=GET}": 1,
    "errors_total{route=,method=GET}": 0,
}


@pytest.fixture(scope="module", autouse=True)
def _settings() -> None:
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["selfscale.integrations.django.RouteMiddleware"],
        LOGGING_CONFIG=None,
    )


def counted(agent: Agent) -> dict[str, Any]:
    return {name: value for name, value in recorded(agent).items() if name.partition("{")[0] in SERIES}


def test_wsgi(agent: Agent) -> None:
    app = wsgi.Middleware(get_wsgi_application(), agent)
    for where in PATHS:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": where, "SERVER_NAME": "a", "SERVER_PORT": "80"}
        body: Any = app({**environ, "wsgi.input": io.BytesIO()}, lambda *_: lambda _: None)
        b"".join(body)
        body.close()
    assert counted(agent) == SERIES


def test_asgi(agent: Agent) -> None:
    app = asgi.Middleware(get_asgi_application(), agent)

    async def run() -> None:
        for where in PATHS:
            over = asyncio.Event()
            messages = [{"type": "http.request"}]

            async def receive() -> Any:
                if messages:  # noqa: B023
                    return messages.pop()  # noqa: B023
                await over.wait()  # noqa: B023
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                pass

            await app({"type": "http", "method": "GET", "path": where, "headers": []}, receive, send)

    asyncio.run(run())
    assert counted(agent) == SERIES
