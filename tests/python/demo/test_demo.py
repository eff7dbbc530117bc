"""The demo as a whole, in its quick form: what happened is asserted, never how fast."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")
pytest.importorskip("matplotlib")

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

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


def wait_until_none(mark: str) -> list[str]:
    """Living processes with the mark, once there are none or it took too long."""
    deadline = time.monotonic() + 20
    while (left := processes_with(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_the_quick_demo_scales_up_and_down_and_loses_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*DEMO, "--output", str(output)], env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    runs = json.loads((output / "summary.json").read_text())["runs"]
    assert set(runs) == {"agent", "fixed_min", "fixed_max"}
    assert runs["agent"]["requests"] == runs["fixed_min"]["requests"] == runs["fixed_max"]["requests"] > 500
    assert runs["agent"]["scale_events"] >= 2
    assert runs["fixed_min"]["scale_events"] == runs["fixed_max"]["scale_events"] == 0
    assert runs["agent"]["errors"] < 0.005 * runs["agent"]["requests"], done.stdout
    records = [json.loads(line) for line in (output / "journal.jsonl").read_text().splitlines()]
    assert records
    events = [record for record in records if "toReplicas" in json.dumps(record)]
    assert events
    for name in ("report.html", "report.png"):
        assert (output / name).stat().st_size > 10_000
    for words in ("The same load, three ways", "replica-seconds", "Your app"):
        assert words in done.stdout
    assert not wait_until_none(f"TMPDIR={tmp_path}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(DEMO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "replicas ready" in line:
                break
        demo.send_signal(number)
        rest = demo.stdout.read()
    assert demo.returncode == 130, rest
    assert "nothing is left running" in rest
    assert not wait_until_none(f"TMPDIR={tmp_path}")


def test_an_unwritable_output_is_said_before_anything_starts(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = subprocess.run([*DEMO, "--output", str(blocked)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "cannot write into" in done.stderr
    assert "another directory" in done.stderr
