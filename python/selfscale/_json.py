"""JSON crosses into the native part as text; here it becomes text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

Json: TypeAlias = dict[str, Any]


@runtime_checkable
class HasDict(Protocol):
    """A typed value that knows its JSON form."""

    def to_dict(self) -> Json:
        """Return the JSON form."""
        ...


Document: TypeAlias = "Mapping[str, Any] | HasDict | str"
"""A JSON object: as a mapping, as one of this package's value classes, or as text."""


def to_text(document: Document) -> str:
    """Return the JSON text of a document.

    Numbers that are not finite have no JSON form: a reading with such a value is given as one that was refused.
    """
    if isinstance(document, str):
        return document
    if isinstance(document, HasDict):
        document = document.to_dict()
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:
        return json.dumps(_with_refused_readings(document))


def _with_refused_readings(value: Any) -> Any:
    if isinstance(value, Mapping):
        number = value.get("value")
        if isinstance(number, float) and not math.isfinite(number):
            return {"missing": "refused", "detail": f"the value was {number}"}
        return {key: _with_refused_readings(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_refused_readings(item) for item in value]
    return value
