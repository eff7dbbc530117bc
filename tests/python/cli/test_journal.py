"""explain and replay from the journal on disk: whatever was decided, whether its agent still runs or not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selfscale import Agent, __version__, _core
from selfscale.testing import MemoryPlatform

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, Any], Path]


def policy_of(service: str) -> dict[str, Any]:
    return {
        "service": service,
        "maxReplicas": 5,
        "evaluationInterval": "50ms",
        "metrics": [{"name": "depth", "window": "200ms", "aggregation": "last"}],
        "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
        "behavior": {"scaleUp": {"cooldown": "1h"}, "scaleDown": {"stabilizationWindowSeconds": 0}},
    }


def begin(service: str, folder: Path) -> Agent:
    """Start an agent that scales from 1 to 2 replicas, and wait until it has."""
    environment = {
        "SELFSCALE_RUN_DIR": str(folder / "run"),
        "SELFSCALE_STATE_DIR": str(folder / "state"),
        "AUTOSCALING_LOG_LEVEL": "off",
    }
    driver = MemoryPlatform(replicas=1)
    agent = Agent(policy_of(service), service=service, driver=driver, enable=True, environment=environment)
    agent.gauge("depth").set(50)
    agent.start()
    wait_for(lambda: any(event.has_ended for event in agent.history(service)))
    return agent


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def ended(tmp_path: Path) -> Agent:
    """An agent of the service backend that has scaled once by rule, once by hand, and does not run any more."""
    agent = begin("backend", tmp_path)
    agent.scale("backend", 3).wait(timeout=20)
    agent.stop()
    return agent


def event_of(agent: Agent, trigger: str) -> Any:
    return next(event for event in agent.history("backend") if event.trigger == trigger)


def test_a_decision_is_explained_by_its_id_and_by_that_of_its_event(selfscale: Run, ended: Agent) -> None:
    event = event_of(ended, "policy")
    by_event = selfscale("explain", event.id)
    assert by_event.returncode == 0, by_event.stderr
    assert "backend: 1 -> 2" in by_event.stdout
    assert "depth" in by_event.stdout
    assert selfscale("explain", event.decision).stdout == by_event.stdout
    assert json.loads(selfscale("explain", event.id, "--json").stdout)["id"] == event.decision


def test_without_an_id_the_last_decision_is_explained(selfscale: Run, ended: Agent) -> None:
    explained = selfscale("explain")
    assert explained.returncode == 0, explained.stderr
    assert "\nbackend: " in explained.stdout


def test_the_history_lists_the_events_with_their_ids_the_newest_first(selfscale: Run, ended: Agent) -> None:
    by_hand, by_rule = event_of(ended, "manual"), event_of(ended, "policy")
    listed = selfscale("history")
    assert listed.returncode == 0, listed.stderr
    heading, first, second = listed.stdout.splitlines()
    assert heading.split()[0] == "id"
    assert first.startswith(by_hand.id)
    assert "2 -> 3" in first
    assert second.startswith(by_rule.id)
    assert "depth" in second
    assert by_rule.id not in selfscale("history", "--limit", 1).stdout
    found = json.loads(selfscale("history", "--service", "backend", "--json").stdout)
    assert [event["id"] for event in found] == [by_hand.id, by_rule.id]
    assert selfscale("history", "--service", "nobody").returncode == 1


def test_a_running_agent_lists_the_same_events_as_its_journal(selfscale: Run, tmp_path: Path) -> None:
    agent = begin("backend", tmp_path)
    try:
        asked = json.loads(selfscale("history", "--json").stdout)
        explained, status = selfscale("explain").stdout, selfscale("status").stdout
        found = agent.status()["services"][0]["decisionId"]
    finally:
        agent.stop()
    assert json.loads(selfscale("history", "--json").stdout) == asked
    assert explained.startswith("decision ")
    assert explained.split()[1] in selfscale("explain", explained.split()[1]).stdout
    assert "decision" in status
    assert found


def test_a_decision_is_replayed_bit_for_bit(selfscale: Run, ended: Agent) -> None:
    event = event_of(ended, "policy")
    for name in (event.id, event.decision):
        replayed = selfscale("replay", name)
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        assert "the same" in replayed.stdout


DECIDES_AGAIN = """
import json, sys
import selfscale

lines = [json.loads(line) for line in sys.stdin]
policies = {line["hash"]: line["policy"] for line in lines if line["kind"] == "policy"}
answers = []
for record in (line for line in lines if line["kind"] == "decision"):
    again = selfscale.replay(record, policies[record["policyHash"]])
    answers.append({"same": again.same, "to": again.again["toReplicas"]})
print(json.dumps(answers))
"""


def decided_again(lines: list[Any]) -> list[Any]:
    """What a process that knows nothing else makes of the records of a journal."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(
        [sys.executable, "-c", DECIDES_AGAIN], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_a_new_process_decides_every_recorded_decision_again_bit_for_bit(ended: Agent, tmp_path: Path) -> None:
    journal = _core.Journal(str(tmp_path / "state"))
    lines = [json.loads(line) for line in journal.jsonl("backend").splitlines()]
    decisions = [line for line in lines if line["kind"] == "decision"]
    answers = decided_again(lines)
    assert len(answers) == len(decisions) > 2
    assert all(answer["same"] for answer in answers)

    step = next(line for line in decisions if line["decision"]["toReplicas"] > line["decision"]["fromReplicas"])
    for instance in step["snapshot"]["instances"]:
        instance["metrics"]["depth"]["value"] = 9  # the rule scales above 10
    otherwise = decided_again(lines)
    assert [answer["same"] for answer in otherwise].count(False) == 1
    assert otherwise[decisions.index(step)] == {"same": False, "to": step["decision"]["fromReplicas"]}


def test_what_another_policy_would_have_decided_stands_beside_it(selfscale: Run, ended: Agent, write: Write) -> None:
    event = event_of(ended, "policy")
    bolder = policy_of("backend")
    bolder["rules"][0]["scaleUpBy"] = 3
    file = write("bolder.json", bolder)
    replayed = selfscale("replay", event.id, "--policy", file)
    assert replayed.returncode == 0, replayed.stderr
    [replicas] = [line for line in replayed.stdout.splitlines() if line.startswith("replicas")]
    assert replicas.split() == ["replicas", "1", "->", "2", "1", "->", "4"]
    both = json.loads(selfscale("replay", event.id, "--policy", file, "--json").stdout)
    assert (both["recorded"]["toReplicas"], both["again"]["toReplicas"]) == (2, 4)


def change(folder: Path, sql: str) -> None:
    database = sqlite3.connect(folder / "state" / "journal.sqlite")
    with database:
        database.execute(sql)
    database.close()


def test_another_core_is_named_and_may_still_decide_the_same(selfscale: Run, ended: Agent, tmp_path: Path) -> None:
    change(tmp_path, f"""UPDATE decisions SET json = replace(json, '"core":"{__version__}"', '"core":"0.0.1"')""")
    event = event_of(ended, "policy")
    replayed = selfscale("replay", event.id)
    assert replayed.returncode == 0, replayed.stdout
    assert "recorded by selfscale 0.0.1" in replayed.stdout
    assert "the same, to the last bit" in replayed.stdout
    found = json.loads(selfscale("replay", event.id, "--json").stdout)
    assert found["core"] == {"recorded": "0.0.1", "again": __version__}


def test_a_decision_that_comes_out_otherwise_is_shown_beside_the_recorded_one(
    selfscale: Run, ended: Agent, tmp_path: Path
) -> None:
    change(tmp_path, """UPDATE decisions SET json = replace(json, '"toReplicas":2', '"toReplicas":4')""")
    replayed = selfscale("replay", event_of(ended, "policy").id)
    assert replayed.returncode == 1
    assert "1 -> 4" in replayed.stdout
    assert "1 -> 2" in replayed.stdout


def test_an_order_by_hand_has_no_decision_and_says_so(selfscale: Run, ended: Agent) -> None:
    explained = selfscale("explain", event_of(ended, "manual").id)
    assert explained.returncode == 1
    assert "manual" in explained.stderr


def test_an_unknown_id_is_named(selfscale: Run, ended: Agent) -> None:
    for command in ("explain", "replay"):
        refused = selfscale(command, "01NOBODY")
        assert refused.returncode == 1
        assert "01NOBODY" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.fixture
def other(tmp_path: Path, ended: Agent) -> Iterator[Agent]:
    """An agent of the service worker, which runs."""
    agent = begin("worker", tmp_path)
    yield agent
    agent.stop()


def test_of_several_services_one_is_to_be_named(selfscale: Run, ended: Agent, other: Agent) -> None:
    assert "\nworker: " in selfscale("explain").stdout, "the one that runs"
    other.stop()
    unnamed = selfscale("explain")
    assert unnamed.returncode == 2
    assert "backend, worker" in unnamed.stderr
    assert "\nbackend: " in selfscale("explain", "--service", "backend").stdout
    unknown = selfscale("explain", "--service", "nobody")
    assert unknown.returncode == 1
    assert "nobody" in unknown.stderr


def test_an_id_is_found_whoever_runs(selfscale: Run, ended: Agent, other: Agent) -> None:
    decision = event_of(ended, "policy").decision
    for arguments in ([], ["--service", "backend"], ["--service", "worker"]):
        explained = selfscale("explain", decision, *arguments)
        assert explained.returncode == 0, explained.stderr
        assert "\nbackend: 1 -> 2" in explained.stdout


def test_a_journal_that_cannot_be_read_is_left_as_it_is(selfscale: Run, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "journal.sqlite").write_text("not a database, and longer than the header of one: " + "x" * 100)
    refused = selfscale("explain", "01J")
    assert refused.returncode == 1
    assert "journal.sqlite cannot be read" in refused.stderr
    assert [path.name for path in state.iterdir()] == ["journal.sqlite"]


def test_looking_for_a_journal_makes_none(selfscale: Run, tmp_path: Path) -> None:
    refused = selfscale("explain", "01J")
    assert refused.returncode == 1
    assert "no agent runs here" in refused.stderr
    assert str(tmp_path / "state") in refused.stderr
    assert not (tmp_path / "state").exists()
