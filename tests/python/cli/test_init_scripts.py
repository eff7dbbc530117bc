"""The scripts that `selfscale init` writes, run, and read by other shells."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from init_files import TEMPLATES, Written, stand_in
from selfscale.cli._app import app


@pytest.fixture
def control(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the script of that name, and see what it has docker-compose do: this one says it, and does nothing."""
    folder = written("compose", "--service", "backend")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    stand_in(tmp_path / "bin" / "docker-compose", 'echo "$@"')
    stand_in(tmp_path / "bin" / "docker", "exit 1")  # one without the word compose
    script = folder / "scripts" / "autoscaling-control.sh"
    return lambda *words: subprocess.run([script, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["autoscaling-control.sh", "monitor-autoscaling.sh", "setup-autoscaling.sh"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_script_calls_whichever_compose_there_is(
    name: str, version: int, written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 is asked for first: where both are there, version 1 is the one that is left over."""
    folder = written("compose")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    has_word = f'test "$1" = compose && test {version} = 2'
    stand_in(tmp_path / "bin" / "docker", f'{has_word} && echo "2: $@" && [ "$2" = version ]')
    stand_in(tmp_path / "bin" / "docker-compose", 'echo "1: $@"; exit 1')
    stand_in(tmp_path / "bin" / "selfscale", "")
    words = ["status"] if name == "autoscaling-control.sh" else []
    said = subprocess.run([folder / "scripts" / name, *words], capture_output=True, text=True, check=False).stdout
    project = "-p shop -f docker-compose.yml -f docker-compose.autoscale.yml"
    assert said.startswith(f"2: compose {project} " if version == 2 else f"1: {project} ")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["history"], "history --service backend"),
        (["history", "ml"], "history --service ml"),
        *(([word], word) for word in ("status", "explain", "policies", "recommendations", "enable", "disable")),
        (["explain", "01KB"], "explain 01KB"),
        (["enable", "backend"], "enable backend"),
        (["pause", "--for", "30m"], "pause --for 30m"),
        (["scale", "--replicas", "3"], "scale --replicas 3"),
    ],
)
def test_the_control_script_tells_and_asks_the_agent_in_its_container(
    control: Callable[..., Any], words: list[str], command: str
) -> None:
    assert control(*words).stdout.endswith(f"exec -T autoscaler selfscale {command}\n")


@pytest.mark.parametrize("words", [[], ["nonsense"]])
def test_the_control_script_says_what_it_knows(control: Callable[..., Any], words: list[str]) -> None:
    ended = control(*words)
    assert ended.returncode == 2
    assert "autoscaling-control.sh enable | disable" in ended.stderr


def scripts() -> list[Path]:
    return sorted(TEMPLATES.rglob("*.sh"))


def test_scripts_may_be_run(written: Written) -> None:
    assert [path.stat().st_mode & 0o777 for path in (written("compose") / "scripts").iterdir()] == [0o755] * 3


def test_scripts_call_commands_that_there_are() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    text = "\n".join(path.read_text() for path in scripts())
    called = set(re.findall(r"(?:^|exec -T autoscaler )selfscale (\w+)|\) agent (\w+)", text, re.MULTILINE))
    (passed_on,) = re.findall(r'^  ([\w |]+)\) agent "\$@"', text, re.MULTILINE)
    assert {"".join(each) for each in called} == {"validate", "status", "history"} <= known
    assert set(passed_on.split(" | ")) <= known


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_a_script_is_one_for_any_shell(path: Path) -> None:
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed (the extra test has it)")
@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
def test_shellcheck_finds_nothing_in_a_script(path: Path) -> None:
    ended = subprocess.run(["shellcheck", path], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
