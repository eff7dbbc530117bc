"""The driver `compose` on a real Docker Engine, with projects that docker-compose 1.29.2 and Compose 2 have started."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compose_programs import PROGRAMS, ComposeProgram
from docker_engine import Engine, Start, agents, events, filters, running_engine, wrong
from waiting import until

pytestmark = pytest.mark.integration

FILE = """
version: "2.4"
services:
  web:
    image: web:1
    command: {command}
    network_mode: none
    init: true
    stop_grace_period: 1s
    environment: {{COLOR: {color}}}
    volumes: [data:/data]
    scale: 2
volumes: {{data: {{}}}}
"""

# Of the two containers the first ends at once when it is told to, and the other takes its time.
SLOW_TO_STOP = FILE.replace("stop_grace_period: 1s", "stop_grace_period: 15s")
ONE_IS_SLOW_TO_STOP = "sh -c 'mkdir /data/1 && exec sleep 100000; trap true TERM; while true; do sleep 1; done'"

NETWORKED = """
version: "2.4"
services:
  web:
    image: web:1
    command: {command}
    init: true
    stop_grace_period: 1s
    environment: {{COLOR: {color}}}
    networks: {{default: {{aliases: [shopfront]}}, back: {{}}}}
    scale: 2
networks: {{back: {{}}}}
"""

NUMBER = "com.docker.compose.container-number"
COPY = {"selfscale.copy": "true"}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> ComposeProgram:
    """Who has started the project."""
    given: ComposeProgram = request.param
    given.needed()
    return given


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as made:
        yield made


def is_leaving(container: dict[str, Any]) -> bool:
    """Its name says that it was asked to stop."""
    return bool(container["Names"][0].endswith(f".leaving-{container['Id'][:12]}"))


class Project:
    """A service of two containers: the truth behind the driver's back."""

    def __init__(
        self,
        engine: Engine,
        program: ComposeProgram,
        folder: Path,
        command: str = "sleep 100000",
        color: str = "blue",
        file: str = FILE,
    ) -> None:
        self.engine, self.program, self.folder, self.file = engine, program, folder, file
        folder.mkdir(exist_ok=True)
        self.up(command, color)

    def write(self, command: str, color: str) -> None:
        (self.folder / "docker-compose.yml").write_text(self.file.format(command=command, color=color))

    def up(self, command: str, color: str) -> None:
        self.write(command, color)
        self.compose("up", "-d")

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """The command as it goes on by itself."""
        environment = {**os.environ, "DOCKER_HOST": self.engine.host}
        command = [self.program.path, "-p", "shop", *words]
        return subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.PIPE)

    def compose(self, *words: str) -> None:
        with self.begin(*words) as running:
            said = running.communicate()[1]
        assert running.returncode == 0, said.decode()

    def name(self, number: int) -> str:
        return self.program.separator.join(("shop", "web", str(number)))

    def containers(self) -> list[dict[str, Any]]:
        label = filters(label=["com.docker.compose.project=shop"])
        found: list[dict[str, Any]] = self.engine.do("GET", f"/containers/json?all=true&filters={label}")
        return found

    def numbers(self) -> list[int]:
        """Whose names end in them, as this version of Compose calls containers; of those that stay."""
        names = sorted(each["Names"][0][1:] for each in self.containers() if not is_leaving(each))
        numbers = [int(name.rsplit(self.program.separator)[-1]) for name in names]
        assert names == [self.name(number) for number in numbers]
        return numbers

    def colors(self) -> list[str]:
        """Of which version each container that runs is."""
        running = [each["Id"] for each in self.containers() if each["State"] == "running"]
        answers = [
            self.engine.ask("GET", f"/v1.41/containers/{each}/json") for each in running
        ]  # it may be gone by now
        found = [said["Config"]["Env"] for status, said in answers if status == 200]
        return [word for words in found for word in words if word.startswith("COLOR=")]

    def leaving(self) -> set[str]:
        """Those that were asked to stop, by their ids."""
        return {each["Id"] for each in self.containers() if is_leaving(each)}

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.do("GET", f"/containers/{name}/json")
        return found

    def networks(self, number: int) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.inspect(self.name(number))["NetworkSettings"]["Networks"]
        return found

    def said_by(self, number: int, *command: str) -> str:
        """What a command in that container writes."""
        wanted = {"Cmd": command, "AttachStdout": True, "AttachStderr": True, "Tty": True}
        made = self.engine.do("POST", f"/containers/{self.name(number)}/exec", wanted)
        return str(self.engine.do("POST", f"/exec/{made['Id']}/start", {"Tty": True}))


@pytest.fixture
def make_project(engine: Engine, program: ComposeProgram, tmp_path: Path) -> Iterator[Callable[..., Project]]:
    yield lambda **given: Project(engine, program, tmp_path / "shop", **given)
    for each in engine.do("GET", "/containers/json?all=true"):
        engine.ask("DELETE", f"/v1.41/containers/{each['Id']}?force=true")
    until(lambda: engine.ask("DELETE", "/v1.41/volumes/shop_data")[0] in {204, 404}, "the volume is in use")
    for each in ("default", "back"):
        engine.ask("DELETE", f"/v1.41/networks/shop_{each}")


@pytest.fixture
def start(engine: Engine, tmp_path: Path) -> Iterator[Start]:
    with agents(tmp_path) as begin:
        yield lambda depth=50, timeout="30s", **platform: begin(
            {"driver": "compose", "host": engine.host, "project": "shop", **platform}, depth, timeout
        )


def test_it_scales_what_compose_has_started(engine: Engine, make_project: Callable[..., Project], start: Start) -> None:
    """Two, four, two: copies are what their model is, and Compose takes them for its own."""
    project = make_project()
    agent = start()
    until(lambda: project.numbers() == [1, 2, 3, 4] and "succeeded" in events(agent), agent.status)
    model, copy = (project.inspect(project.name(number)) for number in (2, 4))
    assert copy["HostConfig"] == model["HostConfig"]
    assert copy["Config"]["Env"] == model["Config"]["Env"]
    assert copy["Config"]["Labels"] == model["Config"]["Labels"] | {NUMBER: "4"} | COPY
    assert copy["Image"] == model["Image"]
    assert copy["Config"]["Hostname"] == copy["Id"][:12]
    before = {each["Id"] for each in project.containers()}
    project.compose("up", "-d", "--scale", "web=4")
    assert {each["Id"] for each in project.containers()} == before
    agent.gauge("depth").set(0)
    until(lambda: project.numbers() == [1, 2] and not project.leaving(), agent.status)


def test_copies_are_found_in_the_networks_of_their_model(make_project: Callable[..., Project], start: Start) -> None:
    """Two networks, of which one has a name of its own for the service: both names lead to the copies, too."""
    project = make_project(file=NETWORKED)
    agent = start()
    until(lambda: project.numbers() == [1, 2, 3, 4] and "succeeded" in events(agent), agent.status)
    places = [project.networks(number) for number in (1, 2, 3, 4)]
    names = {"shop_default": {"web", "shopfront"}, "shop_back": {"web"}}
    for network, aliases in names.items():
        assert all(aliases <= set(each[network]["Aliases"]) for each in places)
        assert len({each[network]["IPAddress"] for each in places}) == 4
    assert all(set(each) == set(names) for each in places)
    for number in (1, 4):
        found = project.said_by(number, "busybox", "nslookup", "shopfront.", "127.0.0.11")
        assert {each["shop_default"]["IPAddress"] for each in places} <= set(re.split(r"[\s#]+", found)), found
    before = {each["Id"] for each in project.containers()}
    project.compose("up", "-d", "--scale", "web=4")
    assert {each["Id"] for each in project.containers()} == before
    agent.gauge("depth").set(0)
    until(lambda: project.numbers() == [1, 2] and not project.leaving(), agent.status)


def test_it_scales_what_compose_has_made_anew(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """The project's file has changed since: copies are the new ones' alone, and Compose takes them for its own."""
    project = make_project()
    old = {each["Id"] for each in project.containers()}
    project.up(command="sleep 100000", color="green")
    made_anew = {each["Id"] for each in project.containers()}
    assert not made_anew & old
    agent = start()
    until(lambda: project.numbers() == [1, 2, 3, 4] and "succeeded" in events(agent), agent.status)
    copy = project.inspect(project.name(4))["Config"]
    assert "COLOR=green" in copy["Env"]
    assert "com.docker.compose.replace" not in copy["Labels"]
    before = {each["Id"] for each in project.containers()}
    project.compose("up", "-d", "--scale", "web=4")
    assert {each["Id"] for each in project.containers()} == before > made_anew


def test_no_old_version_is_copied_while_compose_makes_containers_anew(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """More are wanted in the middle of an `up`: they come when it is done, as what it has made."""
    project = make_project(file=SLOW_TO_STOP, command=ONE_IS_SLOW_TO_STOP)
    agent = start(depth=5)
    until(lambda: agent.recommendation("web"), agent.status)
    project.write(ONE_IS_SLOW_TO_STOP, "green")
    with project.begin("up", "-d") as up:
        until(lambda: project.colors() != ["COLOR=blue"] * 2, project.containers)
        agent.gauge("depth").set(50)
        until(lambda: "web: no count is set now" in json.dumps(agent.status()), agent.status)
        assert "succeeded" not in events(agent)
        assert up.wait(100) == 0
    until(lambda: project.colors() == ["COLOR=green"] * 4, project.colors)
    until(lambda: "succeeded" in events(agent), agent.status)
    assert project.numbers() == [1, 2, 3, 4]
    assert not re.search("somebody else asked for [01]", events(agent))


def test_an_up_that_was_killed_is_left_to_a_person(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """Containers of two versions, of which the new ones were never started: the next `up` ends it."""
    project = make_project(file=SLOW_TO_STOP, command=ONE_IS_SLOW_TO_STOP)
    agent = start(depth=5)
    until(lambda: agent.recommendation("web"), agent.status)
    project.write(ONE_IS_SLOW_TO_STOP, "green")
    with project.begin("up", "-d") as up:
        until(lambda: project.colors() != ["COLOR=blue"] * 2, project.containers)
        up.kill()
    agent.gauge("depth").set(50)
    until(lambda: "web: no count is set now" in json.dumps(agent.status()), agent.status)
    assert "succeeded" not in events(agent)
    project.compose("up", "-d")
    until(lambda: project.colors() == ["COLOR=green"] * 4, project.colors)


def test_a_foreign_change_is_adopted(engine: Engine, make_project: Callable[..., Project], start: Start) -> None:
    """Somebody's `up --scale` is not fought."""
    project = make_project()
    agent = start(depth=5)
    until(lambda: agent.recommendation("web"), agent.status)
    project.compose("up", "-d", "--scale", "web=3")
    until(lambda: "somebody else asked for 3" in events(agent), agent.status)
    assert len(project.numbers()) == 3


def test_compose_takes_the_copies_away_as_its_own(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """`up --scale` lets the highest numbers go, `down` everything."""
    project = make_project()
    agent = start()
    until(lambda: project.numbers() == [1, 2, 3, 4] and "succeeded" in events(agent), agent.status)
    agent.stop()
    project.compose("up", "-d", "--scale", "web=3")
    assert project.numbers() == [1, 2, 3]
    project.compose("down", "--timeout", "0")
    assert project.containers() == []


def test_what_an_agent_has_not_seen_off_is_the_next_ones(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """It ends while containers stop: they count no more, Compose reads their names, and the next agent removes them."""
    project = make_project(command="sh -c 'trap true TERM; while true; do sleep 1; done'")
    agent = start(gracePeriodSeconds=60)
    until(lambda: project.numbers() == [1, 2, 3, 4] and "succeeded" in events(agent), agent.status)
    agent.gauge("depth").set(0)
    until(lambda: len(project.leaving()) == 2, agent.status)
    agent.stop()
    left = project.leaving()
    project.compose("ps")
    for each in left:
        engine.do("POST", f"/containers/{each}/kill")
    successor = start()
    until(lambda: not project.leaving() and project.numbers() == [1, 2, 3, 4], successor.status)
    before = {each["Id"] for each in project.containers()}
    assert not before & left
    project.compose("up", "-d", "--scale", "web=4")
    assert {each["Id"] for each in project.containers()} == before


def test_what_was_never_started_is_not_started(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """A copy whose maker was killed goes; what Compose or a person has created stays as it is, and is waited for."""
    project = make_project()
    labels = project.inspect(project.name(2))["Config"]["Labels"]
    for number, mark in ((3, COPY), (4, {})):
        made = {"Image": "web:1", "Cmd": ["sleep", "1"], "Labels": labels | {NUMBER: str(number)} | mark}
        engine.do("POST", f"/containers/create?name={project.name(number)}", made)
    agent = start()
    until(lambda: project.numbers() == [1, 2, 4], agent.status)
    held = f"the container {project.name(4)} is made and not started"
    until(lambda: held in json.dumps(agent.status()), agent.status)
    assert project.inspect(project.name(4))["State"]["Status"] == "created"
    engine.do("DELETE", f"/containers/{project.name(4)}")
    until(lambda: project.numbers() == [1, 2, 3, 4] and "succeeded" in events(agent), agent.status)


def test_who_takes_the_name_first_wins(engine: Engine, make_project: Callable[..., Project], start: Start) -> None:
    """The next name is another container's: the engine refuses, and nothing of the other's is touched."""
    project = make_project()
    third = project.name(3)
    engine.do("POST", f"/containers/create?name={third}", {"Image": "web:1", "Cmd": ["sleep", "1"]})
    agent = start()
    until(lambda: "is already in use" in events(agent), lambda: events(agent))
    assert project.numbers() == [1, 2]
    assert project.inspect(third)["State"]["Status"] == "created"


def test_containers_that_do_not_stay_are_taken_back_with_the_engines_words(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """Whoever comes third ends at once: the change is accepted, and fails."""
    project = make_project(command="sh -c 'mkdir /data/1 || mkdir /data/2 || exit 7; sleep 100000'")
    agent = start(timeout="8s")
    until(lambda: "Exited (7)" in events(agent), lambda: events(agent))
    until(lambda: project.numbers() == [1, 2] and not project.leaving(), agent.status)


def test_a_project_that_is_not_there_is_said(engine: Engine, start: Start) -> None:
    """The preflight finds it wrong."""
    agent = start(project="blog")
    until(lambda: "no container of the service web in the project blog" in wrong(agent), agent.status)
