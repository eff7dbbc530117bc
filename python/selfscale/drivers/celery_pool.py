"""The driver ``celery_pool``: grows and shrinks the process pool of one Celery worker by Celery's own control."""

from __future__ import annotations

import reprlib
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from selfscale.drivers import Finding, ScaleRequest
from selfscale.drivers._platform import check_keys, refuse_key
from selfscale.errors import DriverError

if TYPE_CHECKING:
    from selfscale.drivers import Capabilities

__all__ = ["CeleryPool", "make"]

_KEYS = {
    "app": '"app": "shop.tasks:app"   # in the policy\'s platform: module:attribute',
    "worker": '"worker": "celery@host1"   # in the policy\'s platform; `celery -A APP status` lists the names',
    "timeout": '"timeout": 1   # in the policy\'s platform',
}
_START = "celery --app shop.tasks worker --pool prefork --concurrency 2 --hostname mail@%h"
_STATS = "celery --app shop.tasks inspect stats   # shows the same answer; an extension may have changed it"
# Why it matters and what mends it, by the code of what keeps a worker from being seen.
_MENDED_BY = {
    "unreachable": ("the pool is seen and set by what its worker answers", _START),
    "conflict": ("one policy scales one worker", _KEYS["worker"]),
    "malformed": ("the pool is seen and set by what its worker answers", _STATS),
    "unsupported": ("threads, gevent and solo have no processes that could be more or fewer", _START),
}
_BROKER = (
    "Celery's orders go through it, to the worker and back",
    "celery --app shop.tasks status   # asks the same; the address is the application's broker_url",
)
_WORKERS_REFUSALS = {"throttled", "failed"}
_REFUSALS = {*_WORKERS_REFUSALS, "denied"}  # whatever else is heard of an order, it may have been done
_LOOK_AGAIN = 0.1
_DEADLINE = 10.0  # the agent's, for calls that name none
# A look takes two answers at most, a step two looks and an order's answer; each has the time of one more to spare.
_ANSWERS_OF_A_LOOK = 3
_ANSWERS_OF_A_STEP = 6


def make(_service: str, platform: Mapping[str, Any]) -> CeleryPool:
    """Make the driver of a policy's platform object.

    Raises:
        PolicyError: a key is unknown or has no such value, there is no such application, or no Celery.
    """
    check_keys("celery_pool", platform, _KEYS)
    timeout = platform.get("timeout", 1.0)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 8:
        refuse_key("timeout", timeout, "must be seconds, more than 0 and 8 at most", _KEYS["timeout"])
    for key in ("app", "worker"):
        if not isinstance(platform.get(key, ""), str):
            refuse_key(key, platform[key], "must be a text", _KEYS[key])
    return CeleryPool(_application(platform.get("app", "")), platform.get("worker"), timeout=float(timeout))


class CeleryPool:
    """Sets the number of processes of one Celery worker's pool.

    Celery's control is relative (grow, shrink), so what the worker has is read before and after. Of a pool's processes
    only idle ones are ended. It may be used from any thread, one call at a time.

    Args:
        app: the Celery application.
        worker: the worker's node name, ``celery@host``; without it the only one that answers.
        timeout: seconds to wait for a worker's answer; a step waits for a sixth of its deadline at most (1.67 s of the
            agent's 10 s), `observe` for 3.33 s, so more than that serves `preflight` alone.
    """

    def __init__(self, app: Any, worker: str | None = None, *, timeout: float = 1.0) -> None:
        """Keep what is named; nothing is asked yet."""
        self._app = app
        self._worker = worker
        self._timeout = timeout
        self._asked: int | None = None

    def capabilities(self) -> Capabilities:
        """Return what it can do: it is one of this host where the worker that it names is of this host."""
        host = (self._worker or "").partition("@")[2]
        scope: Literal["host", "platform"] = "host" if host == socket.gethostname() else "platform"
        return {"scope": scope, "reportsReady": True, "minimum": 1}

    def observe(self) -> dict[str, int | None]:
        """Return how many processes the pool was asked for, and has.

        Raises:
            DriverError: no worker answers, the broker refuses, several workers answer and none is named, or an answer
                cannot be understood.
        """
        patience = min(self._timeout, _DEADLINE / _ANSWERS_OF_A_LOOK)
        _, processes = self._settled(self._asked, patience, patience)
        return {"desiredReplicas": processes, "currentReplicas": processes, "readyReplicas": processes}

    def scale(self, replicas: int, /) -> None:
        """Have the pool grow or shrink to exactly so many processes.

        Raises:
            DriverError: no worker answers (``unreachable``), it refuses (``failed``), the broker refuses (``denied``),
                too few processes are idle (``throttled``), somebody else has set another count since the step was
                decided (``conflict``), what it has cannot be understood (``malformed``), the deadline is over before
                anything was asked for, or it is not to be seen what became of the order (``timed_out``).
        """
        if replicas < 1:
            raise DriverError(f"scale: {replicas} processes; a pool keeps 1 or more", "invalid_argument")
        deadline = replicas.deadline if isinstance(replicas, ScaleRequest) else _DEADLINE
        ends = time.monotonic() + deadline
        patience = min(self._timeout, deadline / _ANSWERS_OF_A_STEP)
        worker, processes = self._settled(self._asked, patience, patience)
        change = replicas - processes
        if change == 0:
            return
        decided_from = replicas.from_replicas if isinstance(replicas, ScaleRequest) else None
        if decided_from not in {None, processes}:
            stands = f"{worker} is to have {processes} processes now"
            raise DriverError(f"{stands}, and the step to {replicas} was decided from {decided_from}", "conflict")
        if time.monotonic() >= ends:
            late = f"reading what {worker} has took longer than the {deadline:g} s that were left"
            raise DriverError(f"{late}: nothing was asked for", "timed_out")
        against = self._ordered(worker, change, patience)
        left = ends - 2 * patience - time.monotonic()
        try:
            if left < 0:
                raise DriverError("no time is left to read what it has", "timed_out")
            is_refused = against is not None and against.code in _WORKERS_REFUSALS
            _, processes = self._settled(replicas, patience, 0.0 if is_refused else min(max(self._timeout, 2.0), left))
        except DriverError as error:
            said = "; ".join(str(each) for each in (against, error) if each)
            words = f"{worker} was told to have {replicas} processes, and it is not known whether it has: {said}"
            raise DriverError(words, "timed_out") from error
        if processes != replicas:
            raise _failure(worker, replicas, processes, against)

    def preflight(self) -> dict[str, list[Finding]]:
        """Return what is wrong: no worker, several, another pool than prefork, an autoscaler of Celery's own."""
        try:
            worker, stats = self._stats(self._timeout)
            _processes(worker, stats)
        except DriverError as error:
            why, paste = _BROKER if error.__cause__ and error.code != "malformed" else _MENDED_BY[error.code]
            others = self._who_answers() if error.code == "unreachable" and not error.__cause__ else ""
            return {"wrong": [{"what": f"{error}{others}", "why": why, "paste": paste}], "warnings": []}
        if "autoscaler" in stats:
            what = f"{worker} has an autoscaler of its own: start it without --autoscale"
            return {"wrong": [{"what": what, "why": "two that set one count undo each other's work", "paste": _START}]}
        return {"wrong": [], "warnings": []}

    def _who_answers(self) -> str:
        """Name the workers that are there where the one that is named is not: it may be misspelt."""
        if not self._worker:
            return ""
        try:
            with self._asking():
                answers = _by_worker(self._app.control.broadcast("ping", reply=True, timeout=self._timeout))
        except DriverError:
            return ""
        return f"; these answer: {', '.join(sorted(answers))}" if answers else ""

    def _ordered(self, worker: str, change: int, patience: float) -> DriverError | None:
        """Tell a worker; return what speaks against its being done: a refusal, or an answer that shows nothing."""
        control = self._app.control
        order = control.pool_grow if change > 0 else control.pool_shrink
        try:
            with self._asking():
                answers = order(abs(change), destination=[worker], reply=True, timeout=patience, limit=1)
            refusal = _refusal(_by_worker(answers), worker)
        except DriverError as error:
            return error
        return DriverError(refusal, "throttled" if "busy" in refusal else "failed") if refusal else None

    def _settled(self, wanted: int | None, patience: float, seconds: float) -> tuple[str, int]:
        """Read who is there, and how many processes it was asked for.

        Another count than the one wanted may be passing (a process was replaced by another): it is believed once it has
        stood for some time.
        """
        deadline = time.monotonic() + seconds
        while True:
            worker, stats = self._stats(patience)
            processes = _processes(worker, stats)
            if wanted in {None, processes} or time.monotonic() >= deadline:
                self._asked = processes
                return worker, processes
            time.sleep(_LOOK_AGAIN)

    def _stats(self, patience: float) -> tuple[str, Mapping[str, Any]]:
        """Ask who is there, and what it has."""
        destination = [self._worker] if self._worker else None
        limit = 1 if destination else None
        with self._asking():
            answers = self._app.control.broadcast(
                "stats", destination=destination, reply=True, timeout=patience, limit=limit
            )
        found = _by_worker(answers)
        if not found:
            said = f"{self._worker} did not answer" if self._worker else "no worker answered"
            said = f"{said} within {patience:.3g} s"
            if patience < self._timeout:
                said += f", all that the call's deadline leaves for one answer; timeout is {self._timeout:g} s"
            raise DriverError(said, "unreachable")
        if len(found) > 1:
            names = ", ".join(sorted(found))
            raise DriverError(f"several workers answer ({names}): name one in platform.worker", "conflict")
        ((worker, stats),) = found.items()
        return worker, stats

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Say what keeps the broker from passing on an order, or its answer from being read."""
        exceptions = import_module("kombu.exceptions")
        try:
            yield
        except (exceptions.SerializationError, exceptions.SerializerNotInstalled) as error:
            raise _malformed(str(error)) from error
        except (OSError, exceptions.OperationalError, *self._losses()) as error:
            # Kombu makes an error of the connection of what the broker refuses while it publishes.
            if isinstance(error.__cause__, self._refusals()):
                raise DriverError(f"the broker refuses: {error}", "denied") from error
            raise DriverError(f"the broker cannot be reached: {error}", "unreachable") from error
        except self._refusals() as error:
            raise DriverError(f"the broker refuses: {error}", "denied") from error

    def _losses(self) -> tuple[type[Exception], ...]:
        """Return what this broker's client raises where its connection is lost."""
        losses: tuple[type[Exception], ...] = self._app.connection_for_write().connection_errors
        return losses

    def _refusals(self) -> tuple[type[Exception], ...]:
        """Return what this broker's client raises where the broker refuses."""
        refusals: tuple[type[Exception], ...] = self._app.connection_for_write().channel_errors
        return refusals


def _by_worker(answers: object) -> Mapping[str, Mapping[str, Any]]:
    """Return what each worker says, of answers that are a list of one dict for each."""
    found: dict[str, Mapping[str, Any]] = {}
    for answer in [] if answers is None else _checked(answers, list):
        for worker, said in _checked(answer, dict).items():
            found[_checked(worker, str)] = _checked(said, dict)
    return found


def _processes(worker: str, stats: Mapping[str, Any]) -> int:
    """Return how many processes a worker's pool has."""
    pool = stats.get("pool")
    if not isinstance(pool, Mapping):
        raise _malformed(f"{worker} says {reprlib.repr(stats)} where its pool is needed")
    if "processes" not in pool:
        kind = pool.get("implementation", "an unknown pool")
        raise DriverError(f"the worker's pool is {kind}; only prefork grows and shrinks", "unsupported")
    return len(_checked(pool["processes"], list))


_Kind = TypeVar("_Kind")


def _checked(said: object, kind: type[_Kind]) -> _Kind:
    if not isinstance(said, kind):
        raise _malformed(f"{reprlib.repr(said)} where a {kind.__name__} is needed")
    return said


def _malformed(why: str) -> DriverError:
    return DriverError(f"the worker's answer cannot be understood: {why}", "malformed")


def _application(name: str) -> Any:
    """Import ``module:attribute``; without it, the application of this process."""
    celery = _celery()
    if not name:
        return celery.current_app
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute or "app")
    except ImportError as error:
        message = f"cannot be imported: {error}. It must be module:attribute, in the agent's own Python path"
        refuse_key("app", name, message, f"PYTHONPATH={Path.cwd()}   # the folder in which {module.split('.')[0]} lies")
    except Exception as error:  # the import runs the app's own code
        message = f"cannot be imported: {type(error).__name__}: {error}. It must be module:attribute"
        refuse_key("app", name, message, _KEYS["app"])
    if not hasattr(found, "control"):
        refuse_key("app", name, f"is {type(found).__name__} and no Celery application", _KEYS["app"])
    return found


def _celery() -> Any:
    try:
        return import_module("celery")
    except ImportError as error:
        message = f"needs Celery, which cannot be imported here: {error}"
        refuse_key("driver", "celery_pool", message, f"{sys.executable} -m pip install celery")


def _refusal(answers: Mapping[str, Mapping[str, Any]], worker: str) -> str:
    """Return what a worker has against it; nothing where it agrees or did not answer."""
    return str(answers.get(worker, {}).get("error") or "")


def _failure(worker: str, wanted: int, processes: int, against: DriverError | None) -> DriverError:
    words = f"{worker} was to have {wanted} processes and has {processes}"
    if against and against.code in _REFUSALS:
        return DriverError(f"{words}: {against}", against.code)
    unseen = f"{words}: the change is not to be seen yet"
    return DriverError(f"{unseen}; {against}" if against else unseen, "timed_out")
