"""The stages that `selfscale.decide` is made of, each for itself: the very functions that it calls.

Pure, as `decide` is, and on the same documents. `replicas` is what a stage is given, the platform's
``desiredReplicas`` in the snapshot is what changes are counted from, and ``at`` is now. A state of None has never met
the service: the stage meets it, and what is there counts as the first recommendation.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from selfscale import _core
from selfscale._json import Document, Json, to_text
from selfscale._policy import one_policy

__all__ = ["classify", "limit", "propose", "rate_limit", "stabilize"]


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


def propose(policy: Document, snapshot: Document, state: Document | None = None) -> Json:
    """Ask every rule what it wants.

    Returns:
        ``proposals`` as in a decision, in the order of the policy's rules, and the ``state`` after them.
    """
    decision = json.loads(_core.propose(one_policy(policy), to_text(snapshot), _state_text(state)))
    return {"proposals": decision["recommendation"]["proposals"], "state": decision["state"]}


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
