"""A driver on a bench: calls of it, and what is known behind its back, for the checks of what it owes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NoReturn, TypeAlias

from selfscale.drivers import CapableDriver, Driver, ScaleRequest
from selfscale.drivers._bridge import read_capabilities, read_observation
from selfscale.errors import Error

__all__ = ["Bench", "Broken", "Call", "Fault", "Skipped", "break_promise", "in_words"]

Fault: TypeAlias = Literal["none", "refuses", "denies", "garbage", "hangs"]
"""What a platform can be made to do wrong: ``refuses`` (nobody answers), ``denies`` (a right is missing), ``garbage``
(its answer cannot be understood), ``hangs`` (no answer comes); ``none`` mends it."""

_LOOK_AGAIN = 0.05


class Broken(Exception):
    """A promise is."""


class Skipped(Exception):
    """A check cannot be made, and why."""


class Bench:
    """A driver under test, with what is known behind its back."""

    def __init__(
        self,
        driver: Driver,
        *,
        replicas: int,
        truth: Callable[[], int] | None,
        set_truth: Callable[[int], object] | None,
        fault: Callable[[Fault], str | None] | None,
        seconds: float,
    ) -> None:
        self.driver = driver
        self.replicas = replicas
        self.seconds = seconds
        self._truth = truth
        self._set_truth = set_truth
        self._fault = fault
        self.can = read_capabilities(driver.capabilities() if isinstance(driver, CapableDriver) else {})

    def observe(self) -> dict[str, Any]:
        """Look, as the agent does."""
        try:
            return read_observation(self.driver.observe())
        except Exception as error:
            break_promise(f"observe() raised {in_words(error)}", error)

    def scale(self, count: int, *, version: str = "", deadline: float = 10.0) -> None:
        """Ask for a count, which must be accepted."""
        self.accept(ScaleRequest(count, version=version, deadline=deadline))

    def accept(self, request: ScaleRequest) -> None:
        """Ask as the agent does, for what must be accepted."""
        try:
            self.driver.scale(request)
        except Exception as error:
            break_promise(f"scale({request}) raised {in_words(error)}", error)

    def see(self, count: int, after: str) -> dict[str, Any]:
        """Hold what the platform was told, and what the driver says of it, against a count."""
        if self._truth is not None and (told := self._truth()) != count:
            raise Broken(f"{after} had the platform make {told}")
        seen = self.observe()
        if seen["desiredReplicas"] != count:
            raise Broken(f"after {after}, observe() says that {seen['desiredReplicas']} are asked for")
        return seen

    def told(self) -> int:
        """Return what the platform was told: the truth where it is known, else what the driver says."""
        return self.observe()["desiredReplicas"] if self._truth is None else self._truth()

    def set_truth(self, count: int) -> None:
        """Scale as somebody else."""
        if self._set_truth is None:
            raise Skipped("it needs set_truth, which scales as somebody else would")
        self._set_truth(count)

    def settle(self, count: int) -> dict[str, Any]:
        """Wait until there are so many replicas, and ready ones, as far as the driver tells."""
        deadline = time.monotonic() + self.seconds
        while True:
            counts = self.observe()
            names = ("currentReplicas", "readyReplicas")
            seen = {name: counts[name] for name in names if counts[name] is not None}
            if all(value == count for value in seen.values()):
                return counts
            if time.monotonic() >= deadline:
                failure = f", and as the failure {counts['failure']!r}" if counts["failure"] else ""
                raise Broken(f"{self.seconds:g} s after scale({count}), observe() says {seen}{failure}")
            time.sleep(_LOOK_AGAIN)

    def refused(self, what: str, call: Callable[[], object], owed: str) -> None:
        """Hold what a call raises against the code that is owed."""
        try:
            call()
        except Exception as error:
            code = error.code if isinstance(error, Error) else "failed"
            if code != owed:
                break_promise(f"{what} raised {in_words(error)}, whose code is {code}: {owed} is owed", error)
            if not str(error):
                break_promise(f"{what} raised {type(error).__name__} without words", error)
            return
        raise Broken(f"{what} raised nothing: a DriverError with the code {owed} is owed")

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[str | None]:
        """Have the platform fail, and mend it in the end; gives the code that is owed."""
        if self._fault is None:
            raise Skipped("it needs fault, which makes the platform fail")
        owed = self._fault(fault)
        try:
            yield owed
        finally:
            self._fault("none")

    @contextmanager
    def hanging(self) -> Iterator[str]:
        """Have it hang."""
        with self.failing("hangs") as owed:
            if owed is None:
                raise Skipped("this platform cannot be made to hang")
            yield owed


class Call:
    """A call on a thread of its own, for as long as it takes."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._error: BaseException | None = None
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="selfscale-checked-call", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:
            self._error = error
        finally:
            self.ended.set()

    def result(self) -> None:
        """Raise what it raised."""
        if self._error is not None:
            raise self._error


def in_words(error: BaseException) -> str:
    """Return an error as a report names it."""
    return f"{type(error).__name__}: {error}"


def break_promise(words: str, cause: BaseException) -> NoReturn:
    """Say that a promise is broken by what a call raised."""
    raise Broken(words) from cause
