"""`selfscale run`: real workers behind one socket, scaled by the agent beside them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from waiting import until

pytest.importorskip("fastapi", reason="the extra fastapi is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("typer", reason="the extra cli is not installed")

pytestmark = pytest.mark.integration

APP = Path(__file__).parent / "served_app.py"
POLICY = {
    "service": "web",
    "minReplicas": 1,
    "maxReplicas": 3,
    "evaluationInterval": "250ms",
    "platform": {"driver": "local", "gracePeriod": "5s"},
    "metrics": [{"name": "depth", "aggregation": "last", "across": "max", "window": "2s"}],
    "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}
CPU_POLICY = {
    **POLICY,
    "metrics": [{"name": "cpu_usage", "window": "2s"}],
    "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 10, "scaleDown": 2}],
}
# The shell waits: what burns is its child's child.
BURNING = ["sh", "-c", 'sh -c "while :; do :; done; true"; true']
# It reports, and has no middleware: a worker of a queue, say.
REPORTING = [
    sys.executable,
    "-c",
    "import pathlib, time, selfscale\nselfscale.start()\ndepth = selfscale.gauge('depth')\n"
    "while True:\n    depth.set(float(pathlib.Path('depth.txt').read_text()))\n    time.sleep(0.1)",
]
WITHOUT_PROC = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
WORKER = [sys.executable, "-m", "uvicorn", "served_app:app", "--fd", "{fd}", "--log-level", "warning"]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


class Running:
    """One `selfscale run`."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        command: list[str],
        policy: dict[str, Any] = POLICY,
        under: list[str] | None = None,
        cli: Sequence[str] = (sys.executable, "-m", "selfscale.cli"),
        **environment: str,
    ) -> None:
        self.folder = folder
        self.cli = cli
        self.log = folder / "run.log"
        (folder / "served_app.py").write_text(APP.read_text())
        (folder / "policies.json").write_text(json.dumps({"policies": [policy]}))
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            **environment,
        }
        bind = ["--bind", "127.0.0.1:0"] if "{fd}" in command else []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*(under or []), *self.cli, "run", "--policies", "policies.json", *bind, *options, "--", *command],
                cwd=folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def words(self) -> str:
        return self.log.read_text()

    def port(self) -> int:
        found = until(lambda: re.search(r"listening on 127\.0\.0\.1:(\d+)", self.words()), self.words)
        return int(found.group(1))

    def ask(self, *command: str) -> Any:
        """Run a command on the agent; None while it has no answer."""
        ended = subprocess.run(
            [*self.cli, *command, "--json"], env=self.environment, capture_output=True, text=True, check=False
        )
        return json.loads(ended.stdout) if ended.returncode == 0 else None

    def answer(self, *command: str) -> Any:
        """What the agent answers to a command, once it does."""
        return until(lambda: self.ask(*command), self.words)

    def say(self, *command: str) -> str:
        """What a command tells a person."""
        ended = subprocess.run([*self.cli, *command], env=self.environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def post(self, path: str, body: dict[str, Any]) -> None:
        """Tell the agent something, as people do over its socket."""
        connection = _UnixConnection(self.folder / "run" / "web.sock")
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()

    def agents(self) -> set[int]:
        """The agent's process, if it lives."""
        found = set()
        for pid in self.members():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if words[1:2] == [b"-c"] and b"_agent_child" in words[2]:
                    found.add(pid)
        return found

    def service(self) -> dict[str, Any]:
        status = self.ask("status")
        return status["services"][0] if status is not None and status["services"] else {}

    def set_depth(self, depth: float) -> None:
        written = self.folder / "depth.new"
        written.write_text(str(depth))
        written.replace(self.folder / "depth.txt")

    def members(self) -> set[int]:
        """Every process that was started here, by its environment."""
        mark = f"SELFSCALE_RUN_DIR={self.environment['SELFSCALE_RUN_DIR']}".encode()
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and mark in (process / "environ").read_bytes().split(b"\0"):
                    found.add(int(process.name))
            except OSError:
                continue
        return found


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start runs, which are gone in the end."""
    runs: list[Running] = []

    def begin(*options: str, command: list[str] | None = None, folder: Path | None = None, **more: Any) -> Running:
        runs.append(Running(folder or tmp_path, *options, command=command or WORKER, **more))
        return runs[-1]

    yield begin
    for running in runs:
        running.process.kill()
        running.process.wait(10)
        for pid in running.members():
            with contextlib.suppress(ProcessLookupError):  # the keeper ends them, too
                os.kill(pid, signal.SIGKILL)


ATTENTIVE = 0.4  # seconds; a connection that is idle for as long as a drain takes is closed


class Visitors:
    """Clients that keep asking, some over kept connections, some over a new one each time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers = 0
        self.errors: list[str] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in (True, True, False)]
        for thread in self._threads:
            thread.start()

    def _ask(self, keeps: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        answered = time.monotonic()
        while not self._done.is_set():
            asked = time.monotonic()
            try:
                connection.request("GET", "/recorded")
                response = connection.getresponse()
                response.read()
                self.answers += response.status == 200
            except (OSError, http.client.HTTPException) as error:
                if not keeps or asked - answered < ATTENTIVE:
                    self.errors.append(repr(error))
                connection.close()
            answered = time.monotonic()
            if not keeps:
                connection.close()
            self._done.wait(0.01)
        connection.close()

    def leave(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(90)


def test_it_scales_up_and_down_and_loses_no_request(start: Start) -> None:
    running = start("--enable")
    running.set_depth(5)
    port = running.port()
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    visitors = Visitors(port)
    try:
        running.set_depth(50)
        until(lambda: running.service().get("readyReplicas") == 3, running.words)
        running.set_depth(0)
        until(lambda: running.service().get("currentReplicas") == 1, running.words)
    finally:
        visitors.leave()
    assert visitors.errors == []
    assert visitors.answers > 0

    [switch] = [one for one in running.answer("status")["switches"] if one["name"] == "enabled"]
    assert switch["by"] == "--enable of this run"
    said_at = datetime.fromisoformat(switch["at"].replace("Z", "+00:00")).timestamp()
    assert time.time() - 600 < said_at < time.time()

    decision_id = until(running.service, running.words)["decisionId"]
    explained = running.answer("explain", decision_id)
    assert explained["policy"]["service"] == "web"
    assert running.answer("replay", decision_id)["same"] is True

    assert "--enable of this run" in running.say("status")
    assert "enabled by --enable of this run at 20" in running.words()
    assert "depth" in running.say("explain")
    assert "the same" in running.say("replay", decision_id)

    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert running.members() == set()
    assert "Traceback" not in running.words()


def test_two_runs_of_one_service_leave_each_others_workers_alone(start: Start, tmp_path: Path) -> None:
    blue = start("--enable")
    blue.set_depth(5)
    ports = [blue.port()]
    until(lambda: blue.service().get("readyReplicas") == 1, blue.words)
    (tmp_path / "green").mkdir()
    shared = {name: blue.environment[name] for name in ("SELFSCALE_RUN_DIR", "SELFSCALE_STATE_DIR")}
    green = start("--enable", folder=tmp_path / "green", policy={**POLICY, "initialReplicas": 3}, **shared)
    ports.append(green.port())
    leader = re.escape(blue.answer("status")["process"])
    until(lambda: re.search(f"another agent, {leader}, leads web", green.words()), green.words)
    until(lambda: len(blue.answer("status")["instances"]) == 4, green.words)
    visitors = [Visitors(port) for port in ports]
    try:
        blue.set_depth(50)
        until(lambda: blue.service().get("readyReplicas") == 3, blue.words)
        blue.set_depth(0)
        until(lambda: blue.service().get("currentReplicas") == 1, blue.words)
        instances = blue.answer("status")["instances"]
    finally:
        for one in visitors:
            one.leave()
    assert [one.errors for one in visitors] == [[], []]
    assert sum(not one["draining"] for one in instances) == 4, instances

    blue.process.send_signal(signal.SIGTERM)
    assert blue.process.wait(30) == 0
    until(lambda: "and scales it with the driver local" in green.words(), green.words)
    until(lambda: green.service().get("readyReplicas") == 3, green.words)


def test_unless_it_may_act_it_recommends(start: Start) -> None:
    running = start(AUTOSCALING_ENABLED="true")
    running.set_depth(50)
    port = running.port()
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    visitors = Visitors(port)
    try:
        until(lambda: running.service().get("recommendedReplicas", 0) > 1, running.words)
    finally:
        visitors.leave()
    service = until(running.service, running.words)
    assert service["mayAct"] is False
    assert service["because"] == "policy_not_enabled"
    assert service["currentReplicas"] == 1
    assert "policy" in running.words()
    told = running.say("status")
    assert "may act: no, policy_not_enabled" in told
    assert re.search(r"^policy_enabled +off +the policy's own \"enabled\" +- +in the way", told, re.MULTILINE), told


def test_workers_that_do_not_report_are_scaled_and_their_cost_is_said(start: Start) -> None:
    running = start("--enable", command=["sleep", "1000"])
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    status = until(
        lambda: (s := running.ask("status")) and s["preflight"]["warnings"] and s["mayAct"] and s, running.words
    )
    assert "SIGTERM alone" in status["preflight"]["warnings"][0]
    assert status["preflight"]["wrong"] == []
    assert "SIGTERM alone" in running.say("status")
    assert "SIGTERM alone" in running.words()


def test_workers_that_report_without_the_middleware_are_ready_and_scaled(start: Start, tmp_path: Path) -> None:
    (tmp_path / "depth.txt").write_text("5")
    running = start("--enable", command=REPORTING)
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    running.set_depth(50)
    until(lambda: running.service().get("readyReplicas") == 3, running.words)
    assert "SIGTERM alone" in running.answer("status")["preflight"]["warnings"][0]


def test_workers_with_the_middleware_are_ready_when_their_lifespan_has_begun(start: Start) -> None:
    running = start("--enable")
    running.port()
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    status = running.answer("status")
    assert [one["ready"] for one in status["instances"]] == [True]
    assert status["preflight"]["warnings"] == []


def test_workers_without_an_agent_are_scaled_by_what_their_processes_use(start: Start) -> None:
    running = start("--enable", command=BURNING, policy=CPU_POLICY)
    until(lambda: running.service().get("readyReplicas", 0) > 1, running.words)
    explained = running.answer("explain", until(running.service, running.words)["decisionId"])
    values = [instance["metrics"]["cpu_usage"].get("value", 0) for instance in explained["snapshot"]["instances"]]
    assert max(values) > 10
    assert re.search(r"web 1 → \d: cpu_usage", running.words())


def test_a_raised_maximum_holds_while_it_runs(start: Start) -> None:
    running = start("--enable", command=BURNING, policy={**CPU_POLICY, "maxReplicas": 1})
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    written = running.folder / "policies.new"
    written.write_text(json.dumps({"policies": [{**CPU_POLICY, "maxReplicas": 2}]}))
    written.replace(running.folder / "policies.json")
    until(lambda: running.service().get("readyReplicas") == 2, running.words)
    assert "failed" not in running.words()


def test_workers_that_end_at_once_are_told_of(start: Start) -> None:
    running = start("--enable", command=["sh", "-c", "exit 7"])
    failure = until(lambda: running.service().get("failure"), running.words)
    assert "exit code 7" in failure
    assert "exit code 7" in running.say("status")
    until(lambda: "the command itself fails" in (running.service().get("failure") or ""), running.words)
    assert running.words().count("the command itself fails") == 1


def test_servers_that_would_open_one_port_are_warned_of_at_the_start(start: Start) -> None:
    running = start("--enable", command=["sh", "-c", "exec sleep 1000", "uvicorn"])
    until(lambda: "would open one port" in running.words(), running.words)
    assert running.words().count("would open one port") == 1


@pytest.mark.skipif(
    subprocess.run([*WITHOUT_PROC, "true"], capture_output=True, check=False).returncode != 0,
    reason="/proc cannot be hidden here: no user namespaces",
)
def test_without_proc_it_says_what_is_missing_and_leaves_nothing_behind(start: Start) -> None:
    running = start("--enable", command=["sleep", "1000"], under=WITHOUT_PROC)
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    missing = [sentence for sentence in running.answer("status")["degraded"] if "/proc is missing" in sentence]
    assert len(missing) == 1
    assert "not measured" in missing[0]
    assert "mount -t proc" in missing[0]
    assert missing[0] in running.words()
    running.process.terminate()
    running.process.wait(30)
    assert running.members() == set()


def test_killing_the_agent_changes_no_worker(start: Start) -> None:
    running = start("--enable")
    running.set_depth(5)
    port = running.port()
    status = running.answer("status")
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    visitors = Visitors(port)
    try:
        agent = int(status["process"].rpartition("/")[2])
        os.kill(agent, signal.SIGKILL)

        def again() -> bool:
            now = running.ask("status")
            return now is not None and now["process"] != status["process"] and now["role"] == "leader"

        until(again, running.words)
    finally:
        visitors.leave()
    assert visitors.errors == []


def test_workers_expose_what_agents_have_done_one_after_the_other(start: Start) -> None:
    running = start("--enable")
    running.set_depth(5)
    port = running.port()
    until(lambda: running.service().get("readyReplicas") == 1, running.words)

    def events(direction: str) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        series = rf'^selfscale_scaling_events_total{{direction="{direction}",outcome="succeeded",.*}} (.*)$'
        return sum(float(value) for value in re.findall(series, text, re.MULTILINE))

    visitors = Visitors(port)
    try:
        running.set_depth(50)
        until(lambda: running.service().get("readyReplicas") == 3, running.words)
        until(lambda: events("up") > 0, running.words)
        gone_up = events("up")
        [agent] = running.agents()
        os.kill(agent, signal.SIGKILL)
        until(lambda: running.agents() not in (set(), {agent}), running.words)
        running.set_depth(0)
        until(lambda: events("down") > 0, running.words)
    finally:
        visitors.leave()
    assert events("up") >= gone_up


def test_what_was_enabled_is_enabled_no_more_after_the_run(start: Start) -> None:
    first = start("--enable", command=["sleep", "1000"])
    until(lambda: first.service().get("mayAct"), first.words)
    first.process.terminate()
    assert first.process.wait(30) == 0
    second = start(command=["sleep", "1000"], AUTOSCALING_ENABLED="false")
    service = until(second.service, second.words)
    assert service["mayAct"] is False
    assert service["because"] == "not_enabled"
    assert list((second.folder / "state").glob("switches*")) == []


def test_an_agent_killed_at_once_takes_nothing_of_the_word_with_it(start: Start) -> None:
    running = start("--enable", command=["sleep", "1000"])
    agents = until(running.agents, running.words)
    for agent in agents:
        os.kill(agent, signal.SIGKILL)
    until(lambda: running.service().get("mayAct"), running.words)
    assert "the agent ended with signal 9" in running.words()
    assert running.agents().isdisjoint(agents)


def test_what_is_switched_off_during_the_run_stays_off(start: Start) -> None:
    running = start("--enable", command=["sleep", "1000"])
    until(lambda: running.service().get("mayAct"), running.words)
    running.post("/api/autoscaling/enable", {"enabled": False, "service": "web"})
    until(lambda: running.service().get("because") == "policy_not_enabled", running.words)
    before = running.answer("status")["process"]
    for agent in running.agents():
        os.kill(agent, signal.SIGKILL)
    until(lambda: (now := running.ask("status")) and now["process"] != before and now["services"], running.words)
    assert until(running.service, running.words)["because"] == "policy_not_enabled"
    running.post("/api/autoscaling/enable", {"enabled": True, "service": "web"})
    until(lambda: running.service().get("mayAct"), running.words)


def test_the_agent_starts_where_files_are_called_as_modules_of_the_standard_library(
    start: Start, tmp_path: Path
) -> None:
    for name in ("argparse", "queue", "token", "signal", "selfscale"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    script = str(Path(sys.executable).with_name("selfscale"))  # its own folder comes first, not the one it is run in
    running = start("--enable", command=["sleep", "1000"], cli=[script], PYTHONPATH="")
    until(lambda: running.service().get("mayAct"), running.words)
    assert "not this one" not in running.words()


def test_a_hung_agent_fails_no_request_and_goes_on_where_it_was(start: Start) -> None:
    running = start("--enable")
    running.set_depth(5)
    port = running.port()
    until(lambda: running.service().get("readyReplicas") == 1, running.words)
    agent = int(running.answer("status")["process"].rpartition("/")[2])
    visitors = Visitors(port)
    try:
        os.kill(agent, signal.SIGSTOP)
        asked = visitors.answers
        running.set_depth(50)
        until(lambda: visitors.answers > asked + 300, running.words)
        os.kill(agent, signal.SIGCONT)
        until(lambda: running.service().get("readyReplicas") == 3, running.words)
    finally:
        visitors.leave()
    assert visitors.errors == []
    os.kill(agent, signal.SIGSTOP)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.members() == set()


@pytest.mark.parametrize("variable", ["SELFSCALE_RUN_DIR", "SELFSCALE_STATE_DIR"])
def test_where_it_may_not_write_it_serves_all_the_same_and_says_once_what_to_do(
    start: Start, tmp_path: Path, variable: str
) -> None:
    (tmp_path / "file").write_text("no directory")
    running = start("--enable", **{variable: str(tmp_path / "file" / "below")})
    visitors = Visitors(running.port())
    advice = f"name a directory that this user may write to in {variable}"
    try:
        until(lambda: advice in running.words(), running.words)
        # Several rounds of whatever tries again.
        began = time.monotonic()
        until(lambda: visitors.answers > 100 and time.monotonic() > began + 5, running.words)
    finally:
        visitors.leave()
    assert visitors.errors == []
    said = Counter(line.rpartition(" warning: ")[2] for line in running.words().splitlines() if advice in line)
    assert max(said.values()) <= 2, "once by the agent, once by the worker"
    assert running.words().count("no reports of workers") == (variable == "SELFSCALE_RUN_DIR")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert running.members() == set()


def test_a_port_in_use_is_said_with_what_to_do(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        running = start("--bind", where)
        assert running.process.wait(30) == 1, running.words()
    assert f"{where} is in use by another process: stop it, or choose another port with --bind" in running.words()
    assert "Traceback" not in running.words()
    assert running.members() == set()


@pytest.mark.parametrize(
    ("options", "command", "code", "words"),
    [
        ([], ["no-such-program"], 1, "no-such-program"),
        (["--bind", "nonsense"], WORKER, 2, "nonsense"),
        (["--service", "nobody"], WORKER, 2, "nobody"),
        ([], ["sleep", "{port}"], 2, "{fd}"),
        ([], ["sleep", "{fdd}"], 2, "{fdd} stands for nothing here: there are {fd}, {port} and {slot}"),
    ],
)
def test_what_cannot_begin_says_why(
    start: Start, options: list[str], command: list[str], code: int, words: str
) -> None:
    running = start(*options, command=command)
    assert running.process.wait(30) == code, running.words()
    assert words in running.words()
    assert "Traceback" not in running.words()
    assert running.members() == set()
