"""A storm of forks: children count, and end in every way in which processes do."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from selfscale import Agent
from waiting import until

pytestmark = pytest.mark.integration

FORKS, AT_ONCE, COUNTED = 200, 20, 10
SLOTS = 64  # one of them is that of the process that forks
MEBIBYTE = 1 << 20
POLICY = {
    "service": "forking",
    "evaluationInterval": "50ms",
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
    "maxReplicas": 5,
}


def exit_at_once() -> None:
    os._exit(0)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def become_another_program() -> None:
    """One that lives on: what this process held is let go all the same."""
    os.execv("/bin/sleep", ["sleep", "60"])


WAYS = (exit_at_once, be_killed, become_another_program)
"""How a child ends, as far as the agent goes."""


@pytest.fixture
def chance() -> random.Random:
    """Randomness with a seed that a failure shows."""
    seed = int(os.environ.get("SELFSCALE_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "policies.json").write_text(json.dumps({"policies": [POLICY]}))
    return {
        "SELFSCALE_POLICIES": str(tmp_path / "policies.json"),
        "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
        "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
        "AUTOSCALING_LOG_LEVEL": "off",
    }


def fork(count: Callable[[], None], end: Callable[[], None]) -> int:
    """Have a child count, and end."""
    pid = os.fork()
    if pid == 0:
        try:
            count()
            end()
        finally:
            os._exit(1)
    return pid


def exposed(agent: Agent, name: str) -> float:
    """The sum of a metric's series."""
    text = agent.exposition()[1].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))


def is_sleeping(pid: int) -> bool:
    """Whether a child has become the other program."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep")


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def fork_again_and_again(agent: Agent, count: int) -> None:
    """Start the agent and have so many children, one after the other, each of which counts."""
    counter = agent.counter("counted")
    agent.start()
    for _ in range(count):
        os.waitpid(fork(lambda: counter.inc(COUNTED), exit_at_once), 0)


def test_a_storm_of_forks_loses_no_count(environment: dict[str, str], chance: random.Random) -> None:
    with Agent(environment=environment) as agent:
        counter = agent.counter("counted")
        starts = [chance.random() < 0.2 for _ in range(FORKS)]
        agent.exposition()
        threads_before = threads()
        totals: list[float] = []

        def count(starts_agent: bool) -> None:
            for _ in range(COUNTED):
                counter.inc()
            if starts_agent:
                agent.start()

        for batch in range(0, FORKS, AT_ONCE):
            children = {}
            for number in range(batch, batch + AT_ONCE):
                end = chance.choice(WAYS)
                children[fork(lambda starts_agent=starts[number]: count(starts_agent), end)] = end
                totals.append(exposed(agent, "counted_total"))
            sleeping = [pid for pid, end in children.items() if end is become_another_program]
            for pid in children.keys() - set(sleeping):
                os.waitpid(pid, 0)
            until(lambda pids=sleeping: all(map(is_sleeping, pids)), "they have become other programs")
            assert exposed(agent, "counted_total") == (batch + AT_ONCE) * COUNTED
            assert [one["pids"] for one in agent.status()["instances"]] == [[os.getpid()]]
            for pid in sleeping:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

        assert totals == sorted(totals)
        assert agent.status()["errors"] == 0
        assert threads() <= threads_before, "none for each fork"
        segment = Path(agent.status()["segment"]["path"])
        assert segment.stat().st_blocks * 512 <= (2 + 1 + AT_ONCE) * MEBIBYTE, "a slot takes one, and is used again"


def test_no_scrape_is_wrong_while_several_processes_fork(environment: dict[str, str]) -> None:
    """Slots pass from child to child all the time, while their counts are read."""
    agent = Agent(environment=environment)
    begun, begin = os.pipe()

    def fork_once_told() -> None:
        os.read(begun, 1)
        fork_again_and_again(agent, FORKS // 2)

    forking = {fork(fork_once_told, exit_at_once) for _ in range(4)}
    wanted = len(forking) * (FORKS // 2) * COUNTED
    totals: list[float] = []
    with agent:
        totals.append(exposed(agent, "counted_total"))
        os.write(begin, b"." * len(forking))
        while forking:
            totals.append(exposed(agent, "counted_total"))
            forking -= {pid for pid in forking if os.waitpid(pid, os.WNOHANG)[0] == pid}
        assert totals == sorted(totals)
        assert len(set(totals)) > 2, "nothing was scraped while they forked"
        assert totals[-1] <= wanted
        assert exposed(agent, "counted_total") == wanted
        assert agent.status()["errors"] == 0
    os.close(begun)
    os.close(begin)


def test_a_process_that_found_no_slot_gets_one_when_another_process_ends(environment: dict[str, str]) -> None:
    """As when a server starts all its new workers before the old ones end."""
    said, say = os.pipe()

    def count_and_wait(starts_agent: bool) -> None:
        counter.inc(COUNTED)
        if starts_agent:
            agent.start()
        os.write(say, b".")
        signal.pause()

    with Agent(environment=environment) as agent:
        counter = agent.counter("counted")
        children: list[int] = []
        try:
            for number in range(SLOTS):
                is_one_too_many = number == SLOTS - 1
                children.append(fork(lambda starts_agent=is_one_too_many: count_and_wait(starts_agent), exit_at_once))
                os.read(said, 1)
            assert exposed(agent, "counted_total") == (SLOTS - 1) * COUNTED
            one_too_many = children[-1]
            assert one_too_many not in agent.status()["instances"][0]["pids"]

            ended = children.pop(0)
            os.kill(ended, signal.SIGKILL)
            os.waitpid(ended, 0)
            until(lambda: one_too_many in agent.status()["instances"][0]["pids"], "it has a slot")
            until(lambda: exposed(agent, "counted_total") == SLOTS * COUNTED, "its counts are there")
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            os.close(said)
            os.close(say)
