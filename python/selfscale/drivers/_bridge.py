"""What stands between a driver in Python and the native agent: both ways, and what cannot be read is said."""

from __future__ import annotations

import operator
import reprlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from selfscale.drivers import ScaleRequest
from selfscale.errors import DriverError

if TYPE_CHECKING:
    from selfscale._json import Json
    from selfscale.drivers import CallbackDriver

__all__ = ["Bridge", "read_capabilities", "read_observation"]

_MOST_REPLICAS = 100_000
_LONGEST_POLL = 3600.0
_MOST_NAMED = 12


class Bridge:
    """A driver as the native agent calls it: plain values go in, whole dicts come out.

    Attributes:
        name: what status and the log call it.
        capabilities: all of them.
        observe: returns a whole observation; None: the driver has none.
        preflight: the driver's own; None: it has none.
        release: the driver's own; None: it has none.
    """

    def __init__(self, driver: CallbackDriver, name: str) -> None:
        """Take a driver.

        Raises:
            ValueError: its capabilities cannot be read.
        """
        self._scale = driver.scale
        self.name = name
        self.capabilities = read_capabilities(driver.capabilities)
        self.observe = None if driver.observe is None else _reading(driver.observe)
        self.preflight = driver.preflight
        self.release = driver.release

    def scale(  # noqa: PLR0917  # C++ calls it
        self,
        replicas: int,
        from_replicas: int | None,
        version: str,
        victims: list[str],
        token: int,
        max_replicas: int | None,
        deadline: float,
    ) -> None:
        """Ask the driver."""
        request = ScaleRequest(
            replicas,
            from_replicas=from_replicas,
            version=version,
            victims=victims,
            token=token,
            max_replicas=max_replicas,
            deadline=deadline,
        )
        self._scale(request)


def read_capabilities(said: Mapping[str, object]) -> Json:
    """Return all capabilities, those that were not said as what is safe.

    Raises:
        ValueError: a key is unknown or has no such value; the words say what would be right.
    """
    if not isinstance(said, Mapping):
        raise ValueError(f"capabilities are a dict, not {type(said).__name__}")
    known: Json = {
        "scope": "platform",
        "conditionalWrite": False,
        "choosesVictims": False,
        "reportsReady": False,
        "minimum": 0,
    }
    if unknown := set(said) - set(known):
        raise ValueError(f"no capabilities are called {_named(unknown)}; there are {_named(known)}")
    found = {**known, **said}
    if found["scope"] not in ("host", "platform"):
        raise ValueError(f'the scope is {found["scope"]!r}; it is "host" or "platform"')
    for key in ("conditionalWrite", "choosesVictims", "reportsReady"):
        if not isinstance(found[key], bool):
            raise ValueError(f"{key} is {found[key]!r}; True or False is needed")
    found["minimum"] = _whole(found["minimum"])
    if found["minimum"] is None:
        raise ValueError(f"minimum is {said['minimum']!r}; a whole number from 0 to {_MOST_REPLICAS} is needed")
    return found


def read_observation(answer: object) -> Json:
    """Return all of what ``observe()`` may say: what it left out as None, empty or False.

    Raises:
        DriverError: it cannot be read (code ``malformed``); the words say what would be right.
    """
    said = answer if isinstance(answer, Mapping) else {"currentReplicas": answer}
    found = _read(said, _OBSERVATION, "observe() returned")
    if found["desiredReplicas"] is None and found["currentReplicas"] is None:
        raise _malformed("observe() returned a dict with neither desiredReplicas nor currentReplicas")
    for key, other in (("desiredReplicas", "currentReplicas"), ("currentReplicas", "desiredReplicas")):
        found[key] = found[other] if found[key] is None else found[key]
    return found


def _reading(observe: Callable[[], object]) -> Callable[[], Json]:
    return lambda: read_observation(observe())


def _read(said: Mapping[Any, object], table: Mapping[str, tuple[_Read, str]], whose: str) -> Json:
    if unknown := set(said) - set(table):
        raise _malformed(f"{whose} {_named(unknown)}, which nobody reads; there are {_named(table)}")
    found: Json = {}
    for key, (read, needed) in table.items():
        value = said.get(key)
        found[key] = read(value)
        if value is not None and found[key] is None:
            raise _malformed(f"{whose} {reprlib.repr(value)} as {key}; {needed} is needed")
    return found


# Each returns None for what it cannot read.
_Read = Callable[[Any], Any]


def _count(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return number if 0 <= number <= _MOST_REPLICAS else None


def _flag(value: Any) -> bool | None:
    if value is None:
        return False
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    if value is None:
        return ""
    return value if isinstance(value, str) and _is_unicode(value) else None


def _is_unicode(text: str) -> bool:
    """Is it without halves of characters, which nothing outside of Python can hold?"""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _seconds(value: Any) -> float | None:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def _poll(value: Any) -> float | None:
    seconds = _seconds(value)
    return seconds if seconds is not None and seconds <= _LONGEST_POLL else None


def _process(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else None


def _replicas(value: Any) -> list[Json] | None:
    if value is None:
        return []
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return None
    listed = list(value)
    if not all(isinstance(each, Mapping) for each in listed):
        return None
    return [_read(each, _REPLICA, "observe() returned a replica with") for each in listed]


_A_COUNT = f"a whole number from 0 to {_MOST_REPLICAS}"
_OBSERVATION: dict[str, tuple[_Read, str]] = {
    "desiredReplicas": (_count, _A_COUNT),
    "currentReplicas": (_count, _A_COUNT),
    "readyReplicas": (_count, _A_COUNT),
    "updating": (_flag, "True or False"),
    "minReplicas": (_count, _A_COUNT),
    "maxReplicas": (_count, _A_COUNT),
    "failure": (_text, "a text"),
    "note": (_text, "a text"),
    "hold": (_text, "a text"),
    "pollAfter": (_poll, "a number of seconds from 0 to 3600"),
    "version": (_text, "a text"),
    "replicas": (_replicas, "a list of dicts"),
}
_REPLICA: dict[str, tuple[_Read, str]] = {
    "instance": (_text, "a text"),
    "ready": (_flag, "True or False"),
    "deleting": (_flag, "True or False"),
    "startedSecondsAgo": (_seconds, "a number of seconds, 0 or more,"),
    "pid": (_process, "the number of a process"),
}


def _named(names: Iterable[object]) -> str:
    shown = sorted(reprlib.repr(each).strip("'") for each in names)
    return ", ".join(shown[:_MOST_NAMED] + ["…"] * (len(shown) > _MOST_NAMED))


def _malformed(words: str) -> DriverError:
    return DriverError(words, "malformed")
