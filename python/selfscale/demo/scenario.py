"""What the demo plays: a day of a real trace, compressed in time, and the policy that was written for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from selfscale.demo.app import REQUESTS_PER_SECOND
from selfscale.simulate import load_trace, shipped_trace

HOUR = 3600.0


@dataclass(frozen=True)
class Scenario:
    """Load and policy of one call of the demo."""

    seconds: float
    """Length of each run."""
    budget_seconds: float
    """What the whole call may take."""
    max_replicas: int = 10
    peak_replicas: float = 5.5
    """How many replicas the busiest moment keeps fully busy."""
    from_hour: float = 3.0
    to_hour: float = 24.0

    @property
    def compression(self) -> float:
        """How many times faster than recorded the trace is played."""
        return (self.to_hour - self.from_hour) * HOUR / self.seconds

    @cached_property
    def load(self) -> tuple[list[float], list[float]]:
        """Seconds into the run, and requests per second at them."""
        start, end = self.from_hour * HOUR, self.to_hour * HOUR
        points = [
            (seconds, rate) for seconds, rate in load_trace(shipped_trace("nasa_http_day")) if start <= seconds <= end
        ]
        # Single minutes of a quiet web server of 1995 are mostly chance; the demo sends hundreds of requests
        # a second, so it plays the mean of half an hour.
        rates = _moving_mean([rate for _, rate in points], 30)
        scale = self.peak_replicas * REQUESTS_PER_SECOND / max(rates)
        seconds = [(when - points[0][0]) / (points[-1][0] - points[0][0]) * self.seconds for when, _ in points]
        return seconds, [rate * scale for rate in rates]

    @cached_property
    def policy(self) -> dict[str, Any]:
        """The demo's policy document, for this scenario's most replicas."""
        document: dict[str, Any] = json.loads((Path(__file__).parent / "policy.json").read_text(encoding="utf-8"))
        document["policies"][0]["maxReplicas"] = self.max_replicas
        return document

    def fixed(self, replicas: int) -> dict[str, Any]:
        """The same policy with no choice: always so many replicas."""
        document: dict[str, Any] = json.loads(json.dumps(self.policy))
        document["policies"][0].update(minReplicas=replicas, maxReplicas=replicas)
        return document

    @property
    def min_replicas(self) -> int:
        """The policy's least replicas."""
        return int(self.policy["policies"][0]["minReplicas"])

    @property
    def service(self) -> str:
        """The service's name in the policy."""
        return str(self.policy["policies"][0]["service"])


DEFAULT = Scenario(seconds=35.0, budget_seconds=90.0)
QUICK = Scenario(seconds=8.0, budget_seconds=30.0, max_replicas=6, peak_replicas=3.1, from_hour=7.0)


def _moving_mean(values: list[float], width: int) -> list[float]:
    half = width // 2
    means = []
    for i in range(len(values)):
        near = values[max(0, i - half) : i + half + 1]
        means.append(sum(near) / len(near))
    return means
