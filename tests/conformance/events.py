"""Events as the agent journals them."""

from __future__ import annotations

from typing import Any


def event_of(at: float, before: int, after: int) -> dict[str, Any]:
    """Return an accepted change."""
    return {
        "id": "01J0000000000000000000000A",
        "service": "service",
        "startedAt": at,
        "acceptedAt": at,
        "fromReplicas": before,
        "toReplicas": after,
        "trigger": "policy",
        "outcome": "accepted",
    }
