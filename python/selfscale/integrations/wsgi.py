"""Any WSGI application: `Middleware` measures its requests.

application = Middleware(get_wsgi_application())    # Django
app.wsgi_app = Middleware(app.wsgi_app)             # Flask
app = MetricsRoute(Middleware(app))                 # the same, with a route for Prometheus, /metrics
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from selfscale._agent import Agent
from selfscale.integrations._exposition import WsgiMetricsRoute as MetricsRoute
from selfscale.integrations._process import begin, check_wrapped, join

if TYPE_CHECKING:
    from selfscale._core import Recorder, WsgiRequest

__all__ = ["MetricsRoute", "Middleware"]

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Callable[[bytes], object]]
Application: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


class Middleware:
    """Measures every request of an application, to the last byte of its body.

    It records `requests_total`, `errors_total` (answered with 5xx, or not at all), `in_flight`, `response_time`, and
    `request_queue_time` from ``X-Request-Start`` or ``X-Queue-Start``; the first two and the response time also by
    route template and method. A request is in flight until the server closes its answer.

    The template is what the environ has in the end under ``selfscale.route``. Of Flask's requests that is their rule;
    Django's are given it by `selfscale.integrations.django.RouteMiddleware`, and any other framework's by whoever knows
    the route's template. Without it a request counts in the series of an empty template: the raw path is never a label.

    The agent is started at the first request: in the process that serves, whichever way it was forked. Any thread may
    call. WSGI forbids an application to close connections: a replica that is told to go is drained by its server.
    """

    def __init__(self, app: Application, agent: Agent | None = None) -> None:
        """Wrap an application; `agent` is the process's default one unless given."""
        check_wrapped(app, agent)
        self.app = app
        self._agent = agent
        self._recorder: Recorder | None = None
        self._is_refused = False
        join(self)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        recorder = self._recorder or self._begin()
        request = recorder.enter_wsgi(environ, start_response) if recorder is not None else None
        if request is None:
            return self.app(environ, start_response)
        try:
            body = self.app(environ, request)
        except BaseException as error:
            request.leave(error)
            raise
        if _is_file(body, environ):
            return _watch_file(body, request)
        return _SizedBody(body, request) if hasattr(body, "__len__") else _Body(body, request)

    def _begin(self) -> Recorder | None:
        begin(self, is_ready=True)
        return self._recorder


class _Body:
    """An answer: times its last byte, and ends the request when it is closed."""

    __slots__ = ("_body", "_iterator", "_request")

    def __init__(self, body: Iterable[bytes], request: WsgiRequest) -> None:
        self._body = body
        self._request = request
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            return next(self._iterator)
        except StopIteration:
            self._request.answered()
            raise
        except BaseException as error:
            self._request.leave(error)
            raise

    def close(self) -> None:
        """End the request, as PEP 3333 has every server do."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._request.leave(error)
            raise
        self._request.leave(None)


class _SizedBody(_Body):
    """An answer in so many parts: of one part a server knows the length."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


def _is_file(body: object, environ: Environ) -> bool:
    """Whether an answer is a file that the server sends in a way of its own."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _watch_file(body: Any, request: WsgiRequest) -> Iterable[bytes]:
    """Return a server's own file as it is, its close watched; where that cannot be, its answer ends here."""
    close = getattr(body, "close", None)

    def watched() -> None:
        try:
            if close is not None:
                close()
        finally:
            request.answered()
            request.leave(None)

    try:
        body.close = watched
    except AttributeError:
        request.answered()
        request.leave(None)
    return body  # type: ignore[no-any-return]
