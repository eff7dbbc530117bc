"""What a person tells a running agent by the command line, and what it says then."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from selfscale import Agent, CallbackDriver

Run = Callable[..., Any]

POLICY = {
    "service": "backend",
    "minReplicas": 2,
    "maxReplicas": 5,
    "evaluationInterval": "50ms",
    "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    """Start agents where the command line looks for them."""
    agents: list[Agent] = []

    def start_one(service: str = "backend", scope: str = "host", **changes: Any) -> Agent:
        where = {"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")}
        counts = [2]
        driver = CallbackDriver(
            lambda replicas: counts.append(int(replicas)), lambda: counts[-1], capabilities={"scope": scope}
        )
        agents.append(Agent({**POLICY, "service": service, **changes}, driver=driver, environment=where))
        agents[-1].start()
        wait_until_it_can_be_asked(tmp_path / "run" / f"{service}.sock")
        return agents[-1]

    yield start_one
    for agent in agents:
        agent.stop()


def wait_until_it_can_be_asked(path: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        assert time.monotonic() < deadline, f"nobody listens at {path}"
        time.sleep(0.005)


def said(ended: Any) -> str:
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1
    return str(ended.stdout.strip())


def test_enabling_says_what_is_on_now_and_what_is_still_in_the_way(start: Callable[..., Agent], selfscale: Run) -> None:
    start()
    first = said(selfscale("enable", "backend"))
    assert first.startswith(
        'the switch of backend is on until `selfscale disable backend`, whatever "enabled" in its policy says;'
        " nothing is scaled yet: the global switch is off"
    )
    assert "`selfscale enable` turns it on" in first
    second = said(selfscale("enable"))
    assert second.startswith("the global switch is on for all services of this user on this host")
    assert "until `selfscale disable`, whatever AUTOSCALING_ENABLED says" in second
    assert "the global switch is off" not in second


def test_the_help_says_for_whom_and_how_long_the_global_switch_holds(selfscale: Run) -> None:
    helped = " ".join(selfscale("enable", "--help", COLUMNS="200").stdout.split())
    assert "for all services of this user on this host" in helped
    assert "until `selfscale disable`" in helped
    assert "goes before AUTOSCALING_ENABLED" in helped


def test_disabling_says_what_is_off(start: Callable[..., Agent], selfscale: Run) -> None:
    start(enabled=True)
    assert said(selfscale("disable", "backend")) == "the switch of backend is off"
    assert said(selfscale("disable")) == "the global switch is off"


def test_a_pause_ends_at_a_time_after_a_while_or_when_it_is_resumed(
    start: Callable[..., Agent], selfscale: Run
) -> None:
    start()
    assert said(selfscale("pause", "backend")) == "backend is paused until `selfscale resume backend`"
    until = said(selfscale("pause", "backend", "--until", "2999-01-19T10:30:00Z"))
    assert until == "backend is paused until 2999-01-19T10:30:00Z"
    assert said(selfscale("pause", "--for", "1h30m")).startswith("backend is paused until 2")
    assert said(selfscale("resume", "backend")).startswith("backend is paused no more; nothing is scaled yet: ")


def test_a_pause_that_cannot_be_read_is_refused(start: Callable[..., Agent], selfscale: Run) -> None:
    start()
    both = selfscale("pause", "backend", "--until", "2999-01-19T10:30:00Z", "--for", "5m")
    assert (both.returncode, both.stderr) == (2, "selfscale: a pause ends once: give --until or --for\n")
    soon = selfscale("pause", "backend", "--for", "soon")
    assert (soon.returncode, soon.stderr) == (
        2,
        'selfscale: --for: "soon" is no duration such as "30m" or "1h30m"\n',
    )
    past = selfscale("pause", "backend", "--until", "2001-01-01T00:00:00Z")
    assert past.returncode == 1
    assert "has passed" in past.stderr


def test_an_order_says_how_many_are_asked_for(start: Callable[..., Agent], selfscale: Run) -> None:
    start(enabled=True)
    said(selfscale("enable"))
    assert said(selfscale("scale", "backend", "--replicas", 3)) == "backend: 3 replicas are asked for"
    assert said(selfscale("scale", "--replicas", 99)) == (
        "backend: 5 replicas are asked for (99 is outside of the policy's bounds)"
    )


def test_an_order_that_an_agent_may_not_carry_out_is_refused_and_the_way_said(
    start: Callable[..., Agent], selfscale: Run
) -> None:
    start()
    ended = selfscale("scale", "backend", "--replicas", 3)
    assert ended.returncode == 1
    assert ended.stdout.startswith("backend: 3 replicas are asked for, which is refused: the global switch is off; ")
    assert "`selfscale enable backend` turns it on" in ended.stdout
    assert ended.stdout.endswith("Ask again then\n")
    ended = selfscale("scale", "backend", "--replicas", 3, "--json")
    assert ended.returncode == 1
    assert "`selfscale enable` turns it on" in json.loads(ended.stdout)["refused"][0]


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["3"], "selfscale scale --replicas 3"), (["backend"], "selfscale scale --replicas N")]
)
def test_an_order_without_a_count_is_told_how_to_say_it(selfscale: Run, arguments: list[str], meant: str) -> None:
    ended = selfscale("scale", *arguments)
    assert (ended.returncode, ended.stderr) == (2, f"selfscale: say how many with --replicas: {meant}\n")


@pytest.mark.parametrize("body", [b'{"detail": "Not Found"}', b"[]"])
def test_an_app_at_the_url_is_no_agent(selfscale: Run, body: bytes) -> None:
    class App(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), App) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        ended = selfscale("status", "--url", f"http://127.0.0.1:{server.server_port}")
    assert ended.returncode == 1
    assert "what answers /api/autoscaling/status is no agent (HTTP 404)" in ended.stderr


# Root sees everything, and so becomes another user first.
_AS_ANOTHER_USER = "import os; from selfscale.cli._app import app; os.getuid() or os.setuid(65534); app()"


@pytest.mark.parametrize("command", ["status", "doctor", "history", "enable"])
@pytest.mark.parametrize("below", [".", "run"])
def test_another_users_agents_are_not_taken_for_none(command: str, below: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o700 if os.getuid() == 0 else 0)
        ended = subprocess.run(
            [sys.executable, "-c", _AS_ANOTHER_USER, command],
            cwd=folder,
            env={**os.environ, "SELFSCALE_RUN_DIR": str(closed / below), "SELFSCALE_STATE_DIR": str(closed / "state")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    owner = pwd.getpwuid(os.getuid()).pw_name if below == "." else "another user"
    assert f"no permission to look into {closed / below}, which is of {owner}" in ended.stderr


def test_programs_get_json(start: Callable[..., Agent], selfscale: Run) -> None:
    start()
    answers = {
        ("enable",): {"enabled": True},
        ("enable", "backend"): {"enabled": True, "service": "backend"},
        ("pause", "backend"): {"service": "backend", "paused": True, "until": None},
        ("resume", "backend"): {"service": "backend", "paused": False},
        ("scale", "backend", "--replicas", "3"): {"service": "backend", "replicas": 3, "serial": 1, "refused": []},
    }
    for arguments, answer in answers.items():
        assert json.loads(selfscale(*arguments, "--json").stdout) == answer


def test_where_no_agent_runs_it_says_how_one_is_found(selfscale: Run) -> None:
    for order in (["enable"], ["pause", "backend"], ["scale", "--replicas", "3"], ["policies"], ["recommendations"]):
        ended = selfscale(*order)
        assert ended.returncode == 1
        assert ended.stderr.startswith("selfscale: no agent ")


def test_where_no_agent_could_be_told_to_stop_it_says_what_holds_the_next_one_back(selfscale: Run) -> None:
    ended = selfscale("disable")
    assert ended.returncode == 1
    assert "SELFSCALE_KILL=1" in ended.stderr


def test_of_several_services_one_has_to_be_named(start: Callable[..., Agent], selfscale: Run) -> None:
    start("backend")
    start("worker")
    ended = selfscale("pause")
    assert ended.returncode == 2
    assert "backend, worker" in ended.stderr
    assert said(selfscale("pause", "worker")).startswith("worker is paused")
    listed = json.loads(selfscale("policies", "--json").stdout)
    assert [policy["service"] for policy in listed] == ["backend", "worker"]


def test_enabling_is_refused_with_the_ways_out_while_one_writer_is_not_certain(
    start: Callable[..., Agent], selfscale: Run
) -> None:
    start(scope="platform")
    ended = selfscale("enable", "backend")
    assert ended.returncode == 1
    assert "SELFSCALE_FLEET=single" in ended.stderr


def test_policies_and_recommendations_are_listed(start: Callable[..., Agent], selfscale: Run) -> None:
    agent = start()
    deadline = time.monotonic() + 60
    while agent.recommendation() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "backend  2 to 5" in selfscale("policies").stdout
    assert "backend  2        2" in selfscale("recommendations").stdout
    (one,) = json.loads(selfscale("recommendations", "--json").stdout)
    assert one["decision"]["recommendation"]["recommendedReplicas"] == 2
