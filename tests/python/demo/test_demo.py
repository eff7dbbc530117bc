"""The demo as a whole, in its quick form: what happened is asserted, never how fast."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")
pytest.importorskip("matplotlib")

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

DEMO = [sys.executable, "-m", "selfscale.demo", "--quick"]


def processes_with(mark: str) -> list[str]:
    """Command lines of living processes that have this text in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def events_in(journal: Path) -> list[dict[str, Any]]:
    """The scaling events that the platform took."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return [line for line in lines if line["kind"] == "event" and line["acceptedAt"] is not None]


def wait_until_none(mark: str) -> list[str]:
    """Living processes with the mark, once there are none or it took too long."""
    deadline = time.monotonic() + 60
    while (left := processes_with(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_the_quick_demo_scales_up_and_down_and_loses_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    for attempt in range(3):  # on a busy machine a step or many answers may come too late for eight seconds of load
        output = tmp_path / f"out{attempt}"
        done = subprocess.run(
            [*DEMO, "--output", str(output)], env=environment, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        runs = json.loads((output / "summary.json").read_text())["runs"]
        assert set(runs) == {"agent", "fixed_min", "fixed_max"}
        assert runs["agent"]["requests"] == runs["fixed_min"]["requests"] == runs["fixed_max"]["requests"] > 500
        assert runs["fixed_min"]["scale_events"] == runs["fixed_max"]["scale_events"] == 0
        steps = [event["toReplicas"] - event["fromReplicas"] for event in events_in(output / "journal.jsonl")]
        assert abs(runs["agent"]["scale_events"] - len(steps)) <= 1, "one may begin after the demo's last look"
        is_in_time = runs["agent"]["errors"] < 0.005 * runs["agent"]["requests"]
        if is_in_time and {step > 0 for step in steps} == {True, False}:
            break
    else:
        pytest.fail(f"never up and down without a loss: {steps}\n{done.stdout}")
    for name in ("report.html", "report.png"):
        assert (output / name).stat().st_size > 10_000
    for words in ("The same load, three ways", "replica-seconds", "Your app"):
        assert words in done.stdout
    assert not wait_until_none(f"TMPDIR={tmp_path}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    # A shell that started the tests in the background ignores Ctrl-C, and what is ignored is inherited.
    before = signal.signal(number, signal.default_int_handler)
    output = tmp_path / "out"
    with subprocess.Popen(
        [*DEMO, "--output", str(output)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        signal.signal(number, before)
        assert demo.stdout is not None
        for line in demo.stdout:
            if "replicas ready" in line:
                break
        demo.send_signal(number)
        rest = demo.stdout.read()
    assert demo.returncode == 130, rest
    assert "nothing is left running" in rest
    assert not wait_until_none(f"TMPDIR={tmp_path}")
    assert not output.exists()  # there was nothing to keep


def test_an_unwritable_output_is_said_before_anything_starts(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = subprocess.run([*DEMO, "--output", str(blocked)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "cannot write into" in done.stderr
    assert "another directory" in done.stderr
