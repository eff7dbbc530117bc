"""What a case expects, held against what was found: the one comparison of the runner."""

from __future__ import annotations

import math
from typing import Any, NamedTuple


class Check(NamedTuple):
    """One thing that a case says."""

    what: str
    found: Any
    expected: Any
    within: float = 0.0
    """How far off a number may be, where the corpus allows it."""

    @property
    def holds(self) -> bool:
        """Whether the same was found as was expected."""
        if self.within:
            return math.isclose(self.found, self.expected, rel_tol=0.0, abs_tol=self.within)
        return bool(self.found == self.expected)

    def __str__(self) -> str:
        """Say what differs."""
        return f"{self.what}: {self.found!r}, expected {self.expected!r}"
