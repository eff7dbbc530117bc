"""Half a day of an agent with the default interval, compressed: 3000 evaluations, with load, events, scrapes and forks.

`SELFSCALE_SOAK_TICKS=40000` is a week, and takes some minutes (`make soak`). A failure names the seed that shows it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TICKS = int(os.environ.get("SELFSCALE_SOAK_TICKS", "3000"))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120 + TICKS / 10)]

MEBIBYTE = 1 << 20
NOISE = MEBIBYTE // 4
"""Bytes that the allocator and SQLite's cache of pages may take after the first half of a run, however long it is: they
take 30 KiB."""


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the process says in the end of all that it has measured."""
    folder = tmp_path_factory.mktemp("soak")
    seed = os.environ.get("SELFSCALE_TEST_SEED", str(time.time_ns() % 1_000_000))
    print(f"seed {seed}")
    ended = subprocess.run(
        [sys.executable, Path(__file__).parent / "soak_app.py", str(TICKS), seed],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            "AUTOSCALING_LOG_LEVEL": "warn",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


def halves(soak: dict[str, Any], name: str) -> tuple[list[int], list[int]]:
    """What was measured in the first half of the run, and in the second."""
    values = [sample[name] for sample in soak["samples"]]
    return values[: len(values) // 2], values[len(values) // 2 :]


def test_no_count_is_lost(soak: dict[str, Any]) -> None:
    assert soak["exposed"] == soak["counted"]


def test_it_decides_and_acts_to_the_end(soak: dict[str, Any]) -> None:
    assert soak["ticks"] >= TICKS
    assert soak["scaled"] >= TICKS / 200
    assert soak["errors"] == 0
    assert soak["degraded"] == []


def test_memory_is_flat(soak: dict[str, Any]) -> None:
    first, second = halves(soak, "resident")
    assert max(second) <= max(first) + NOISE, f"{first}, then {second}"


@pytest.mark.parametrize("name", ["descriptors", "threads"])
def test_descriptors_and_threads_are_flat(soak: dict[str, Any], name: str) -> None:
    """There are some more while it looks at files. What a tick, a scrape or a fork leaves would be always there."""
    first, second = halves(soak, name)
    assert min(second) <= statistics.median(first), f"{first}, then {second}"


def test_nothing_is_left_of_children(soak: dict[str, Any]) -> None:
    assert soak["pids"] == [soak["pid"]]
    segment = Path(soak["segment"])
    assert segment.stat().st_blocks * 512 <= (2 + 1 + 1) * MEBIBYTE, "a slot takes one, and is used again"
