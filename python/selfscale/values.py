"""What an agent says, as immutable values.

Imported when first needed: an app that only records never needs it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from selfscale._json import Json
from selfscale.errors import Error

if TYPE_CHECKING:
    from selfscale._agent import Agent

_POLL_SECONDS = 0.05

Status: TypeAlias = Json
"""All there is to know of a running agent, as a dict: switches with who set them, services, host, journal, own cost."""


@dataclass(frozen=True)
class Recommendation:
    """The last word on a service: what it should have, and why.

    Attributes:
        age: seconds since it was made.
        action: ``scale``, ``hold`` (something holds the change back: `held_by`) or ``none``.
        may_act: whether the agent may carry it out; if not, `because` names the first switch that says no.
        proposals: each rule's wish, with its evidence.
        decision_id: of the decision in the journal, for `selfscale explain` and `selfscale replay`.
        adjustments: what later stages changed, in the order of work.
        alerts: codes of the guardrails that are passed at the recommended count.
        decision: the whole decision, as in the journal.
    """

    service: str
    current_replicas: int
    recommended_replicas: int
    reason: str
    confidence: float
    priority: str
    age: float
    at: float
    action: str
    held_by: str | None
    may_act: bool
    because: str | None
    decision_id: str | None
    proposals: tuple[Mapping[str, Any], ...] = field(repr=False)
    adjustments: tuple[Mapping[str, Any], ...] = field(repr=False)
    alerts: tuple[str, ...]
    decision: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_dict(cls, published: Mapping[str, Any]) -> Recommendation:
        """Read what an agent published."""
        decision = published["decision"]
        recommendation = decision["recommendation"]
        return cls(
            service=recommendation["service"],
            current_replicas=recommendation["currentReplicas"],
            recommended_replicas=recommendation["recommendedReplicas"],
            reason=recommendation["reason"],
            confidence=recommendation["confidence"],
            priority=recommendation["priority"],
            age=published["age"],
            at=decision["at"],
            action=decision["action"],
            held_by=decision["heldBy"],
            may_act=published["mayAct"],
            because=published["because"],
            decision_id=published["decisionId"],
            proposals=tuple(recommendation["proposals"]),
            adjustments=tuple(recommendation["adjustments"]),
            alerts=tuple(recommendation.get("alerts", ())),
            decision=decision,
        )


@dataclass(frozen=True)
class ScalingEvent:
    """What was done, or noticed. Times are seconds since the epoch, engine time.

    `code` is the kind of failure that `error` is, as `Error.code`; None: nothing failed, or it was not asked for.
    """

    id: str
    service: str
    policy: str
    decision: str | None
    started_at: float
    accepted_at: float | None
    duration: float | None
    from_replicas: int
    to_replicas: int
    ready_replicas: int | None
    trigger: str
    reason: str
    metrics: Mapping[str, float]
    outcome: str
    error: str | None
    leader: str
    token: int
    code: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.outcome != "accepted"

    @classmethod
    def from_dict(cls, event: Mapping[str, Any]) -> ScalingEvent:
        """Read the JSON form."""
        return cls(**{name: event[key] for name, key in _EVENT_KEYS.items() if name != "code"}, code=event.get("code"))

    def to_dict(self) -> Json:
        """Return the JSON form, which `record` takes."""
        event = {"version": 1, **{key: getattr(self, name) for name, key in _EVENT_KEYS.items()}}
        return event if self.code else {key: value for key, value in event.items() if key != "code"}


@dataclass(frozen=True)
class ScaleOrder:
    """A manual order, on its way. `replicas` is what is aimed for: what was asked, within the policy's bounds."""

    agent: Agent = field(repr=False)
    service: str
    replicas: int
    _known_events: frozenset[str] = field(repr=False)

    def wait(self, timeout: float = 60.0) -> ScalingEvent:
        """Wait until the order has been carried out or has failed.

        Returns:
            The event; see its `outcome`.

        Raises:
            Error: nothing came of it in time (code ``timed_out``).
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            event = self._event()
            if event is not None and event.has_ended:
                return event
            time.sleep(_POLL_SECONDS)
        message = f"{self.service} has not come to {self.replicas} replicas within {timeout:g} s; see status()"
        raise Error(message, "timed_out")

    def _event(self) -> ScalingEvent | None:
        events = self.agent.history(self.service)
        ours = [event for event in events if event.id not in self._known_events and event.trigger == "manual"]
        return ours[-1] if ours else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_EVENT_KEYS = {name: _camel(name) for name in ScalingEvent.__dataclass_fields__}
