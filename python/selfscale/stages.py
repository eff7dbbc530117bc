"""The stages that `selfscale.decide` is made of, each for itself: the very functions that it calls.

Pure, as `decide` is, and on the same documents. `replicas` is what a stage is given, the platform's
``desiredReplicas`` in the snapshot is what changes are counted from, and ``at`` is now. A state of None has never met
the service: the stage meets it, and what is there counts as the first recommendation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from selfscale import _core
from selfscale._json import Document, Json, to_text
from selfscale._policy import one_policy

__all__ = [
    "Gate",
    "GateInput",
    "Gated",
    "Windowed",
    "activate",
    "classify",
    "gate",
    "limit",
    "propose",
    "rate_limit",
    "stabilize",
    "window",
    "window_maximum",
]


def classify(policy: Document, snapshot: Document, metric: str) -> dict[str, str]:
    """Say how each instance that the platform lists counts for a metric, as Kubernetes' autoscaler classifies pods.

    Args:
        policy: one entry of `policies`, as for `decide`.
        snapshot: all that is known at one instant.
        metric: a name of the policy's metrics.

    Returns:
        By the instance's id: ``ready``, ``unready`` (not serving yet), ``missing`` (serves, and does not report),
        ``ignored`` (it is going).

    Raises:
        PolicyError: the policy is wrong.
        Error: the policy has no such metric (``invalid_argument``), or the snapshot cannot be understood
            (``malformed``).
    """
    return dict(_core.classify(one_policy(policy), to_text(snapshot), metric))


class Windowed(NamedTuple):
    """A load over a window."""

    value: float
    is_empty: bool
    """Nothing was recorded within the window."""


def window(
    loads: Iterable[tuple[float, float]], *, window: float, at: float, bucket: float = 1.0, weighted: bool = False
) -> Windowed:
    """Average a load over the seconds before an instant, as Knative aggregates it.

    Args:
        loads: (seconds, load), in the order in which they were recorded. Of one bucket they are summed; the average
            is over the buckets from the first to the latest that was recorded, rounded to 6 decimals.
        window: its length, in seconds.
        at: now, on the clock of the loads.
        bucket: length of one bucket, in seconds; the window has 1 to 100 000 of them.
        weighted: newer buckets weigh more: a, a(1-a), a(1-a)², …, so that all hold 99.99 % of the weight, a being at
            least 0.2; those since the latest count as 0.

    Raises:
        Error: the window or its buckets make no sense (``invalid_argument``).
    """
    return Windowed(*_core.window(list(loads), window, bucket, at, weighted))


def window_maximum(numbers: Iterable[tuple[float, int]], *, window: float, bucket: float = 2.0) -> int:
    """Return the largest of the last numbers, as Knative's scale-down delay has it; 0 of none.

    Args:
        numbers: (seconds, number), in the order in which they were recorded.
        window: in seconds, counted back from the latest number.
        bucket: in seconds; a bucket is in the window or out of it.

    Raises:
        Error: as `window`.
    """
    return _core.window_maximum(list(numbers), window, bucket)


def propose(policy: Document, snapshot: Document, state: Document | None = None) -> Json:
    """Ask every rule what it wants.

    Returns:
        ``proposals`` as in a decision, in the order of the policy's rules, and the ``state`` after them.
    """
    decision = json.loads(_core.propose(one_policy(policy), to_text(snapshot), _state_text(state)))
    return {"proposals": decision["recommendation"]["proposals"], "state": decision["state"]}


def activate(policy: Document, snapshot: Document, replicas: int, state: Document | None = None) -> Json:
    """Go to no replicas, or back, by the policy's ``scaleToZero``.

    Returns:
        As `stabilize`.
    """
    return _staged(_core.activate, policy, snapshot, replicas, state)


@dataclass(frozen=True)
class Gate:
    """Knative's bounds and its way to none. Times are seconds.

    Attributes:
        max_replicas: 0 for none.
        initial_scale: acts as the minimum until so many have been ready once.
        scale_to_zero: False: one replica always stays.
        stable_window: so long a service must have been active before it is taken for inactive.
        grace_period: so long the buffer takes the requests before the last replica goes.
        retention: so long the last replica stays at least.
        always_buffered: the buffer is always in the path of requests.
    """

    min_replicas: int = 0
    max_replicas: int = 0
    initial_scale: int = 1
    scale_to_zero: bool = True
    stable_window: float = 60.0
    grace_period: float = 30.0
    retention: float = 0.0
    always_buffered: bool = False


@dataclass(frozen=True)
class GateInput:
    """What Knative's gate is passed by. Times are seconds.

    Attributes:
        wanted: what the autoscaler wants; None: not known.
        buffered: a probe has found the buffer in the path of requests.
        initialized: the initial scale has been reached once.
        reachable: requests are routed to the service; False: neither minimum, initial scale nor retention hold.
    """

    wanted: int | None
    current: int
    activity: Literal["activating", "active", "inactive"] = "active"
    active_for: float = 0.0
    inactive_for: float = 0.0
    buffered_for: float = 0.0
    buffered: bool = False
    activation_deadline_passed: bool = False
    initialized: bool = False
    reachable: bool = True


class Gated(NamedTuple):
    """What becomes of the number."""

    replicas: int | None
    """None: not known."""
    applies: bool
    """False: nothing is written for now."""
    writes: bool
    """It applies, and is another number than the current one."""


def gate(gate: Gate, seen: GateInput) -> Gated:
    """Do what Knative does with the number that its autoscaler wants: bounds, initial scale, and the way to none.

    None, of a service that may go there, is written while it is activating once its deadline has passed; while it is
    active never: one replica stays until it has been so for the stable window, then it is only marked inactive; while
    it is inactive once the buffer is in the path, inactive for the grace period and the retention, or for the
    retention and buffered for the grace period. `activate` passes this gate for the last replica.

    Raises:
        Error: there is no such activity (``invalid_argument``).
    """
    return Gated(*_core.gate(**asdict(gate), **asdict(seen)))


def stabilize(policy: Document, snapshot: Document, replicas: int, state: Document | None = None) -> Json:
    """Hold a recommendation against those of the stabilization windows, and remember it as it came.

    Then a deployment under way and the bounds of schedules have their say.

    Returns:
        ``replicas``, what is left of it; ``adjustments`` as in a decision, none if that is the same number; ``state``.
    """
    return _staged(_core.stabilize, policy, snapshot, replicas, state)


def rate_limit(policy: Document, snapshot: Document, replicas: int, state: Document | None = None) -> Json:
    """Cut a step where the scaling policies of `behavior` do not let it go so far, after what was done before.

    A bound that is not tighter than the policy's own ``minReplicas`` or ``maxReplicas`` is left to `limit`.

    Returns:
        As `stabilize`.
    """
    return _staged(_core.rate_limit, policy, snapshot, replicas, state)


def limit(policy: Document, snapshot: Document, replicas: int, state: Document | None = None) -> Json:
    """Keep a number within ``minReplicas`` and ``maxReplicas``, and growth within the guardrails.

    Returns:
        As `stabilize`.
    """
    return _staged(_core.limit, policy, snapshot, replicas, state)


def _staged(
    stage: Callable[[_core.Policy, str, int, str | None], str],
    policy: Document,
    snapshot: Document,
    replicas: int,
    state: Document | None,
) -> Json:
    decision = json.loads(stage(one_policy(policy), to_text(snapshot), replicas, _state_text(state)))
    return {
        "replicas": decision["toReplicas"],
        "adjustments": decision["recommendation"]["adjustments"],
        "state": decision["state"],
    }


def _state_text(state: Document | None) -> str | None:
    return None if state is None else to_text(state)
