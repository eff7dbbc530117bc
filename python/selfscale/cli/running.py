"""Talking to a running agent: on this host by itself, elsewhere by ``SELFSCALE_URL``."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selfscale._json import Json
from selfscale.cli.terminal import refuse, refuse_usage

_TIMEOUT_SECONDS = 5.0


def run_directory() -> Path:
    """Where agents of this user have their sockets."""
    if directory := os.environ.get("SELFSCALE_RUN_DIR"):
        return Path(directory)
    if directory := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(directory) / "selfscale"
    return Path(tempfile.gettempdir()) / f"selfscale-{os.getuid()}"


def ask(path: str, *, service: str | None = None, url: str | None = None) -> Json:
    """Ask a running agent, and return the body of its answer."""
    return _answer(service, url, _Call("GET", path))


def tell(path: str, order: Json, *, service: str | None = None, url: str | None = None) -> Json:
    """Give a running agent an order, and return the body of its answer. A refusal ends the command with exit code 1."""
    return _answer(service, url, _Call("POST", path, json.dumps(order)))


def only_service(service: str | None, url: str | None) -> str:
    """Return the service that is named, else that of the only agent that can be asked."""
    if service:
        return service
    name: str = ask("/api/autoscaling/status", url=url)["status"]["service"]
    return name


def services() -> list[str]:
    """The services that have an agent on this host, by the sockets that are listened on."""
    try:
        there = list(run_directory().iterdir())
    except OSError:
        return []
    return sorted(path.stem for path in there if path.suffix == ".sock" and _is_listened_on(path))


def count(service: str | None, url: str | None) -> int:
    """How many agents `ask` could mean; it asks only where there is one."""
    if url or os.environ.get("SELFSCALE_URL"):
        return 1
    return sum(service in {None, running} for running in services())


def asked(service: str | None, url: str | None) -> Sequence[str | None]:
    """Each service that is meant, as `ask` wants it: the one that is named, else all that have an agent here."""
    if service or url or os.environ.get("SELFSCALE_URL"):
        return [service]
    return services() or [None]


def refuse_where_none_can_be_seen() -> None:
    """End the command where agents may run here that this user cannot see."""
    directory = run_directory()
    if _may_not_look_into(directory):
        refuse(
            f"no permission to look into {directory}, which is of {_owner(directory)}: an agent there answers that user"
            " and root alone. Ask as that user, or name another directory in SELFSCALE_RUN_DIR"
        )


def _may_not_look_into(directory: Path) -> bool:
    try:
        next(directory.iterdir(), None)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _is_listened_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_TIMEOUT_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _owner(path: Path) -> str:
    try:
        number = path.stat().st_uid
    except OSError:
        return "another user"
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # none of this host's
        return f"the user {number}"


def _socket_of(service: str | None) -> Path:
    known = services()
    directory = run_directory()
    if not known:
        refuse_where_none_can_be_seen()
    if service is None:
        if not known:
            refuse(
                f"no agent runs here: no socket in {directory}. Start your app or `selfscale run`, with the same"
                " SELFSCALE_RUN_DIR, or give --url"
            )
        if len(known) > 1:
            refuse_usage(f"agents of {', '.join(known)} run here: name one of these services")
        service = known[0]
    elif service not in known:
        refuse(f"no agent of {service} runs here (in {directory}); known: {', '.join(known) or 'none'}")
    return directory / f"{service}.sock"


@dataclass(frozen=True)
class _Call:
    method: str
    target: str
    body: str | None = None


def _answer(service: str | None, url: str | None, call: _Call) -> Json:
    url = url or os.environ.get("SELFSCALE_URL")
    return _ask_url(url, call) if url else _ask_socket(_socket_of(service), call)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_SECONDS)
        self.sock.connect(str(self._path))


def _ask_socket(path: Path, call: _Call) -> Json:
    try:
        return _exchange(_SocketConnection(path), call, {})
    except OSError as error:
        refuse(
            f"the agent at {path} does not answer: {error.strerror or error}. It may have been killed; start it again"
        )


def _ask_url(url: str, call: _Call) -> Json:
    parts = urlsplit(url)
    connection_class = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}.get(parts.scheme)
    if connection_class is None or not parts.hostname:
        refuse_usage(f"not a URL of an agent: {url}; it looks like http://127.0.0.1:9464")
    token = os.environ.get("SELFSCALE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection = connection_class(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
        return _exchange(connection, replace(call, target=parts.path.rstrip("/") + call.target), headers)
    except OSError as error:
        refuse(f"nobody answers at {url}: {error.strerror or error}")


def _exchange(connection: http.client.HTTPConnection, call: _Call, headers: dict[str, str]) -> Json:
    connection.request(call.method, call.target, call.body, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    try:
        body: Any = json.loads(text)
    except ValueError:
        refuse(f"the answer to {call.target} was not JSON (HTTP {response.status}); is this an agent?")
    if not isinstance(body, dict) or "success" not in body:
        refuse(
            f"what answers {call.target} is no agent (HTTP {response.status}). An app serves no such routes: ask on its"
            " host without --url, or name what passes on an agent's socket"
        )
    if not body["success"]:
        error = body.get("error", {})
        refuse(str(error.get("message") or f"the agent refused {call.target}: HTTP {response.status}"))
    return body
