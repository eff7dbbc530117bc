"""Django: its requests are told apart by the route that they take.

MIDDLEWARE = ["selfscale.integrations.django.RouteMiddleware", ...]     # settings.py
application = Middleware(get_wsgi_application())                        # wsgi.py: selfscale.integrations.wsgi
application = Middleware(get_asgi_application())                        # asgi.py: selfscale.integrations.asgi
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

__all__ = ["RouteMiddleware"]


class RouteMiddleware:
    """Tells the middleware that measures which route a request has taken, by its template; it measures nothing."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        """Stand before the next middleware."""
        self._get_response = get_response
        self._is_asynchronous = iscoroutinefunction(get_response)
        if self._is_asynchronous:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Serve one request."""
        if self._is_asynchronous:
            return self._serve(request)
        response = self._get_response(request)
        _note_route(request)
        return response

    async def _serve(self, request: Any) -> Any:
        response = await self._get_response(request)
        _note_route(request)
        return response


def _note_route(request: Any) -> None:
    if request.resolver_match is None:
        return
    template = f"/{request.resolver_match.route}"
    if hasattr(request, "scope"):
        request.scope["route"] = template
    else:
        request.META["selfscale.route"] = template
