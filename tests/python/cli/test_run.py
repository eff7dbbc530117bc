"""What `selfscale run` asks of the supervisor."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")

import selfscale
from selfscale.cli import run

Run = Callable[..., "subprocess.CompletedProcess[str]"]

RULES = [{"metric": "cpu_usage", "type": "target", "target": 60}]


def arguments_of(policy: dict[str, object], bind: str | None = None) -> dict[str, str]:
    document = {"service": "backend", "maxReplicas": 8, "rules": RULES, **policy}
    [checked] = selfscale.load_policies(document)
    made = run.supervisor_arguments(checked, ["agent", "x"], ["serve", "--fd", "{fd}"], bind=bind)
    split = made.index("--")
    assert made[split + 1 :] == ["serve", "--fd", "{fd}"]
    return dict(zip(made[0:split:2], made[1:split:2], strict=True))


def test_it_keeps_the_minimum_unless_told_otherwise() -> None:
    assert arguments_of({"minReplicas": 2})["--count"] == "2"
    assert arguments_of({"minReplicas": 2, "initialReplicas": 3})["--count"] == "3"


def test_the_agent_is_a_child_of_the_supervisor() -> None:
    arguments = arguments_of({})
    assert json.loads(arguments["--agent"]) == ["agent", "x"]
    assert (arguments["--service"], arguments["--max"]) == ("backend", "8")


def test_a_bind_that_was_not_given_is_the_supervisors_default() -> None:
    assert "--bind" not in arguments_of({})
    assert arguments_of({}, bind="127.0.0.1:0")["--bind"] == "127.0.0.1:0"


def test_the_platforms_keys_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSCALE_RELEASE", "r7")
    platform = {
        "driver": "local",
        "readiness": ["curl", "localhost:{port}"],
        "gracePeriod": "1m30s",
        "backoff": {"first": "250ms", "most": 10},
    }
    arguments = arguments_of({"platform": platform})
    assert json.loads(arguments["--readiness"]) == ["curl", "localhost:{port}"]
    assert float(arguments["--grace"]) == 90
    assert float(arguments["--backoff-first"]) == 0.25
    assert float(arguments["--backoff-most"]) == 10
    assert arguments["--release"] == "r7"


def test_another_platforms_keys_mean_nothing_here() -> None:
    platform = {"driver": "mine", "service": "web", "readiness": "x"}
    assert "--readiness" not in arguments_of({"platform": platform})


def test_the_word_of_a_person_is_passed_to_the_agent(tmp_path: Path) -> None:
    policies = str(tmp_path / "p.json")
    assert "--enable" not in run.agent_command(policies, "backend", enable=False)
    assert run.agent_command(policies, "backend", enable=True)[-1] == "--enable"


def test_the_policy_file_is_found_as_the_agent_finds_it(selfscale: Run, write: Callable[[str, Any], Path]) -> None:
    none = selfscale("run", "--", "no-such-program")
    assert none.returncode == 2
    assert "it would be selfscale.json here" in none.stderr
    elsewhere = write("elsewhere.json", {"service": "backend", "maxReplicas": 8, "rules": RULES})
    named = selfscale("run", "--", "no-such-program", SELFSCALE_POLICIES=str(elsewhere))
    assert 'cannot start "no-such-program"' in named.stderr
    elsewhere.rename(elsewhere.with_name("selfscale.json"))
    usual = selfscale("run", "--", "no-such-program")
    assert 'cannot start "no-such-program"' in usual.stderr


@pytest.mark.parametrize("option", ["--enabel", "--polices"])
def test_a_misspelt_option_is_not_taken_for_the_command(selfscale: Run, policy_file: Path, option: str) -> None:
    ended = selfscale("run", "--policies", policy_file, option, "--", "no-such-program")
    assert ended.returncode == 2
    assert f"No such option: {option}" in ended.stderr


@pytest.mark.parametrize("between", [["--"], []])
def test_options_of_the_command_are_its_own(selfscale: Run, policy_file: Path, between: list[str]) -> None:
    ended = selfscale("run", "--policies", policy_file, *between, "no-such-program", "--enabel", "--policies", "x")
    assert 'cannot start "no-such-program"' in ended.stderr
