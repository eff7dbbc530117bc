"""The agent's image is built with what the core needs: the one list of it is that of tools/install."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def words(pattern: str, path: str) -> set[str]:
    found = re.search(pattern, (ROOT / path).read_text())
    assert found, f"{path} has nothing like {pattern}"
    return set(found[1].split())


def test_the_image_is_built_with_the_packages_that_tools_install_names() -> None:
    needed = words(r"(?m)^packages=\((.*)\)$", "tools/install") - {"python3-dev", "python3-venv"}
    installed = words(r"apt-get install -y --no-install-recommends (.*) \\", "deploy/agent/Dockerfile")
    assert installed == needed
