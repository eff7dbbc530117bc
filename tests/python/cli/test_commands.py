"""Commands that need no agent: what they print, and with which exit code."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selfscale.cli import running

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, Any], Path]


def test_without_the_extra_the_command_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['typer'] = None; from selfscale.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "pip install 'selfscale[cli]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_version(selfscale: Run) -> None:
    ended = selfscale("--version")
    assert ended.returncode == 0
    assert ended.stdout.count(".") == 2


@pytest.mark.parametrize("arguments", [["nonsense"], ["validate"], ["decide", "--policy"], ["validate", "--no", "x"]])
def test_a_wrong_call_is_usage(selfscale: Run, arguments: list[str]) -> None:
    assert selfscale(*arguments).returncode == 2


# validate


def test_a_valid_file_is_ok(selfscale: Run, policy_file: Path) -> None:
    ended = selfscale("validate", policy_file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "backend: 2 to 10 replicas, 1 rule, not enabled" in ended.stdout


def test_a_wrong_file_lists_every_mistake(selfscale: Run, write: Write) -> None:
    wrong = {"policies": [{"service": "backend", "maxReplicas": 0, "rulez": []}]}
    ended = selfscale("validate", write("wrong.json", wrong))
    assert ended.returncode == 1
    assert "/policies/0/maxReplicas" in ended.stdout
    assert "/policies/0/rulez" in ended.stdout


def test_validation_as_json(selfscale: Run, write: Write, policy_file: Path) -> None:
    good = json.loads(selfscale("validate", policy_file, "--json").stdout)
    assert good["valid"] is True
    assert good["policies"][0]["service"] == "backend"
    ended = selfscale("validate", write("wrong.json", {"policies": 7}), "--json")
    assert ended.returncode == 1
    problems = json.loads(ended.stdout)["problems"]
    assert problems[0]["pointer"] == "/policies"
    assert set(problems[0]) == {"pointer", "value", "message"}


def test_an_empty_file_is_a_sentence(selfscale: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("")
    ended = selfscale("validate", empty)
    assert ended.returncode == 1
    assert "is empty" in ended.stdout


def test_a_file_that_is_not_there(selfscale: Run) -> None:
    ended = selfscale("validate", "none.json")
    assert ended.returncode == 1
    assert "none.json" in ended.stderr
    assert "Traceback" not in ended.stderr
    for name in ("none.json", "vercel.json"):
        as_json = selfscale("validate", name, "--json")
        assert as_json.returncode == 1
        said = json.loads(as_json.stdout)
        assert said["valid"] is False
        assert name in said["problems"][0]["message"]


# decide, explain


def test_decide_explains_itself(selfscale: Run, policy_file: Path, snapshot_file: Path) -> None:
    ended = selfscale("decide", "--policy", policy_file, "--snapshot", snapshot_file)
    assert ended.returncode == 0, ended.stderr
    assert "cpu_usage" in ended.stdout


def test_decide_without_a_state_says_how_to_see_the_next_step(
    selfscale: Run, policy_file: Path, snapshot_file: Path, write: Write
) -> None:
    arguments = ["decide", "--policy", policy_file, "--snapshot", snapshot_file]
    first = selfscale(*arguments, "--json")
    assert "just been met" in first.stderr
    assert "--state" in first.stderr
    after = selfscale(*arguments, "--state", write("decision.json", json.loads(first.stdout)))
    assert after.returncode == 0, after.stderr
    assert after.stderr == ""


def test_an_explanation_ends_with_its_last_line(
    selfscale: Run, policy_file: Path, snapshot_file: Path, write: Write
) -> None:
    decided = selfscale("decide", "--policy", policy_file, "--snapshot", snapshot_file)
    decision = selfscale("decide", "--policy", policy_file, "--snapshot", snapshot_file, "--json").stdout
    explained = selfscale("explain", "--policy", policy_file, "--decision", write("decision.json", decision))
    assert decided.stdout == explained.stdout
    assert decided.stdout.endswith("\n")
    assert not decided.stdout.endswith("\n\n")


def test_decide_goes_on_from_a_state(selfscale: Run, policy_file: Path, snapshot_file: Path, write: Write) -> None:
    arguments = ["decide", "--policy", policy_file, "--service", "backend", "--snapshot", "-", "--json"]
    snapshot = snapshot_file.read_text()
    decision = json.loads(selfscale(*arguments, stdin=snapshot).stdout)
    assert (decision["action"], decision["fromReplicas"], decision["toReplicas"]) == ("scale", 3, 4)
    again = selfscale(*arguments, "--state", write("state.json", decision["state"]), stdin=snapshot)
    assert json.loads(again.stdout)["toReplicas"] == 4


def test_a_decision_in_a_file_is_explained(
    selfscale: Run, policy_file: Path, snapshot_file: Path, write: Write
) -> None:
    decided = selfscale("decide", "--policy", policy_file, "--snapshot", snapshot_file, "--json").stdout
    ended = selfscale("explain", "--policy", policy_file, "--decision", write("decision.json", decided))
    assert ended.returncode == 0, ended.stderr
    assert "cpu_usage" in ended.stdout


def test_a_file_with_two_policies_needs_a_service(selfscale: Run, two_policies_file: Path, snapshot_file: Path) -> None:
    arguments = ["decide", "--policy", two_policies_file, "--snapshot", snapshot_file]
    ended = selfscale(*arguments)
    assert ended.returncode == 2
    assert "--service" in ended.stderr
    assert selfscale(*arguments, "--service", "backend").returncode == 0
    unknown = selfscale(*arguments, "--service", "nobody")
    assert unknown.returncode == 2
    assert "backend, worker" in unknown.stderr


@pytest.mark.parametrize("content", ["{", "[]", '{"at": "now"}'])
def test_a_snapshot_that_is_none(selfscale: Run, policy_file: Path, write: Write, content: str) -> None:
    ended = selfscale("decide", "--policy", policy_file, "--snapshot", write("snapshot.json", content))
    assert ended.returncode == 1
    assert ended.stderr.startswith("selfscale: ")
    assert "Traceback" not in ended.stderr


def test_a_vercel_file_is_held_against_vercels_limits(selfscale: Run, write: Write) -> None:
    file = write("vercel.json", {"functions": {"api/*.py": {"memory": 512, "maxDuration": 30}}, "regions": ["iad1"]})
    ended = selfscale("validate", file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "function api/*.py: memory 512; maxDuration 30; regions iad1" in ended.stdout
    assert "no count of instances" in " ".join(ended.stdout.split())
    ended = selfscale("validate", write("vercel.json", {"functions": {"api/*.py": {"memory": 64}}}))
    assert ended.returncode == 1
    assert "/functions/api~1*.py/memory = 64" in ended.stdout
    assert json.loads(selfscale("validate", "vercel.json", "--json").stdout)["valid"] is False


# replay


@pytest.fixture
def record_file(selfscale: Run, policy_file: Path, snapshot_file: Path, write: Write) -> Path:
    """A DecisionRecord with its policy, as a journal keeps it."""
    decision = json.loads(selfscale("decide", "--policy", policy_file, "--snapshot", snapshot_file, "--json").stdout)
    del decision["state"]
    policy = json.loads(policy_file.read_text())["policies"][0]
    snapshot = json.loads(snapshot_file.read_text())
    return write(
        "record.json",
        {"version": 1, "snapshot": snapshot, "stateBefore": {}, "decision": decision, "policy": policy},
    )


def test_a_record_is_decided_again(selfscale: Run, record_file: Path) -> None:
    ended = selfscale("replay", record_file)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "the same" in ended.stdout


def test_a_record_that_was_tampered_with_differs(selfscale: Run, record_file: Path) -> None:
    record = json.loads(record_file.read_text())
    record["decision"]["toReplicas"] = 9
    record_file.write_text(json.dumps(record))
    ended = selfscale("replay", record_file, "--json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["same"] is False


def test_another_policy_may_decide_otherwise(selfscale: Run, record_file: Path, policy_file: Path) -> None:
    document = json.loads(policy_file.read_text())
    document["policies"][0]["rules"][0]["scaleUpBy"] = 3
    policy_file.write_text(json.dumps(document))
    ended = selfscale("replay", record_file, "--policy", policy_file, "--json")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["again"]["toReplicas"] == 6


# simulate


def test_a_policy_is_tried_on_a_trace(selfscale: Run, policy_file: Path, write: Write) -> None:
    lines = ["# unit: requests/s", "# step_s: 60", "t_seconds,value"]
    trace = write("trace.csv", "\n".join([*lines, *(f"{i * 60},{20 + i}" for i in range(20))]) + "\n")
    arguments = ["simulate", "--policy", policy_file, "--trace", trace, "--capacity", 10, "--startup", 5]
    ended = selfscale(*arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["backend"]["requests"] > 0
    assert "replica seconds" in selfscale(*arguments).stdout


def test_a_simulation_of_nothing_is_usage(selfscale: Run, policy_file: Path) -> None:
    arguments = ["simulate", "--policy", policy_file, "--trace", "x.csv", "--startup", 5]
    assert selfscale(*arguments, "--capacity", 0).returncode == 2
    missing = selfscale(*arguments, "--capacity", 1)
    assert missing.returncode == 1
    assert "x.csv" in missing.stderr


# agents that do not run, and have left no journal


@pytest.mark.parametrize("command", [["status"], ["history"], ["explain"], ["explain", "01J"], ["replay", "01J"]])
def test_no_agent_is_a_sentence(selfscale: Run, command: list[str]) -> None:
    ended = selfscale(*command)
    assert ended.returncode == 1
    assert "no agent runs here" in ended.stderr
    assert "run" in ended.stderr


def test_nobody_at_a_url_is_a_sentence(selfscale: Run) -> None:
    ended = selfscale("status", "--url", "http://127.0.0.1:9")
    assert ended.returncode == 1
    assert "127.0.0.1:9" in ended.stderr
    assert selfscale("status", "--url", "ftp://x").returncode == 2


def test_a_service_whose_name_ends_in_a_number_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSCALE_RUN_DIR", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "api-2.sock"))
        listening.listen()
        assert running.services() == ["api-2"]
