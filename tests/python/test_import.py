"""Importing does nothing but import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROBE = """
import json, logging, os, sys
before = set(sys.modules)
import selfscale
print(json.dumps({
    "threads": len(os.listdir("/proc/self/task")),
    "sockets": [t for f in os.listdir("/proc/self/fd") if (t := target(f)).startswith("socket:")],
    "handlers": len(logging.getLogger().handlers) + len(logging.getLogger("selfscale").handlers),
    "modules": sorted({name.split(".")[0] for name in set(sys.modules) - before}),
    "libraries": [name for name in ("libpq",) if name in open("/proc/self/maps").read()],
    "children": open(f"/proc/self/task/{os.getpid()}/children").read(),
}))
"""
TARGET = """
def target(descriptor):
    import os
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""
"""

FRAMEWORKS = {"fastapi", "starlette", "uvicorn", "gunicorn", "django", "flask", "celery", "asyncio", "typer", "rich"}
SLOW = {"typing", "json", "re", "dataclasses", "datetime", "contextlib"}  # each takes longer than selfscale itself
HEAVY = {"numpy", "pandas", "matplotlib", "http", "socket", "ssl", "sqlite3"}


@pytest.fixture(scope="module")
def seen() -> dict[str, object]:
    output = subprocess.run([sys.executable, "-c", TARGET + PROBE], check=True, capture_output=True, text=True).stdout
    found: dict[str, object] = json.loads(output)
    return found


def test_importing_starts_no_thread_and_no_process(seen: dict[str, object]) -> None:
    assert seen["threads"] == 1
    assert seen["children"] == ""


def test_importing_opens_no_socket(seen: dict[str, object]) -> None:
    assert seen["sockets"] == []


def test_importing_adds_no_log_handler(seen: dict[str, object]) -> None:
    assert seen["handlers"] == 0


def test_importing_loads_no_library_that_only_some_meeting_places_need(seen: dict[str, object]) -> None:
    assert seen["libraries"] == []


def test_importing_imports_no_framework(seen: dict[str, object]) -> None:
    modules = seen["modules"]
    assert isinstance(modules, list)
    assert not (FRAMEWORKS | HEAVY) & set(modules)


def test_what_the_standard_library_takes_long_for_is_imported_when_it_is_needed() -> None:
    code = "import sys; before = set(sys.modules); import selfscale; print(*(set(sys.modules) - before))"
    # Without `site`, which on some machines imports half of it.
    path = f"import sys; sys.path[:0] = {sys.path!r}; "
    done = subprocess.run([sys.executable, "-S", "-c", path + code], check=True, capture_output=True, text=True)
    assert not SLOW & set(done.stdout.split())


def test_every_name_of_the_package_is_found() -> None:
    import selfscale

    for name in selfscale.__all__:
        assert getattr(selfscale, name) is not None
    assert selfscale.errors.Error is selfscale.Error
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        selfscale.nothing  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [
        "selfscale.integrations.asgi",
        "selfscale.integrations.fastapi",
        "selfscale.integrations.wsgi",
        "selfscale.testing",
    ],
)
def test_integrations_import_without_their_framework(module: str) -> None:
    block = "import sys; sys.modules.update(dict.fromkeys(['fastapi', 'starlette', 'uvicorn', 'typer', 'rich']))"
    subprocess.run([sys.executable, "-c", f"{block}; import {module}"], check=True)


def test_the_name_simulate_is_the_function_whatever_is_imported_first() -> None:
    code = "import selfscale.simulate; import selfscale; from selfscale.simulate import ServiceModel as s\n"
    subprocess.run(
        [sys.executable, "-c", code + "assert callable(selfscale.simulate) and selfscale.ServiceModel is s"], check=True
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    import selfscale

    with pytest.raises(AttributeError, match="tune"):
        selfscale.tune  # noqa: B018
