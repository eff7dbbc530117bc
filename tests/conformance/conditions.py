"""The conditions of a Horizontal Pod Autoscaler, read from a decision by the table of docs/reference/codes.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]

CODES = Path(__file__).parents[2].joinpath("docs", "reference", "codes.md")
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (.*) \|$", re.MULTILINE)

# How an autoscaler says that a metric could not be read: by the metric's type.
UNREADABLE = {
    "resource": "FailedGetResourceMetric",
    "container_resource": "FailedGetContainerResourceMetric",
    "per_instance": "FailedGetPodsMetric",
    "object": "FailedGetObjectMetric",
    "external": "FailedGetExternalMetric",
    "unknown": "InvalidMetricSourceType",
}

# The reasons for which a condition holds; for any other it does not.
HOLDS = {
    "AbleToScale": {
        "SucceededGetScale",
        "SucceededRescale",
        "ReadyForNewScale",
        "ScaleUpStabilized",
        "ScaleDownStabilized",
    },
    "ScalingActive": {"ValidMetricFound"},
    "ScalingLimited": {"TooFewReplicas", "TooManyReplicas", "ScaleUpLimit", "ScaleDownLimit"},
    "ScaledToZero": {"ScaledToZero"},
}


class Row(NamedTuple):
    """One line of the table: the codes that give a condition a reason."""

    condition: str
    reason: str
    codes: frozenset[str]


TABLE = [
    Row(condition, reason, frozenset(re.findall(r"`(\w+)`", codes)))
    for condition, reason, codes in ROW.findall(CODES.read_text())
    if condition in HOLDS
]


def reason_for(condition: str, codes: Iterable[str]) -> str | None:
    """Return the reason that the first of the codes in the table gives a condition."""
    for code in codes:
        for row in TABLE:
            if row.condition == condition and code in row.codes:
                return row.reason
    return None


def gives(condition: str, reason: str, code: str) -> bool:
    """Whether the table has a code on the line of a reason."""
    return any(row.condition == condition and row.reason == reason and code in row.codes for row in TABLE)


def codes_of(decision: Json) -> list[str]:
    """Return everything that a decision says, the chief reason first."""
    recommendation = decision["recommendation"]
    return [recommendation["code"], *(one["code"] for one in recommendation["adjustments"])]


def with_status(reasons: dict[str, str | None]) -> Json:
    """Return conditions as the corpus has them; what has no reason was not set."""
    return {
        condition: {"status": reason in HOLDS[condition], "reason": reason}
        for condition, reason in reasons.items()
        if reason is not None
    }


def conditions_of(decision: Json, metrics: list[Json], write: str | None) -> Json:
    """Return the conditions after a tick.

    Args:
        decision: what was decided, by a platform that could be read.
        metrics: those of the case, one for each rule.
        write: what became of the write: an event's outcome; None if there was none.
    """
    codes = codes_of(decision)
    inactive = inactive_for(decision, metrics, codes)
    has_answer = inactive is None and bool(decision["recommendation"]["proposals"])
    return with_status(
        {
            "AbleToScale": able_for(codes, write, has_answer),
            "ScalingActive": "ValidMetricFound" if has_answer else inactive,
            "ScalingLimited": (reason_for("ScalingLimited", codes) or "DesiredWithinRange") if has_answer else None,
        }
    )


def able_for(codes: list[str], write: str | None, has_answer: bool) -> str:
    """Return the reason of AbleToScale."""
    if write is not None:
        return "FailedUpdateScale" if write == "failed" else "SucceededRescale"
    return reason_for("AbleToScale", codes) or ("ReadyForNewScale" if has_answer else "SucceededGetScale")


def inactive_for(decision: Json, metrics: list[Json], codes: list[str]) -> str | None:
    """Return why no rule had an answer, by the metric of the rule that stood in the way; None: one had."""
    reason = reason_for("ScalingActive", codes)
    leading = decision["recommendation"]["leading"]
    if reason is None or leading is None:
        return reason
    unreadable = UNREADABLE[metrics[leading]["type"]]
    return unreadable if any(gives("ScalingActive", unreadable, code) for code in codes) else reason
