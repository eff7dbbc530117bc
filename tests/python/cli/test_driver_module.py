"""`--driver-module`: commands that run no code of people's own find the drivers that they have written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from racks_server import RacksServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, Any], Path]

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "own_driver"
POLICY = {
    "service": "backend",
    "minReplicas": 2,
    "maxReplicas": 4,
    "evaluationInterval": "100ms",
    "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
}


@pytest.fixture
def racks() -> Iterator[RacksServer]:
    server = RacksServer()
    yield server
    server.close()


@pytest.fixture
def beside_the_example() -> dict[str, str]:
    """An environment in which the example's folder is searched, too."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(EXAMPLE), os.environ.get("PYTHONPATH")]))}


@pytest.fixture
def policies(racks: RacksServer, write: Write) -> Path:
    """A policy that acts through the example's driver."""
    platform = {"driver": "racks", "url": racks.url}
    return write("policies.json", {"policies": [{**POLICY, "platform": platform}]})


def driver_of(ended: subprocess.CompletedProcess[str]) -> Any:
    """What the doctor sees of the only service's driver."""
    [service] = json.loads(ended.stdout)["services"]
    [check] = [check for check in service["checks"] if check["name"] == "driver"]
    return service["driver"], check


def test_the_doctor_looks_through_a_driver_of_ones_own(
    selfscale: Run, policies: Path, beside_the_example: dict[str, str]
) -> None:
    given = ("--driver-module", "racks", "--json")
    name, check = driver_of(selfscale("doctor", "--policies", policies, *given, **beside_the_example))
    assert name == "racks"
    assert "2 replicas wanted, 2 there" in check["seen"]


def test_the_module_may_be_named_by_the_environment(
    selfscale: Run, policies: Path, beside_the_example: dict[str, str]
) -> None:
    named = {**beside_the_example, "SELFSCALE_DRIVER_MODULE": "racks"}
    _, check = driver_of(selfscale("doctor", "--policies", policies, "--json", **named))
    assert "2 replicas wanted, 2 there" in check["seen"]


def test_the_page_on_own_drivers_has_a_line_that_runs_an_agent_with_one(
    policies: Path, racks: RacksServer, beside_the_example: dict[str, str]
) -> None:
    page = (ROOT / "docs" / "callback.md").read_text()
    [line] = re.findall(r"^SELFSCALE_FLEET=single selfscale (agent .*--driver-module racks.*)$", page, re.MULTILINE)
    racks.set_truth(1)
    process = subprocess.Popen(
        [sys.executable, "-m", "selfscale.cli", *line.split()],
        cwd=policies.parent,
        env={
            **os.environ,
            **beside_the_example,
            "SELFSCALE_FLEET": "single",
            "SELFSCALE_RUN_DIR": str(policies.parent / "run"),
            "SELFSCALE_STATE_DIR": str(policies.parent / "state"),
        },
    )
    try:
        deadline = time.monotonic() + 60
        while racks.truth() != POLICY["minReplicas"]:
            assert process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it never scaled"
            time.sleep(0.02)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_a_module_of_this_folder_is_found(selfscale: Run, policies: Path, write: Write) -> None:
    write("mydriver.py", (EXAMPLE / "racks.py").read_text())
    _, check = driver_of(selfscale("doctor", "--policies", policies, "--driver-module", "mydriver", "--json"))
    assert "2 replicas wanted, 2 there" in check["seen"]


def test_without_it_an_unknown_driver_is_wrong_and_the_way_out_is_said(selfscale: Run, policies: Path) -> None:
    _, check = driver_of(selfscale("doctor", "--policies", policies, "--json"))
    [finding] = check["wrong"]
    assert 'no driver is called "racks"' in finding["what"]
    assert "--driver-module" in finding["what"]


@pytest.mark.parametrize(
    ("code", "module", "exit_code", "words"),
    [
        ("", "nowhere.drivers", 2, "PYTHONPATH to the folder in which nowhere lies"),
        ("x = 1", "mydriver", 1, "registers no driver: have it call selfscale.register_driver(NAME, FACTORY)"),
        ("import no_such_library", "mydriver", 1, "No module named 'no_such_library'. Install that in "),
        ("\nraise KeyError('RACKS')", "mydriver", 1, "KeyError: 'RACKS' ("),
        ("import selfscale\nselfscale.register_driver('ecs', print)", "mydriver", 1, "the name 'ecs'"),
    ],
)
def test_a_module_that_gives_no_driver_is_refused_in_one_sentence(
    selfscale: Run, policies: Path, write: Write, code: str, module: str, exit_code: int, words: str
) -> None:
    write("mydriver.py", code)
    for command in ("agent", "doctor"):
        ended = selfscale(command, "--policies", policies, "--driver-module", module)
        assert ended.returncode == exit_code
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_line_of_an_error_in_it_is_said(selfscale: Run, policies: Path, write: Write) -> None:
    path = write("mydriver.py", "\n\nraise KeyError('RACKS')")
    ended = selfscale("agent", "--policies", policies, "--driver-module", "mydriver")
    assert f"({path}, line 3)" in ended.stderr


def test_a_driver_that_cannot_be_made_is_refused_in_one_sentence(selfscale: Run, write: Write) -> None:
    path = write(
        "mydriver.py",
        "import selfscale\nselfscale.register_driver('racks', lambda service, platform: platform['url'])\n",
    )
    given = write("policies.json", {"policies": [{**POLICY, "platform": {"driver": "racks", "ulr": "http://a:b@c"}}]})
    for command in ("agent", "doctor"):
        ended = selfscale(command, "--policies", given, "--driver-module", "mydriver")
        assert ended.returncode == 1
        assert f"the platform's keys (driver, ulr): KeyError: 'url' ({path}, line 2)" in " ".join(ended.stderr.split())
        assert "Traceback" not in ended.stderr


@pytest.fixture
def misspelt(write: Write) -> Path:
    """A policy whose driver has nearly the name of one of selfscale's."""
    return write("policies.json", {"policies": [{**POLICY, "platform": {"driver": "kubernets"}}]})


def test_a_driver_with_nearly_the_name_of_ours_is_a_mistake(selfscale: Run, misspelt: Path) -> None:
    ended = selfscale("validate", misspelt)
    assert ended.returncode == 1
    assert '/policies/0/platform/driver = "kubernets"' in ended.stdout
    assert 'did you mean "kubernetes"?' in ended.stdout
    assert "--driver-module" in ended.stdout
    assert "1 mistake" in ended.stdout
    said = json.loads(selfscale("validate", misspelt, "--json").stdout)
    assert said["valid"] is False
    assert [each["pointer"] for each in said["problems"]] == ["/policies/0/platform/driver"]


@pytest.mark.parametrize(
    ("name", "meant"), [("esc", "ecs"), ("k8s", "kubernetes"), ("docker", "compose"), ("celery", "celery_pool")]
)
def test_swapped_letters_and_other_names_are_mistakes_too(selfscale: Run, write: Write, name: str, meant: str) -> None:
    ended = selfscale("validate", write("policies.json", {"policies": [{**POLICY, "platform": {"driver": name}}]}))
    assert ended.returncode == 1
    assert f'did you mean "{meant}"?' in ended.stdout


def test_any_other_name_is_hinted_at(selfscale: Run, write: Write) -> None:
    given = write("policies.json", {"policies": [{**POLICY, "platform": {"driver": "nomad"}}]})
    ended = selfscale("validate", given)
    assert ended.returncode == 0
    assert "nothing is scaled where no driver of yours is registered by that name" in " ".join(ended.stdout.split())
    write("own.py", "import selfscale\nselfscale.register_driver('nomad', lambda service, platform: None)\n")
    assert "hint" not in selfscale("validate", given, "--driver-module", "own").stdout


def test_it_is_none_where_a_module_registers_a_driver_of_that_name(
    selfscale: Run, misspelt: Path, write: Write, tmp_path: Path
) -> None:
    write("own.py", "import selfscale\nselfscale.register_driver('kubernets', lambda service, platform: None)\n")
    ended = selfscale("validate", misspelt, "--driver-module", "own")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "did you mean" not in ended.stdout
    named = selfscale("validate", misspelt, "--json", SELFSCALE_DRIVER_MODULE="own")
    assert json.loads(named.stdout)["valid"] is True
    assert [each for each in json.loads(named.stdout)["hints"] if "driver" in each["pointer"]] == []


@pytest.mark.parametrize("driver", ["shelf", "vercel", "memory"])
def test_other_names_are_left_alone(selfscale: Run, write: Write, driver: str) -> None:
    policy = {**POLICY, "enabled": True, "platform": {"driver": driver}}
    assert selfscale("validate", write("policies.json", {"policies": [policy]})).returncode == 0
