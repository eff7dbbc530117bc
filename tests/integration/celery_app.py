"""The application of the Celery tests: its agent is started in the worker's parent, and its tasks count."""

from __future__ import annotations

import os
import threading
import wsgiref.simple_server
from pathlib import Path

import selfscale
from celery import Celery, signals
from selfscale.integrations.wsgi import MetricsRoute

FOLDER = Path(os.environ["CELERY_FOLDER"])
app = Celery("celery_app", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(FOLDER / "queue"),
        "data_folder_out": str(FOLDER / "outbox"),
        "control_folder": str(FOLDER / "control"),
        "polling_interval": 0.05,
    },
    task_ignore_result=True,
)
done = selfscale.counter("tasks_done")
size = selfscale.distribution("task_size")


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def nothing_else(environ: dict[str, object], start_response: object) -> list[bytes]:
    """There are metrics alone."""
    raise NotImplementedError


@signals.worker_init.connect
def begin(**_: object) -> None:
    """Before the first child is forked."""
    selfscale.start()


@signals.worker_ready.connect
def serve_metrics(**_: object) -> None:
    """In the parent, for a scraper."""
    port = int(os.environ["METRICS_PORT"])
    server = wsgiref.simple_server.make_server("127.0.0.1", port, MetricsRoute(nothing_else), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()


@app.task
def work(number: int) -> None:
    """Count one task of so many quarters, and note who did it."""
    done.inc()
    size.observe(number / 4)
    with (FOLDER / "done").open("a") as noted:
        noted.write(f"{os.getpid()} {number}\n")


@app.task
def expose(*, starts: bool) -> None:
    """Write down what a child says of all, whether it has an agent's thread of its own or not."""
    agent = selfscale.default_agent()
    if starts:
        agent.start()
    written = FOLDER / "exposed.new"
    written.write_bytes(agent.exposition()[1])
    written.rename(FOLDER / "exposed")
