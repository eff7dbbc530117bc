"""The application that the servers of the WSGI tests serve: each path ends in another way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import selfscale
from selfscale.integrations.wsgi import Middleware
from selfscale.testing import Distribution, recorded

Start = Callable[..., Callable[[bytes], object]]


class Failure(Exception):
    """What this application raises."""


def begin(start_response: Start, status: str = "200 OK") -> Callable[[bytes], object]:
    return start_response(status, [("Content-Type", "text/plain")])


def answer(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    begin(start_response)
    return [b"done"]


def tell(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """What has been recorded before this request."""
    seen: dict[str, Any] = recorded(selfscale.default_agent())
    counts = {name: value.count if isinstance(value, Distribution) else value for name, value in seen.items()}
    begin(start_response)
    return [json.dumps(counts).encode()]


def stream(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    begin(start_response)
    yield b"xxx"
    yield b"done"


def write(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    begin(start_response)(b"xxx")
    return [b"done"]


def send_a_file(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    begin(start_response)
    wrap: Callable[[Any], Iterable[bytes]] = environ["wsgi.file_wrapper"]
    return wrap(Path(__file__).open("rb"))


def not_found(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    begin(start_response, "404 Not Found")
    return [b"done"]


def fail(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    raise Failure


def fail_in_mid_stream(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    begin(start_response)
    yield b"x"
    raise Failure


ROUTES = {
    "/answer": answer,
    "/recorded": tell,
    "/stream": stream,
    "/write": write,
    "/file": send_a_file,
    "/not-found": not_found,
    "/fail": fail,
    "/fail-in-mid-stream": fail_in_mid_stream,
}


def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    return ROUTES[environ["PATH_INFO"]](environ, start_response)


app = Middleware(application)
