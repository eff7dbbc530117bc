"""Drivers made in Python: your own functions act on your platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from os import PathLike
from os.path import isfile
from typing import Any, Protocol, TypeAlias, runtime_checkable

from selfscale.errors import Error

__all__ = ["CallbackDriver", "Counts", "Driver", "DriverFactory", "Finding", "Findings", "register_driver"]

Counts: TypeAlias = "int | Mapping[str, int | None]"
"""Replicas: one number, or ``desiredReplicas``, ``currentReplicas`` and, where known, ``readyReplicas``."""

Finding: TypeAlias = "str | Mapping[str, str]"
"""A sentence, or a dict with ``what`` and, where they are known, ``why`` it matters and the line to ``paste``."""

Findings: TypeAlias = "Sequence[Finding] | Mapping[str, Sequence[Finding]]"
"""What is wrong, in sentences; or a dict with ``wrong`` and ``warnings``: what acting costs, and forbids nothing."""


@runtime_checkable
class Driver(Protocol):
    """What scales a service: a class of yours with these methods will do.

    They are called on one thread that Python owns, one at a time. `selfscale.testing.check_driver` checks the promises.
    """

    def scale(self, replicas: int, /) -> None:
        """Ask the platform for exactly so many replicas; asked twice it changes nothing.

        Raises:
            DriverError: it failed; after ``unreachable``, ``timed_out``, ``throttled`` and ``conflict`` the agent looks
                at the platform and tries again. Any other exception ends the event as failed.
        """
        ...

    def observe(self) -> Counts:
        """Return what the platform has now, whoever asked for it."""
        ...

    def preflight(self) -> Findings:
        """Return what is wrong, in sentences; nothing: this process may act. In a dict, also what acting costs."""
        ...


@dataclass(frozen=True)
class CallbackDriver:
    """A driver made of functions. They run on one thread that Python owns, one call at a time.

    Attributes:
        scale: asks the platform for exactly so many replicas.
        observe: what the platform has now; without it the count last asked for is taken for true.
        preflight: what is wrong, in sentences; in a dict, also what to warn of.
    """

    scale: Callable[[int], None]
    observe: Callable[[], Counts] | None = None
    preflight: Callable[[], Findings] | None = None


DriverFactory: TypeAlias = "Callable[[str, Mapping[str, Any]], Driver | CallbackDriver]"
"""Makes a driver of a service's name and the policy's ``platform`` object."""

_FACTORIES: dict[str, DriverFactory] = {}
_OURS = {"celery_pool": "selfscale.drivers.celery_pool", "vercel": "selfscale.drivers.vercel"}
_USUAL_FILES = ("selfscale.json", "config/autoscaling/policies.json")


def register_driver(name: str, factory: DriverFactory) -> None:
    """Have policies with ``"platform": {"driver": name}`` act through a driver of yours.

    Call it before the agent starts: the factory is called by each start, and an exception out of it leaves the start.
    Any thread may call this.

    Args:
        name: what policies call it. Under a name that selfscale has a driver for, yours takes its place.
        factory: makes the driver of the service's name and the policy's ``platform`` object.

    Raises:
        ValueError: the name is empty, or another factory has it.
    """
    if not name:
        raise ValueError("a driver needs a name")
    if _FACTORIES.setdefault(name, factory) != factory:
        message = f"the name {name!r} is taken by {_FACTORIES[name]!r}"
        raise ValueError(message)


def registered_driver(
    name: str | None,
    policies: str | PathLike[str] | Mapping[str, Any] | None,
    service: str | None,
    environment: Mapping[str, str],
) -> tuple[str, Callable[[], Driver | CallbackDriver]] | None:
    """Find the registered driver that an agent is to act through: its name, and what makes it. None: it is another.

    Which one it is, is found as the agent finds its own: the name given, ``SELFSCALE_PLATFORM``, the policy's.
    """
    chosen = _policy_of(policies, service, environment)
    platform: Mapping[str, Any] = chosen.get("platform", {})
    if name is None and not environment.get("SELFSCALE_SUPERVISED"):
        name = environment.get("SELFSCALE_PLATFORM") or platform.get("driver")
    if name is None:
        return None
    factory = _FACTORIES.get(name)
    if factory is None and name in _OURS:
        factory = import_module(_OURS[name]).make
    if factory is None:
        return None
    of = service or environment.get("SELFSCALE_SERVICE") or chosen.get("service", "app")
    return name, partial(factory, of, platform if platform.get("driver") == name else {})


def _policy_of(
    policies: str | PathLike[str] | Mapping[str, Any] | None, service: str | None, environment: Mapping[str, str]
) -> Mapping[str, Any]:
    """Find the policy of the service; an empty one where there is none, which the agent itself will say."""
    from selfscale._policy import load_policies

    source = policies or environment.get("SELFSCALE_POLICIES") or next(filter(isfile, _USUAL_FILES), None)
    if source is None:
        return {}
    try:
        found = load_policies(source)
    except Error:
        return {}
    wanted = service or environment.get("SELFSCALE_SERVICE")
    of_service = [policy for policy in found if wanted in {None, "", policy["service"]}]
    return of_service[0] if len(of_service) == 1 else {}
