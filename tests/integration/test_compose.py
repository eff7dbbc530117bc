"""The driver `compose` on a real Docker Engine, with a project that Debian's docker-compose 1.29.2 has started."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_engine import Engine, Start, agents, events, filters, running_engine, until, wrong

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        shutil.which("docker-compose") is None,
        reason="docker-compose is not installed (Debian's package of that name)",
    ),
]

FILE = """
version: "2.4"
services:
  web:
    image: web:1
    command: {command}
    network_mode: none
    init: true
    stop_grace_period: 1s
    environment: {{COLOR: blue}}
    volumes: [data:/data]
    scale: 2
volumes: {{data: {{}}}}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as made:
        yield made


class Project:
    """A service of two containers: the truth behind the driver's back."""

    def __init__(self, engine: Engine, folder: Path, command: str = "sleep 100000") -> None:
        self.engine, self.folder = engine, folder
        folder.mkdir(exist_ok=True)
        (folder / "docker-compose.yml").write_text(FILE.format(command=command))
        self.compose("up", "-d")

    def compose(self, *words: str) -> None:
        environment = {**os.environ, "DOCKER_HOST": self.engine.host}
        done = subprocess.run(
            ["docker-compose", "-p", "shop", *words], cwd=self.folder, env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()

    def containers(self) -> list[dict[str, Any]]:
        label = filters(label=["com.docker.compose.project=shop"])
        found: list[dict[str, Any]] = self.engine.do("GET", f"/containers/json?all=true&filters={label}")
        return found

    def names(self) -> list[str]:
        return sorted(each["Names"][0][1:] for each in self.containers())

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.do("GET", f"/containers/{name}/json")
        return found


@pytest.fixture
def make_project(engine: Engine, tmp_path: Path) -> Iterator[Callable[..., Project]]:
    yield lambda **given: Project(engine, tmp_path / "shop", **given)
    for each in engine.do("GET", "/containers/json?all=true"):
        engine.ask("DELETE", f"/v1.41/containers/{each['Id']}?force=true")
    engine.ask("DELETE", "/v1.41/volumes/shop_data")


@pytest.fixture
def start(engine: Engine, tmp_path: Path) -> Iterator[Start]:
    with agents(tmp_path) as begin:
        yield lambda depth=50, timeout="30s", **platform: begin(
            {"driver": "compose", "host": engine.host, "project": "shop", **platform}, depth, timeout
        )


def test_it_scales_what_docker_compose_has_started(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """Two, four, two: copies are what their model is, and docker-compose takes them for its own."""
    project = make_project()
    agent = start()
    until(lambda: len(project.names()) == 4 and "succeeded" in events(agent), agent.status)
    assert project.names() == [f"shop_web_{number}" for number in (1, 2, 3, 4)]
    model, copy = project.inspect("shop_web_2"), project.inspect("shop_web_4")
    assert copy["HostConfig"] == model["HostConfig"]
    assert copy["Config"]["Env"] == model["Config"]["Env"]
    assert copy["Image"] == model["Image"]
    assert copy["Config"]["Hostname"] == copy["Id"][:12]
    before = {each["Id"] for each in project.containers()}
    project.compose("up", "-d", "--scale", "web=4")
    assert {each["Id"] for each in project.containers()} == before
    agent.gauge("depth").set(0)
    until(lambda: len(project.names()) == 2, agent.status)
    assert project.names() == ["shop_web_1", "shop_web_2"]


def test_a_foreign_change_is_adopted(engine: Engine, make_project: Callable[..., Project], start: Start) -> None:
    """Somebody's `docker-compose up --scale` is not fought."""
    project = make_project()
    agent = start(depth=5)
    until(lambda: agent.recommendation("web"), agent.status)
    project.compose("up", "-d", "--scale", "web=3")
    until(lambda: "somebody else asked for 3" in events(agent), agent.status)
    assert len(project.names()) == 3


def test_who_takes_the_name_first_wins(engine: Engine, make_project: Callable[..., Project], start: Start) -> None:
    """The next name is another container's: the engine refuses, and nothing of the other's is touched."""
    project = make_project()
    engine.do("POST", "/containers/create?name=shop_web_3", {"Image": "web:1", "Cmd": ["sleep", "1"]})
    agent = start()
    until(lambda: "is already in use" in events(agent), lambda: events(agent))
    assert project.names() == ["shop_web_1", "shop_web_2"]
    assert project.inspect("shop_web_3")["State"]["Status"] == "created"


def test_containers_that_do_not_stay_are_taken_back_with_the_engines_words(
    engine: Engine, make_project: Callable[..., Project], start: Start
) -> None:
    """Whoever comes third ends at once: the change is accepted, and fails."""
    project = make_project(command="sh -c 'mkdir /data/1 || mkdir /data/2 || exit 7; sleep 100000'")
    agent = start(timeout="2s")
    until(lambda: "Exited (7)" in events(agent), lambda: events(agent))
    until(lambda: project.names() == ["shop_web_1", "shop_web_2"], agent.status)


def test_a_project_that_is_not_there_is_said(engine: Engine, start: Start) -> None:
    """The preflight finds it wrong."""
    agent = start(project="blog")
    until(lambda: "no container of the service web in the project blog" in wrong(agent), agent.status)
