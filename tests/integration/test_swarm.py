"""The driver `swarm` on a real Docker Engine, in a swarm of one node."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_engine import Engine, Start, agents, events, filters, running_engine, wrong
from waiting import until

pytestmark = pytest.mark.integration

NOBODY = 65534


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as made:
        made.do("POST", "/swarm/init", {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
        yield made


class Service:
    """A replicated service of two tasks: the truth behind the driver's back."""

    def __init__(self, engine: Engine, reservations: dict[str, int] | None = None, on_failure: str = "") -> None:
        self.engine = engine
        container = {"Image": "web:1", "Command": ["sleep", "100000"], "StopGracePeriod": 1_000_000_000, "Init": True}
        spec = {
            "Name": "web",
            "Labels": {"color": "blue"},
            "TaskTemplate": {
                "ContainerSpec": container,
                "Networks": [],
                "Resources": {"Reservations": reservations or {}},
            },
            "Mode": {"Replicated": {"Replicas": 2}},
        }
        if on_failure:
            spec["UpdateConfig"] = {"Parallelism": 1, "Delay": 10_000_000_000, "FailureAction": on_failure}
            spec["UpdateConfig"]["Monitor"] = 60_000_000_000  # what ends within this has failed
        engine.do("POST", "/services/create", spec)
        until(lambda: len(self.running()) == 2, self.tasks)

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.do("GET", "/services/web")
        return found

    def replicas(self) -> int:
        return int(self.read()["Spec"]["Mode"]["Replicated"]["Replicas"])

    def tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.do("GET", f"/tasks?filters={filters(service=['web'])}")
        return found

    def running(self) -> set[str]:
        return {
            task["ID"]
            for task in self.tasks()
            if task["Status"]["State"] == "running" and task["DesiredState"] == "running"
        }

    def set_replicas(self, count: int) -> None:
        """As `docker service scale` does."""
        service = self.read()
        service["Spec"]["Mode"]["Replicated"]["Replicas"] = count
        self.write(service)

    def deploy(self, *command: str) -> None:
        """As `docker stack deploy` of another version does."""
        service = self.read()
        service["Spec"]["TaskTemplate"]["ContainerSpec"]["Command"] = command
        self.write(service)

    def go_back(self) -> None:
        """As `docker service rollback` does."""
        service = self.read()
        target = f"/services/web/update?version={service['Version']['Index']}&rollback=previous"
        self.engine.do("POST", target, service["Spec"])

    def update(self) -> str:
        """How the last update goes."""
        return str(self.read().get("UpdateStatus", {}).get("State"))

    def versions(self) -> set[str]:
        """What the tasks that are to run are told to run."""
        return {
            " ".join(task["Spec"]["ContainerSpec"]["Command"])
            for task in self.tasks()
            if task["DesiredState"] == "running"
        }

    def set_grace_period(self, seconds: int) -> None:
        """As `docker service update --stop-grace-period` does."""
        service = self.read()
        service["Spec"]["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] = seconds * 1_000_000_000
        self.write(service)

    def write(self, service: dict[str, Any]) -> None:
        self.engine.do("POST", f"/services/web/update?version={service['Version']['Index']}", service["Spec"])


@pytest.fixture
def make_service(engine: Engine) -> Iterator[Callable[..., Service]]:
    yield lambda **given: Service(engine, **given)
    engine.ask("DELETE", "/v1.41/services/web")
    until(lambda: engine.do("GET", "/containers/json?all=true") == [], lambda: "containers are left")


@pytest.fixture
def start(engine: Engine, tmp_path: Path) -> Iterator[Start]:
    with agents(tmp_path) as begin:
        yield lambda depth=50, timeout="30s", folder=tmp_path, **platform: begin(
            {"driver": "swarm", "host": engine.host, **platform}, depth, timeout, folder
        )


def test_it_scales_the_service_and_leaves_all_else_as_it_is(
    engine: Engine, make_service: Callable[..., Service], start: Start
) -> None:
    """Two, four, two: only the count changes, and no task is restarted on the way up."""
    service = make_service()
    before, first = service.read(), service.running()
    agent = start()
    until(lambda: len(service.running()) == 4, agent.status)
    assert first <= service.running()
    after = service.read()
    assert after["Spec"]["Mode"]["Replicated"]["Replicas"] == 4
    before["Spec"]["Mode"] = after["Spec"]["Mode"]
    assert json.dumps(after["Spec"]) == json.dumps(before["Spec"])
    until(lambda: "succeeded" in events(agent), lambda: events(agent))
    agent.distribution("response_time").observe(0.5)
    agent.gauge("depth").set(0)
    until(lambda: service.replicas() == 2 and len(service.running()) == 2, agent.status)


def test_work_that_swarm_would_cut_off_keeps_its_task(
    engine: Engine, make_service: Callable[..., Service], start: Start
) -> None:
    """Until the service's grace period is raised as the refusal says."""
    service = make_service()
    agent = start()
    until(lambda: service.replicas() == 4 and "succeeded" in events(agent), agent.status)
    agent.gauge("depth").set(0)
    until(lambda: "how long a piece of work takes is not known" in events(agent), lambda: events(agent))
    agent.distribution("response_time").observe(4.5)
    words = "kills it 1 s (the service's stop_grace_period) after it has told it to end: docker service update"
    until(lambda: f"{words} --stop-grace-period 5s web" in events(agent), lambda: events(agent))
    assert service.replicas() == 4
    service.set_grace_period(5)
    until(lambda: service.replicas() == 2, agent.status, seconds=60)


class Proxy:
    """Between an agent and the engine: somebody else writes right before the agent's first write arrives."""

    def __init__(self, engine: Engine, first: Callable[[], None]) -> None:
        self.engine, self.first = engine, first
        self.path = str(engine.folder / "proxy.sock")
        self.statuses: list[str] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(16)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            peer = self.server.accept()[0]
            # An agent that has no time left may hang up.
            with peer, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(ConnectionError):
                request = peer.recv(1 << 20)
                if not request:
                    return
                is_update = b"/update?" in request.split(b"\r\n")[0]
                if is_update and not self.statuses:
                    self.first()
                engine.connect(self.engine.socket)
                engine.sendall(request)
                answer = b""
                while part := engine.recv(1 << 16):
                    answer += part
                if is_update:
                    self.statuses.append(answer.split(b"\r\n")[0].decode() + answer.split(b"\r\n")[-1].decode())
                peer.sendall(answer)

    def stop(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self.path)
        self.thread.join()
        self.server.close()
        Path(self.path).unlink()


def test_who_writes_first_wins(engine: Engine, make_service: Callable[..., Service], start: Start) -> None:
    """The engine refuses what was decided on an older version, and the other's number is adopted."""
    service = make_service()
    proxy = Proxy(engine, lambda: service.set_replicas(3))
    try:
        agent = start(host=f"unix://{proxy.path}")
        until(lambda: "somebody else asked for 3" in events(agent), lambda: (events(agent), proxy.statuses))
        assert proxy.statuses[0].startswith("HTTP/1.1 500"), proxy.statuses
        assert "out of sequence" in proxy.statuses[0]
        until(lambda: service.replicas() == 4, agent.status)
        agent.stop()
    finally:
        proxy.stop()


def test_tasks_that_find_no_node_are_taken_back_with_swarms_words(
    engine: Engine, make_service: Callable[..., Service], start: Start
) -> None:
    """The update is accepted, and two of four tasks fit nowhere. That Swarm takes just those away it does not say."""
    memory = int(engine.do("GET", "/info")["MemTotal"])
    service = make_service(reservations={"MemoryBytes": memory * 2 // 5})
    agent = start(timeout="8s", mayInterruptWork=True)
    until(lambda: "insufficient resources" in events(agent), agent.status)
    until(lambda: service.replicas() == 2, agent.status)
    assert len(service.running()) == 2


def test_a_foreign_change_is_adopted(engine: Engine, make_service: Callable[..., Service], start: Start) -> None:
    """Somebody's `docker service scale` is not fought."""
    service = make_service()
    agent = start(depth=5)
    until(lambda: agent.recommendation("web"), agent.status)
    service.set_replicas(3)
    until(lambda: "somebody else asked for 3" in events(agent), agent.status)
    assert service.replicas() == 3


THAT_FAILS = ("sh", "-c", "sleep 3; exit 1")


def test_an_update_that_fails_is_rolled_back_to_the_version_of_before(
    engine: Engine, make_service: Callable[..., Service], start: Start
) -> None:
    """More tasks are wanted in the middle of it: a new count would make the bad version the one to go back to."""
    service = make_service(on_failure="rollback")
    agent = start(depth=5)
    until(lambda: agent.recommendation("web"), agent.status)
    service.deploy(*THAT_FAILS)
    until(lambda: service.update() == "updating", service.read)
    agent.gauge("depth").set(50)
    until(lambda: "web: no count is set now: an update is under way" in json.dumps(agent.status()), agent.status)
    assert service.replicas() == 2
    until(lambda: service.replicas() == 4 and len(service.running()) == 4, agent.status, seconds=60)
    assert service.versions() == {"sleep 100000"}
    assert "failed" not in events(agent)


def test_an_update_that_is_paused_is_left_to_a_person(
    engine: Engine, make_service: Callable[..., Service], start: Start
) -> None:
    """A new count would have Swarm go on with it, and replace the last task that serves."""
    service = make_service(on_failure="pause")
    agent = start(depth=5)
    until(lambda: agent.recommendation("web"), agent.status)
    service.deploy(*THAT_FAILS)
    until(lambda: service.update() == "paused", service.read, seconds=60)
    agent.gauge("depth").set(50)
    until(lambda: "web: no count is set now: the update is paused" in json.dumps(agent.status()), agent.status)
    assert service.update() == "paused"
    assert service.replicas() == 2
    assert "sleep 100000" in service.versions()
    service.go_back()
    until(lambda: service.replicas() == 4 and len(service.running()) == 4, agent.status, seconds=60)
    assert service.versions() == {"sleep 100000"}


def test_a_service_that_is_not_there_is_said(engine: Engine, start: Start) -> None:
    """The preflight finds it wrong."""
    agent = start(service="wbe")
    until(lambda: "there is no service wbe in this swarm" in wrong(agent), agent.status)


def test_a_socket_that_is_not_for_this_process_is_said(engine: Engine, start: Start) -> None:
    """Whoever is in neither root nor the group docker."""
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        agent = start(folder=folder)
        words = "Permission denied: this process' user is neither root nor in the socket's group"
        until(lambda: words in wrong(agent), agent.status)
        agent.stop()
    finally:
        os.seteuid(0)
        shutil.rmtree(folder, ignore_errors=True)
