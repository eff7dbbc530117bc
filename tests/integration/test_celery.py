"""Celery's prefork workers: what tasks count in children that come and go is one sum, whichever process is asked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port
from waiting import until

pytest.importorskip("celery", reason="celery is not installed")

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
TASKS, CHILDREN, MOST_TASKS = 200, 4, 10


def sum_of(name: str, exposition: str) -> float:
    """The sum of a metric's series."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in exposition.splitlines() if re.match(rf"{name}[{{ ]", line))


class Worker:
    """A Celery worker, whose children are replaced after some tasks each."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.log = folder / "worker.log"
        for each in ("queue", "outbox", "control"):
            (folder / each).mkdir()
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "CELERY_FOLDER": str(folder),
            "METRICS_PORT": str(self.port),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        options = [
            f"--concurrency={CHILDREN}",
            f"--max-tasks-per-child={MOST_TASKS}",
            "--without-mingle",
            "--without-gossip",
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app=celery_app", "worker", "--pool=prefork", *options],
                cwd=folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def send(self, code: str) -> None:
        """Send tasks from a process of its own. They come to the queue once they are written: kombu reads half ones."""
        subprocess.run([sys.executable, "-c", f"from celery_app import *; {code}"], env=self.environment, check=True)
        for message in sorted((self.folder / "outbox").iterdir()):
            message.rename(self.folder / "queue" / message.name)

    def exposition(self) -> str | None:
        """What the worker's parent exposes; None while it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as response:
                return response.read().decode()
        except OSError:
            return None

    def childs_exposition(self, *, starts: bool) -> str:
        """What one of the children says, without an agent's thread of its own or with one."""
        path = self.folder / "exposed"
        path.unlink(missing_ok=True)
        self.send(f"expose.delay({starts=})")
        until(path.exists, self.log.read_text)
        return path.read_text()

    def done(self) -> list[tuple[int, int]]:
        """Who did which task, as the tasks have noted."""
        path = self.folder / "done"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(pid), int(number)) for pid, number in (line.split() for line in lines)]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(tmp_path)
    try:
        until(worker.exposition, worker.log.read_text)
        yield worker
    finally:
        os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait(10)


def test_tasks_of_all_children_are_one_sum(worker: Worker) -> None:
    worker.send(f"[work.delay(number) for number in range({TASKS})]")
    totals: list[float] = []

    def all_done() -> bool:
        if (exposition := worker.exposition()) is not None:
            totals.append(sum_of("tasks_done_total", exposition))
        return len(worker.done()) == TASKS

    until(all_done, worker.log.read_text)
    until(lambda: sum_of("tasks_done_total", worker.exposition() or "") == TASKS, worker.log.read_text)
    assert totals == sorted(totals)
    assert "Traceback" not in worker.log.read_text()
    assert sorted(number for _, number in worker.done()) == list(range(TASKS))
    assert len({pid for pid, _ in worker.done()}) >= TASKS / MOST_TASKS, "children have not been replaced"

    said = {
        "parent": worker.exposition() or "",
        "child": worker.childs_exposition(starts=False),
        "child with an agent": worker.childs_exposition(starts=True),
    }
    for exposition in said.values():
        assert sum_of("tasks_done_total", exposition) == TASKS
        assert sum_of("task_size_count", exposition) == TASKS
        assert sum_of("task_size_sum", exposition) == sum(range(TASKS)) / 4
