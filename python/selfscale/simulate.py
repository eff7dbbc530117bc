"""Simulation: the `decide` and `record` that run live, against a model of a service, under virtual time.

from selfscale import ServiceModel, simulate

result = simulate("policies.json", "trace.csv", service=ServiceModel(capacity_per_replica=20, startup=30))
result.summary()["backend"]["p95_seconds"]
result.plot()
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from selfscale import _core
from selfscale._json import Document, Json, to_text
from selfscale._policy import is_document, load_policies, one_policy
from selfscale._trace import read_trace
from selfscale.errors import Error
from selfscale.values import ScalingEvent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "PolicySource",
    "ServiceModel",
    "SimulationResult",
    "Trace",
    "load_trace",
    "shipped_trace",
    "simulate",
]

PolicySource: TypeAlias = "Document | PathLike[str]"
"""One policy: as a dict, as text, or the path of a file that holds one."""

Trace: TypeAlias = "str | PathLike[str] | Iterable[tuple[float, float]]"
"""A load: the path of a CSV, or points (seconds, requests per second), with straight lines between them."""

_OF_A_POLICY = ("service", "policies", "maxReplicas")


@dataclass(frozen=True)
class ServiceModel:
    """A service as the simulation sees it: replicas of equal capacity behind a fair balancer.

    Requests beyond the capacity wait in one queue; below it they wait as in M/M/k with
    k = `capacity_per_replica` x `service_time`.
    """

    capacity_per_replica: float
    """Requests per second that one ready replica serves."""
    startup: float = 30.0
    """Seconds from the order until a replica is ready; it is paid for meanwhile."""
    service_time: float = 0.1
    """Seconds that a request takes which waits for nothing."""
    timeout: float = 30.0
    """Seconds after which a waiting client gives up: an error."""
    memory_percent: float = 25.0
    """`memory_usage` of every replica, at any load."""
    random_arrivals: bool = False
    """Poisson noise on the arrivals, drawn from the seed."""

    def __post_init__(self) -> None:
        """Refuse what no service can be.

        Raises:
            ValueError: a field is out of its range.
        """
        for name in ("capacity_per_replica", "service_time", "timeout"):
            self._check(name, above=0.0)
        self._check("startup", least=0.0)
        self._check("memory_percent", least=0.0, most=100.0)

    def _check(self, name: str, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf) -> None:
        value = getattr(self, name)
        if math.isfinite(value) and value > above and least <= value <= most:
            return
        wanted = f"above {above:g}" if above == 0 else f"at least {least:g}"
        wanted += f" and at most {most:g}" if most < math.inf else ""
        raise ValueError(f"{name} is {value}: it must be {wanted}")


@dataclass(frozen=True)
class SimulationResult:
    """What came of one or more policies on the same load; everything is by the policy's name."""

    events: Mapping[str, tuple[ScalingEvent, ...]]
    """The scaling events; times are those of the trace."""
    _summaries: Mapping[str, Mapping[str, float]] = field(repr=False)
    _columns: Mapping[str, Mapping[str, list[Any]]] = field(repr=False)

    def __repr__(self) -> str:
        """One line per policy: what it came to, not every event."""
        lines = [
            f"  {name}: p95 {numbers['p95_seconds']:.3g} s, {numbers['errors']:,} of {numbers['requests']:,} requests"
            f" timed out, {numbers['replica_seconds']:,.0f} replica-seconds, {numbers['scale_events']} scaling events"
            for name, numbers in self._summaries.items()
        ]
        return "\n".join(["SimulationResult:", *lines])

    def summary(self) -> dict[str, dict[str, float]]:
        """Return a few numbers per policy: what the users felt and what it cost.

        Keys: ``requests``, ``errors`` (timed out), ``p50_seconds``, ``p95_seconds``, ``p99_seconds`` (of all
        requests, one that timed out counting with the timeout), ``replica_seconds`` (start-up included),
        ``scale_events``, ``offered_per_second``.
        """
        return {name: dict(numbers) for name, numbers in self._summaries.items()}

    def columns(self, name: str) -> Mapping[str, list[Any]]:
        """Return one policy's evaluations as columns of equal length."""
        return self._columns[name]

    def rows(self) -> list[Json]:
        """Return one dict per evaluation, of all policies one after the other, with the key ``policy``."""
        return [
            {"policy": name, **dict(zip(columns, row, strict=True))}
            for name, columns in self._columns.items()
            for row in zip(*columns.values(), strict=True)
        ]

    def frame(self) -> Any:
        """Return `rows` as a pandas DataFrame where pandas is installed, else the list itself."""
        try:
            import pandas
        except ImportError:
            return self.rows()
        parts = [pandas.DataFrame({"policy": name, **columns}) for name, columns in self._columns.items()]
        return pandas.concat(parts, ignore_index=True)

    def plot(self) -> Figure:
        """Draw load, replicas and response times over time. Needs ``selfscale[plot]``."""
        from selfscale.plot import simulation_picture

        return simulation_picture(self)


def simulate(
    policies: PolicySource | Mapping[str, PolicySource],
    trace: Trace,
    *,
    service: ServiceModel,
    seed: int = 0,
) -> SimulationResult:
    """Run each policy on its own against the same load.

    Deterministic: the same arguments give the same result.

    Args:
        policies: one policy, or {name: policy} to compare several.
        trace: the path of a CSV (see `load_trace`), or points (seconds, requests per second).
        service: what one replica can do, and how long it takes to start.
        seed: for the noise of the arrivals, if the service model asks for it.

    Raises:
        PolicyError: a policy is wrong.
        Error: the trace cannot be read (``not_found``, ``malformed``), or the load makes no sense
            (``invalid_argument``).
    """
    load = load_trace(trace)
    summaries = {}
    columns = {}
    events = {}
    for name, policy in _named(policies).items():
        result = _core.simulate(
            policy,
            load,
            capacity_per_replica=service.capacity_per_replica,
            startup=service.startup,
            service_time=service.service_time,
            timeout=service.timeout,
            memory_percent=service.memory_percent,
            random_arrivals=service.random_arrivals,
            seed=seed,
        )
        summaries[name] = result["summary"]
        columns[name] = result["columns"]
        events[name] = tuple(ScalingEvent.from_dict(json.loads(text)) for text in result["events"])
    return SimulationResult(events=events, _summaries=summaries, _columns=columns)


def load_trace(trace: Trace) -> list[tuple[float, float]]:
    """Return a load as points (seconds, requests per second).

    A CSV has the line ``t_seconds,value`` and rows of two numbers: requests per second at that instant. With
    comment lines ``# unit: requests per minute`` and ``# step_s: 60`` above, each row is a step of so many
    seconds that begins then, in that unit: ``requests per second`` (``rps``), ``per minute``, ``per hour``, or
    ``per step``, a step's total. The points stand at the steps' centres then.

    Raises:
        Error: there is no such file (``not_found``), or lines are wrong (``malformed``): which, and what to do.
    """
    if not isinstance(trace, (str, PathLike)):
        return [(float(seconds), float(rate)) for seconds, rate in trace]
    path = Path(trace)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        code = "not_found" if isinstance(problem, FileNotFoundError) else "storage"
        raise Error(f"cannot read the trace {path}: {problem.strerror}", code) from None
    except UnicodeDecodeError:
        raise Error(f"the trace {path} is not text in UTF-8", "malformed") from None
    try:
        return read_trace(text)
    except Error as problem:
        raise Error(f"{path}: {problem}", problem.code) from None


def shipped_trace(name: str) -> Path:
    """Return the path of a trace that comes with the package, such as ``nasa_http_day``."""
    folder = Path(__file__).parent / "traces"
    path = folder / f"{name}.csv"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.csv")))
        raise Error(f"no trace '{name}' comes with the package; there are: {known}", "not_found")
    return path


def _named(policies: PolicySource | Mapping[str, PolicySource]) -> dict[str, _core.Policy]:
    if isinstance(policies, Mapping) and not any(key in policies for key in _OF_A_POLICY):
        return {name: _compiled(policy) for name, policy in policies.items()}
    policy = _compiled(policies)
    return {policy.name: policy}


def _compiled(policy: PolicySource) -> _core.Policy:
    if isinstance(policy, PathLike) or (isinstance(policy, str) and not is_document(policy)):
        found = load_policies(policy)
        return one_policy(found[0] if len(found) == 1 else to_text({"policies": found}))
    return one_policy(policy)
