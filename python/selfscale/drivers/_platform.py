"""What a driver in Python says of a policy's ``platform`` object that is not as it must be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from selfscale.drivers import CallbackDriver
from selfscale.errors import DriverError, PolicyError, Problem


class PlatformError(PolicyError):
    """One key of ``platform`` is wrong.

    Attributes:
        paste: the line that would be right.
    """

    def __init__(self, message: str, problems: Iterable[Problem] = (), paste: str = "") -> None:
        """Make an error of a sentence, the key with its value, and what would be right."""
        super().__init__(message, problems)
        self.paste = paste

    def __reduce__(self) -> tuple[type[PlatformError], tuple[object, ...]]:
        """Pickle with all of it."""
        return type(self), (str(self), self.problems, self.paste)

    def as_driver(self) -> CallbackDriver:
        """Return a driver whose preflight says it, for who only looks."""
        finding = {"what": str(self), "why": "without its driver nothing can be scaled", "paste": self.paste}

        def refuse(*_: object) -> NoReturn:
            raise DriverError(str(self), "invalid_argument")

        return CallbackDriver(refuse, refuse, lambda: [finding], {"scope": "host"})


def refuse_key(key: str, value: object, message: str, paste: str) -> NoReturn:
    """Raise what is wrong with one key.

    Args:
        key: its name.
        value: what the policy says.
        message: what is wrong with it, and what would be right.
        paste: the line that would be right.
    """
    text = json.dumps(value)
    raise PlatformError(f"platform.{key} = {text}: {message}", [Problem(f"/platform/{key}", text, message)], paste)


def check_keys(driver: str, platform: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Refuse a key that a driver does not have.

    Args:
        driver: its name.
        platform: the policy's object.
        known: the driver's own keys, each with a line that is right.

    Raises:
        PlatformError: there is another key.
    """
    for key, value in platform.items():
        if key not in {"driver", "description", *known} and not key.startswith("x-"):
            message = f"is no key of {driver}, which has {', '.join(known)}"
            refuse_key(key, value, message, next(iter(known.values())))
