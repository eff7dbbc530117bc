"""The demo from beginning to end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from rich.console import Console

from selfscale import _core
from selfscale.demo import report
from selfscale.demo.experiment import play
from selfscale.demo.scenario import DEFAULT, QUICK, Scenario
from selfscale.demo.view import View
from selfscale.errors import Error

INTERRUPTED = 130
LONGEST_DIRECTORY = 50


def demo(*, quick: bool = False, output: Path | None = None) -> int:
    """A real FastAPI app scales itself under recorded load; then the same load on a fixed number of replicas.

    Returns the exit code. Report, picture, journal and figures are written to `output`, else to a folder of
    this user's in the directory for temporary files.
    """
    console = Console(highlight=False)
    output = output or Path(tempfile.gettempdir()) / f"selfscale-demo-{os.getuid()}"
    was_there = output.exists()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        _check_writable(output)
        with tempfile.TemporaryDirectory(prefix="selfscale-demo-", dir=_short_directory()) as folder:
            _play(QUICK if quick else DEFAULT, console, Path(folder), output)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return INTERRUPTED
    except Error as problem:
        print(f"selfscale demo: {problem}", file=sys.stderr)
        return 1
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # it holds something, or was never made
                output.rmdir()
    return 0


def _play(scenario: Scenario, console: Console, folder: Path, output: Path) -> None:
    started = time.monotonic()
    console.print(report.about(scenario))
    console.print(report.policies(scenario))
    low, high = scenario.min_replicas, scenario.max_replicas
    with View(scenario, console) as view:
        view.begin(f"The agent scales between {low} and {high} replicas")
        agents, first = play(scenario, {"agent": scenario.policy}, folder, view.show)
        journal = _core.Journal(str(folder / "agent" / "state")).jsonl(scenario.service)
        view.begin(f"The same load on {low} replicas and on {high}, fixed, side by side")
        fixed, second = play(
            scenario, {"fixed_min": scenario.fixed(low), "fixed_max": scenario.fixed(high)}, folder, view.show
        )
    runs = [*agents, *fixed]
    doubtful = report.doubts(runs, [first, second])
    doubtful += _late(scenario, time.monotonic() - started)
    report.print_report(console, scenario, runs, doubtful)
    report.write(output, scenario, runs, doubtful, journal)
    console.print(report.next_steps(output), markup=False, soft_wrap=True)


def _short_directory() -> str:
    """Where sockets can be: their paths are limited to some hundred bytes."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= LONGEST_DIRECTORY else "/tmp"


def _late(scenario: Scenario, took: float) -> list[str]:
    if took <= scenario.budget_seconds:
        return []
    return [f"the demo took {took:.0f} s, not at most {scenario.budget_seconds:.0f}: this machine was slow"]


def _check_writable(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as problem:
        raise Error(
            f"cannot write into {output}: {problem.strerror}; give --output another directory", "storage"
        ) from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
