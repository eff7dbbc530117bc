"""A worker under uvicorn that is told to go: it accepts no more, and ends the connections it has."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")

import uvicorn
from selfscale import Agent
from selfscale.integrations import asgi
from selfscale.integrations.asgi import Message, Middleware, Receive, Scope, Send


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and have no lifespan."""
    assert scope["type"] == "http"
    start: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"hello"})


class Worker:
    """A uvicorn in a thread, on a socket that somebody else holds, too."""

    def __init__(self, agent: Agent) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.middleware = Middleware(hello, agent)
        config = uvicorn.Config(self.middleware, log_level="warning", lifespan="off", timeout_keep_alive=60)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener.dup()],))
        self.thread.start()

    def connect(self) -> http.client.HTTPConnection:
        host, port = self.listener.getsockname()
        return http.client.HTTPConnection(host, port, timeout=10)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.listener.close()


@pytest.fixture
def worker(agent: Agent) -> Iterator[Worker]:
    """A worker that has answered once."""
    worker = Worker(agent)
    yield worker
    worker.stop()


def ask(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.read() == b"hello"
    return response


def test_a_drained_worker_accepts_no_more_and_its_connections_end(worker: Worker) -> None:
    kept = worker.connect()
    assert ask(kept).getheader("connection") is None

    assert worker.middleware._recorder is not None
    worker.middleware._recorder.drain()
    loop = worker.server.servers[0].get_loop()
    done = threading.Event()
    loop.call_soon_threadsafe(lambda: (asgi._stop_accepting(), done.set()))
    assert done.wait(10)

    assert not any(server.is_serving() for server in worker.server.servers)
    waiting = worker.connect()
    waiting.connect()  # the queue lives on: another worker would accept this
    assert ask(kept).getheader("connection") == "close"
    waiting.close()
    kept.close()
