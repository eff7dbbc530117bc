"""What goes wrong, as exceptions with a code that a program can act on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["DriverError", "Error", "PolicyError", "Problem", "SourceError", "StoreError"]

_RETRYABLE = frozenset({"unreachable", "timed_out", "throttled"})
# In the order of selfscale::Errc.
_CODES = (
    "invalid_policy",
    "invalid_argument",
    "unreachable",
    "timed_out",
    "denied",
    "not_found",
    "conflict",
    "throttled",
    "unsupported",
    "malformed",
    "stopped",
    "failed",
    "storage",
)


class Error(Exception):
    """Root of all exceptions of this library.

    Attributes:
        code: the kind of failure, the same in C++, HTTP bodies and the journal: ``invalid_policy``,
            ``invalid_argument``, ``unreachable``, ``timed_out``, ``denied``, ``not_found``, ``conflict``,
            ``throttled``, ``unsupported``, ``malformed``, ``stopped``, ``failed``, ``storage``.
    """

    def __init__(self, message: str, code: str = "failed") -> None:
        """Make an error of a kind, with words for people."""
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[Error], tuple[object, ...]]:
        """Pickle with the code."""
        return type(self), (str(self), self.code)


class Problem(NamedTuple):
    """One mistake, or one hint, in a policy document."""

    pointer: str
    """JSON pointer to the offending value; empty: the document."""
    value: str
    """That value as JSON text, shortened; empty where a key is missing."""
    message: str
    """What is wrong and what would be right."""


class PolicyError(Error, ValueError):
    """A policy document is wrong; `problems` has every mistake at once."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        """Make an error of all the problems of a document."""
        super().__init__(message, "invalid_policy")
        self.problems = list(problems)

    def __reduce__(self) -> tuple[type[Error], tuple[object, ...]]:
        """Pickle with the problems."""
        return type(self), (str(self), self.problems)


class DriverError(Error):
    """A platform refused or failed.

    Attributes:
        permission: the missing right, where that is the cause; else empty.
        retry_after: seconds that the platform asks to wait before it is called again; None: it says nothing of it.
    """

    def __init__(
        self, message: str, code: str = "failed", permission: str = "", retry_after: float | None = None
    ) -> None:
        """Make an error in a platform's words.

        Raises:
            ValueError: there is no such code, or `retry_after` is negative, or no number.
        """
        super().__init__(message, code)
        if code not in _CODES:
            raise ValueError(f"no failure has the code {code!r}; there are {', '.join(_CODES)}")
        if retry_after is not None and not retry_after >= 0:
            raise ValueError(f"retry_after is {retry_after!r}; seconds, 0 or more, are needed")
        self.permission = permission
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without anybody mending anything."""
        return self.code in _RETRYABLE

    def __reduce__(self) -> tuple[type[Error], tuple[object, ...]]:
        """Pickle with code, permission and the time to wait."""
        return type(self), (str(self), self.code, self.permission, self.retry_after)


class SourceError(Error):
    """A source of metrics did not answer, or not with a number."""


class StoreError(Error):
    """A file or database could not be read or written."""
