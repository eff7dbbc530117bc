"""The application of the tests of the driver celery_pool."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery

FOLDER = Path(os.environ["CELERY_FOLDER"])
app = Celery("celery_pool_app", broker="filesystem://")
app.conf.update(
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
