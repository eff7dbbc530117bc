"""The programs `docker-compose` that start projects in tests: Debian's 1.29.2, and version 2 of tools/go-programs."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

BUILT = Path(__file__).parents[2] / "build" / "go"


@dataclass(frozen=True)
class ComposeProgram:
    """One of them, what it writes between the parts of a container's name, and how to come by it."""

    path: str
    separator: str
    source: str

    def needed(self) -> None:
        """Skip the test where it is missing; continuous integration skips nothing."""
        if shutil.which(self.path) is None:
            missing = f"{self.path} is not there ({self.source})"
            pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)


PROGRAMS = [
    pytest.param(ComposeProgram("docker-compose", "_", "Debian's package docker-compose"), id="version 1"),
    pytest.param(
        ComposeProgram(str(BUILT / "docker-compose"), "-", "tools/go-programs builds it, with Go 1.26 or later"),
        id="version 2",
    ),
]
