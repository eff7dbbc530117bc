"""The middlewares that are held against each other, and the applications that they stand around.

Each is used as its documentation shows. Nothing is sent anywhere: reports of those that report to a service are
dropped, or refused at once by a port on which nobody listens.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
App = Callable[[Message, Any, Any], Awaitable[None]]

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
BODY = {"type": "http.response.body", "body": b"ok"}

NOBODY = "http://127.0.0.1:9"


async def bare(scope: Message, receive: Any, send: Any) -> None:
    """The least that answers."""
    await send(START)
    await send(BODY)


def fastapi_app() -> Any:
    """A usual application: one route with a parameter, and JSON."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/items/{item}")
    async def read_item(item: int) -> dict[str, int]:
        return {"item": item}

    return app


class NoOp:
    """A Python middleware that does nothing."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Closure:
    """What a middleware in Python needs to know what ours knows, on our own counters: status, end, exceptions."""

    def __init__(self, app: App) -> None:
        from selfscale import Agent

        agent = Agent(service="closure")
        self.app = app
        self.requests = agent.counter("requests")
        self.errors = agent.counter("errors")
        self.in_flight = agent.gauge("running")
        self.response_time = agent.distribution("time")

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = 500
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
            elif kind == "http.response.body" and not message.get("more_body"):
                self.response_time.observe(time.perf_counter() - started)
            await send(message)

        self.in_flight.inc()
        try:
            await self.app(scope, receive, watched)
        finally:
            self.in_flight.dec()
            self.requests.inc()
            if status >= 500:
                self.errors.inc()


class Prometheus:
    """A hand-written middleware on prometheus_client: counter, histogram and in-flight gauge."""

    def __init__(self, app: App) -> None:
        import prometheus_client

        self.app = app
        registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter("requests", "requests", ["method", "status"], registry=registry)
        self.latency = prometheus_client.Histogram("latency_seconds", "latency", ["method"], registry=registry)
        self.in_flight = prometheus_client.Gauge("in_flight", "in flight", registry=registry)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = 500

        async def recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        self.in_flight.inc()
        try:
            await self.app(scope, receive, recorded)
        finally:
            self.in_flight.dec()
            self.requests.labels(scope["method"], status).inc()
            self.latency.labels(scope["method"]).observe(time.perf_counter() - started)


def selfscale(app: App) -> App:
    from selfscale.integrations.asgi import Middleware

    return Middleware(app)


def hirefire(app: App) -> App:
    os.environ["HIREFIRE_TOKEN"] = "0"
    from hirefire_resource import HireFire
    from hirefire_resource.middleware.asgi.starlette import HireFireMiddleware
    from hirefire_resource.web import Web

    Web._submit_buffer = lambda *_: None  # speaks TLS alone
    HireFire.configuration.logger.disabled = True
    if HireFire.configuration.web is None:
        HireFire.configuration.dyno("web")
    return HireFireMiddleware(app)


def judoscale(app: App) -> App:
    os.environ["JUDOSCALE_LOG_LEVEL"] = "CRITICAL"
    from judoscale.asgi.middleware import FastAPIRequestQueueTimeMiddleware

    return FastAPIRequestQueueTimeMiddleware(app, extra_config={"API_BASE_URL": NOBODY})


def opentelemetry_meters() -> Any:
    """Metrics that are aggregated, and read by nobody."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    return MeterProvider(metric_readers=[InMemoryMetricReader()])


def opentelemetry(app: App) -> App:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(app, meter_provider=opentelemetry_meters())


def instrumented_by_opentelemetry(app: Any) -> Any:
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, meter_provider=opentelemetry_meters())
    return app


def instrumented_by_instrumentator(app: Any) -> Any:
    from prometheus_client import CollectorRegistry
    from prometheus_fastapi_instrumentator import Instrumentator

    Instrumentator(registry=CollectorRegistry()).instrument(app)
    return app


def added(middleware: Callable[[App], App]) -> Callable[[Any], Any]:
    """A middleware that is added to a FastAPI application, as any is."""

    def add(app: Any) -> Any:
        app.add_middleware(middleware)
        return app

    return add


AROUND_BARE: dict[str, Callable[[App], App]] = {
    "bare": lambda app: app,
    "no-op": NoOp,
    "selfscale": selfscale,
    "closure": Closure,
    "prometheus_client": Prometheus,
    "hirefire": hirefire,
    "judoscale": judoscale,
    "opentelemetry": opentelemetry,
}
"""Middlewares around any ASGI application, by name."""

AROUND_FASTAPI: dict[str, Callable[[Any], Any]] = {
    **{name: added(around) for name, around in AROUND_BARE.items() if name not in {"bare", "opentelemetry"}},
    "bare": lambda app: app,
    "instrumentator": instrumented_by_instrumentator,
    "opentelemetry": instrumented_by_opentelemetry,
}
"""The same for a FastAPI application, and those that are made for it."""
