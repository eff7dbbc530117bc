"""The application of the tests of the driver celery_pool."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

from celery import Celery
from celery.worker.control import Panel
from kombu.transport import filesystem
from kombu.utils.json import dumps

FOLDER = Path(os.environ["CELERY_FOLDER"])


class Channel(filesystem.Channel):
    """Messages appear whole: Kombu's own reader takes a file as soon as it is there, also before it is written."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        name = f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        unread = self.control_folder / name
        unread.write_text(dumps(payload))
        unread.rename(Path(self.data_folder_out) / name)

    def get_table(self, exchange: str) -> Any:
        """One that another process has just made is empty until it is written."""
        try:
            return super().get_table(exchange)
        except ValueError:
            return []


class Transport(filesystem.Transport):
    """Kombu's, with those channels."""

    Channel = Channel


app = Celery("celery_pool_app", broker="filesystem://")
app.conf.update(
    broker_transport="celery_pool_app:Transport",
    broker_transport_options={
        "data_folder_in": str(FOLDER / "queue"),
        "data_folder_out": str(FOLDER / "queue"),
        "control_folder": str(FOLDER / "control"),
        "polling_interval": 0.05,
    },
    task_ignore_result=True,
)


@app.task
def busy(number: int) -> None:
    """Work until the test says that it is enough."""
    (FOLDER / f"busy-{number}").touch()
    while not (FOLDER / "enough").exists():
        time.sleep(0.02)
    (FOLDER / f"done-{number}").touch()


_stats = Panel.data["stats"]


def stats_of_the_test(state: Any, **asked: Any) -> Any:
    """Say what the test wants to be said, where it does; else what Celery says."""
    wanted = FOLDER / "stats.json"
    return json.loads(wanted.read_text()) if wanted.exists() else _stats(state, **asked)


Panel.data["stats"] = stats_of_the_test
