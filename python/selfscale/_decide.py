"""The pure functions that hold all logic, on dicts."""

from __future__ import annotations

import json
from typing import NamedTuple, cast

from selfscale import _core
from selfscale._json import Document, Json, to_text
from selfscale._policy import one_policy


def decide(policy: Document, snapshot: Document, state: Document | None = None) -> Json:
    """Work out how many replicas a service needs, and why.

    Pure: no clock, no I/O, no randomness. The same input gives the same answer on every machine.

    Args:
        policy: one entry of `policies`, or what `load_policies` returned for it; its document's `timezone`,
            `guardrails` and `alerts` may stand beside its keys.
        snapshot: all that is known at one instant.
        state: what the last decision left; None when there was none.

    Returns:
        The decision; its key ``state`` is to be passed on to the next one.

    Raises:
        PolicyError: the policy is wrong.
        Error: snapshot or state cannot be understood (code ``malformed``, with a JSON pointer).
    """
    before = None if state is None else to_text(state)
    return cast(Json, json.loads(_core.decide(one_policy(policy), to_text(snapshot), before)))


def record(state: Document, event: Document) -> Json:
    """Note in a state what was done: a write accepted, ended or failed, or a foreign change adopted.

    Args:
        state: the state of a decision.
        event: a scaling event.

    Returns:
        The state after it.
    """
    return cast(Json, json.loads(_core.record(to_text(state), to_text(event))))


def explain(policy: Document, decision: Document) -> str:
    """Return a decision in words: several lines, every rule and every stage."""
    return _core.explain(one_policy(policy), to_text(decision))


class Replay(NamedTuple):
    """A recorded decision, decided again."""

    recorded: Json
    again: Json

    @property
    def same(self) -> bool:
        """Whether both are equal to the last bit."""
        return self.recorded == self.again


def replay(record: Document, policy: Document) -> Replay:
    """Decide a journalled decision again.

    Args:
        record: a DecisionRecord, as in the journal: snapshot, state before, decision.
        policy: the policy it was made by, or another one to compare with.
    """
    kept = cast(Json, json.loads(to_text(record)))
    again = decide(policy, kept["snapshot"], kept.get("stateBefore") or None)
    recorded = dict(kept["decision"])
    if "state" not in recorded:
        del again["state"]
    return Replay(recorded, again)
