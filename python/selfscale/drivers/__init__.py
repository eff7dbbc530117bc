"""Drivers made in Python: your own functions act on your platform."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from os import PathLike
from os.path import isfile
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, runtime_checkable

from selfscale._arguments import check_function, checked_count, checked_text, shown, shown_exception
from selfscale.errors import DriverError, Error

__all__ = [
    "CallbackDriver",
    "Capabilities",
    "CapableDriver",
    "Counts",
    "Driver",
    "DriverFactory",
    "Finding",
    "Findings",
    "Observation",
    "ReleasingDriver",
    "Replica",
    "ScaleRequest",
    "register_driver",
]


class Replica(TypedDict, total=False):
    """One replica as the platform lists it; what it does not tell is left out."""

    instance: str
    """The id that the replica's own agent reports itself by: ``SELFSCALE_INSTANCE``, else what the platform calls it
    (``POD_NAME``, ``DYNO``, …), else a name after the boot and the server's socket, which no platform lists."""
    ready: bool
    """It serves."""
    deleting: bool
    """It has been told to go."""
    startedSecondsAgo: float | None
    """Seconds since it was started."""
    pid: int | None
    """A process of this host to measure from outside where it reports nothing; of drivers of scope ``host``."""


class Observation(TypedDict, total=False):
    """The platform's word on the service, read now. Counts go from 0 to 100,000; None is as good as left out."""

    desiredReplicas: int | None
    """How many were asked for, by whomever. Left out: as many as `currentReplicas`; one of the two is needed."""
    currentReplicas: int | None
    """How many there are, ready or not."""
    readyReplicas: int | None
    """How many of them serve. Without it those that exist count as serving."""
    updating: bool
    """A new release is being rolled out: nothing is taken away meanwhile, and the deadline of a step does not run."""
    minReplicas: int | None
    """The platform's own least; `selfscale doctor` says where it and the policy disagree."""
    maxReplicas: int | None
    """The platform's own most."""
    failure: str
    """Why what was asked for does not come about, in the platform's words; they stand in the event that fails."""
    note: str
    """Something a person should know. It is logged, and changes nothing."""
    hold: str
    """Why no count is to be set now, in the platform's words: what is wanted waits until that is over."""
    pollAfter: float | None
    """Seconds after which to look again while a step is under way, 0 to 3600. Without it: a second."""
    version: str
    """What the platform knows its state by (a revision, an ETag). The next `ScaleRequest` has it."""
    replicas: Sequence[Replica]
    """The replicas one by one, where the platform lists them."""


Counts: TypeAlias = "int | Observation | Mapping[str, object]"
"""Replicas: one number, or an `Observation`. A key that it does not have is a failure, ``malformed``."""


class Capabilities(TypedDict, total=False):
    """What a driver can do; what is left out, it cannot."""

    scope: Literal["host", "platform"]
    """How far it reaches. ``host``: processes of this host and no more, so the agents of one host agree on one. Else,
    and where nothing is said, every replica's agent could write to it: it acts only where they have a place to meet
    (docs/fleet.md)."""
    conditionalWrite: bool
    """`scale` refuses a version that stands no more, with a `DriverError` of the code ``conflict``."""
    choosesVictims: bool
    """A step down takes away the instances that `ScaleRequest.victims` names."""
    reportsReady: bool
    """`observe` has ``readyReplicas``."""
    minimum: int
    """The least that the platform can be asked for, 0 to 100,000; fewer are never asked for."""


class ScaleRequest(int):
    """How many replicas are asked for: an ``int`` that knows more. A driver that needs the count alone takes an int.

    Attributes:
        from_replicas: how many were asked for when the step was decided; None: whatever. Where the platform has no
            versions and is asked for neither that nor this count now, somebody else was faster: raise a `DriverError`
            with the code ``conflict``, and write nothing. Where no version is compared (no ``conditionalWrite``, or an
            empty `version`), the agent calls `observe` right before `scale` and compares by itself.
        version: of the observation that was decided on; empty: write whatever stands there (a rollback, a driver
            whose `observe` names no version).
        victims: instances that may go with a step down, the idle first; for platforms that let us choose.
        token: which leader asks. It grows with each that follows, so a platform that keeps the largest it has seen can
            refuse a leader of before. 0: there is no lease.
        max_replicas: the policy's ``maxReplicas`` as it stands now, for a platform that keeps to it by itself.
        deadline: seconds that are left for the call as it begins, more than 0. A later answer is dropped; pass it to
            what you call as its timeout, for other calls wait meanwhile.
    """

    from_replicas: int | None
    version: str
    victims: tuple[str, ...]
    token: int
    max_replicas: int | None
    deadline: float

    def __new__(
        cls,
        replicas: int,
        *,
        from_replicas: int | None = None,
        version: str = "",
        victims: Iterable[str] = (),
        token: int = 0,
        max_replicas: int | None = None,
        deadline: float = 10.0,
    ) -> ScaleRequest:
        """Make a request; agents do it, and tests of drivers.

        Raises:
            Error: fewer than 0 replicas (code ``invalid_argument``).
            TypeError: it is no whole number.
        """
        if checked_count("replicas", replicas) < 0:
            raise Error(f"scale: {replicas} replicas; 0 or more", "invalid_argument")
        made = super().__new__(cls, replicas)
        made.from_replicas = from_replicas
        made.version = version
        made.victims = tuple(victims)
        made.token = token
        made.max_replicas = max_replicas
        made.deadline = deadline
        return made


Finding: TypeAlias = "str | Mapping[str, str]"
"""A sentence, or a dict with ``what`` and, where they are known, ``why`` it matters and the line to ``paste``."""

Findings: TypeAlias = "Sequence[Finding] | Mapping[str, Sequence[Finding]]"
"""What is wrong, in sentences; or a dict with ``wrong`` and ``warnings``: what acting costs, and forbids nothing."""


@runtime_checkable
class Driver(Protocol):
    """What scales a service: a class of yours with these methods will do.

    They are called on one thread that Python owns, one at a time. `selfscale.testing.check_driver` checks the promises.
    A driver may also have the methods of `CapableDriver` and `ReleasingDriver`. Without `CapableDriver.capabilities` it
    counts as one of a whole platform, which acts only where agents have a place to meet (docs/fleet.md).
    """

    def scale(self, replicas: ScaleRequest, /) -> None:
        """Ask the platform for exactly so many replicas; asked twice it changes nothing.

        Raises:
            DriverError: it failed; after ``unreachable``, ``timed_out``, ``throttled`` and ``conflict`` the agent looks
                at the platform and tries again, after `DriverError.retry_after` at the earliest. Of the library's
                other errors the code is kept, too; any other exception counts as ``failed``, and ends the event.
        """
        ...

    def observe(self) -> Counts:
        """Return what the platform has now, whoever asked for it."""
        ...

    def preflight(self) -> Findings:
        """Return what is wrong, in sentences; nothing: this process may act. In a dict, also what acting costs."""
        ...


@runtime_checkable
class CapableDriver(Driver, Protocol):
    """A driver that says what it can do."""

    def capabilities(self) -> Capabilities | Mapping[str, object]:
        """Return what it can do. Called when it is handed over, on the thread that does that; it asks nobody."""
        ...


@runtime_checkable
class ReleasingDriver(Driver, Protocol):
    """A driver that gives back what it took over."""

    def release(self) -> None:
        """Give back what `scale` took over by a person's consent, such as an autoscaler of the platform's own.

        Called when this process may act no more, and as it ends, but where the agent of another replica goes on.
        Asked twice it changes nothing.
        """
        ...


@dataclass(frozen=True)
class CallbackDriver:
    """A driver made of functions. They run on one thread that Python owns, one call at a time.

    Attributes:
        scale: asks the platform for exactly so many replicas.
        observe: what the platform has now; without it the count last asked for is taken for true.
        preflight: what is wrong, in sentences; in a dict, also what to warn of.
        capabilities: what it can do. Where it names no scope, it acts only where agents have a place to meet.
        release: gives back what `scale` took over, when this process may act no more.
    """

    scale: Callable[[ScaleRequest], None]
    observe: Callable[[], Counts] | None = None
    preflight: Callable[[], Findings] | None = None
    capabilities: Capabilities | Mapping[str, object] = field(default_factory=dict, hash=False)
    release: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        """Refuse what agents could not call.

        Raises:
            TypeError: it is no function, takes other arguments, or is asynchronous.
        """
        check_function("scale", self.scale, *_CALLED_WITH["scale"])
        for name in ("observe", "preflight", "release"):
            if (function := getattr(self, name)) is not None:
                check_function(name, function, *_CALLED_WITH[name])


_CALLED_WITH: Mapping[str, tuple[str, ...]] = {
    "scale": ("how many replicas are asked for",),
    "observe": (),
    "preflight": (),
    "capabilities": (),
    "release": (),
}
_NEEDED = ("scale", "observe", "preflight")


def check_driver_object(name: str, driver: object, needed: str) -> None:
    """Refuse what has not the methods of `Driver`, or has them in a form that agents could not call.

    Raises:
        TypeError: it is a class, has not all methods, or has one that takes other arguments or is asynchronous.
    """
    if isinstance(driver, type):
        raise TypeError(f"{name} is {shown(driver)}; an object of it is needed: {driver.__name__}(…)")
    if missing := [f"no {method}()" for method in _NEEDED if not hasattr(driver, method)]:
        call = "; if it makes a driver, call it" if callable(driver) else ""
        raise TypeError(f"{name} is {shown(driver)}, which has {' and '.join(missing)}; {needed} is needed{call}")
    for method, given in _CALLED_WITH.items():
        if hasattr(driver, method):
            check_function(f"{method}() of the driver", getattr(driver, method), *given)


DriverFactory: TypeAlias = "Callable[[str, Mapping[str, Any]], Driver | CallbackDriver]"
"""Makes a driver of a service's name and the policy's ``platform`` object."""

_FACTORIES: dict[str, DriverFactory] = {}
_OURS = {"celery_pool": "selfscale.drivers.celery_pool", "vercel": "selfscale.drivers.vercel"}
_USUAL_FILES = ("selfscale.json", "config/autoscaling/policies.json")


def register_driver(name: str, factory: DriverFactory) -> None:
    """Have policies with ``"platform": {"driver": name}`` act through a driver of yours.

    Call it before the agent starts: the factory is called by each start. A `selfscale.Error` out of it leaves the
    start; any other exception does so as the cause of a `selfscale.DriverError`. Any thread may call this.

    Args:
        name: what policies call it.
        factory: makes the driver of the service's name and the policy's ``platform`` object.

    Raises:
        TypeError: the factory is no function, or not one of these two arguments.
        ValueError: the name is empty, or another factory or a driver of selfscale's own has it.
    """
    if not checked_text("name", name):
        raise ValueError("a driver needs a name")
    if name in names_of_ours():
        message = f"the name {name!r} is that of a driver of selfscale's own; call yours otherwise"
        raise ValueError(message)
    check_function(f"the factory of the driver {name!r}", factory, "the service's name", "the policy's platform object")
    if _FACTORIES.setdefault(name, factory) != factory:
        message = f"the name {name!r} is taken by {_FACTORIES[name]!r}"
        raise ValueError(message)


def registered_names() -> frozenset[str]:
    """Return what drivers that are not selfscale's own are called, as far as they are registered by now."""
    return frozenset(_FACTORIES)


def names_of_ours() -> Iterable[str]:
    """Return what selfscale's own drivers are called."""
    from selfscale import _core

    return [*_core.driver_names(), *_OURS]


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
    return name, partial(_made, name, factory, of, platform if platform.get("driver") == name else {})


def _made(name: str, factory: DriverFactory, service: str, platform: Mapping[str, Any]) -> Driver | CallbackDriver:
    try:
        return factory(service, platform)
    except Error:
        raise
    except Exception as error:  # the factory is people's own code
        keys = ", ".join(platform) or "none"  # their values may be secret
        message = f"the driver {name!r} cannot be made of the platform's keys ({keys}): {shown_exception(error)}"
        raise DriverError(message, "invalid_argument") from error


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
