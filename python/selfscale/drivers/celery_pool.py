"""The driver ``celery_pool``: grows and shrinks the process pool of one Celery worker by Celery's own control."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
# Why it matters and what mends it, by the code of what keeps a worker from being seen.
_MENDED_BY = {
    "unreachable": ("the pool is seen and set by what its worker answers", _START),
    "conflict": ("one policy scales one worker", _KEYS["worker"]),
    "unsupported": ("threads, gevent and solo have no processes that could be more or fewer", _START),
}
_BROKER = (
    "Celery's orders go through it, to the worker and back",
    "celery --app shop.tasks status   # asks the same; the address is the application's broker_url",
)
_LOOK_AGAIN = 0.1


def make(_service: str, platform: Mapping[str, Any]) -> CeleryPool:
    """Make the driver of a policy's platform object.

    Raises:
        PolicyError: a key is unknown or has no such value, or there is no such application.
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
    only idle ones are ended. Its calls take up to a few timeouts; it may be used from any thread, one call at a time.

    Args:
        app: the Celery application.
        worker: the worker's node name, ``celery@host``; without it the only one that answers.
        timeout: seconds to wait for a worker's answer.
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
            DriverError: no worker answers, the broker refuses, or several workers answer and none is named.
        """
        _, processes = self._settled(self._asked, self._timeout)
        return {"desiredReplicas": processes, "currentReplicas": processes, "readyReplicas": processes}

    def scale(self, replicas: int, /) -> None:
        """Have the pool grow or shrink to exactly so many processes.

        Raises:
            DriverError: no worker answers (``unreachable``), it refuses (``failed``), too few processes are idle
                (``throttled``), somebody else has set another count since the step was decided (``conflict``), or it is
                not to be seen what became of the order (``timed_out``).
        """
        if replicas < 1:
            raise DriverError(f"scale: {replicas} processes; a pool keeps 1 or more", "invalid_argument")
        worker, processes = self._settled(self._asked, self._timeout)
        change = replicas - processes
        if change == 0:
            return
        decided_from = replicas.from_replicas if isinstance(replicas, ScaleRequest) else None
        if decided_from not in {None, processes}:
            stands = f"{worker} is to have {processes} processes now"
            raise DriverError(f"{stands}, and the step to {replicas} was decided from {decided_from}", "conflict")
        control = self._app.control
        order = control.pool_grow if change > 0 else control.pool_shrink
        try:
            with self._asking():
                answers = order(abs(change), destination=[worker], reply=True, timeout=self._timeout, limit=1)
            refusal = _refusal(answers or [], worker)
            _, processes = self._settled(replicas, 0.0 if refusal else max(self._timeout, 2.0))
        except DriverError as error:
            if error.code != "unreachable":
                raise
            words = f"{worker} was told to have {replicas} processes, and it is not known whether it has: {error}"
            raise DriverError(words, "timed_out") from error
        if processes != replicas:
            raise _failure(worker, replicas, processes, refusal)

    def preflight(self) -> dict[str, list[Finding]]:
        """Return what is wrong: no worker, several, another pool than prefork, an autoscaler of Celery's own."""
        try:
            worker, stats = self._stats()
            self._processes(stats)
        except DriverError as error:
            why, paste = _BROKER if error.__cause__ else _MENDED_BY[error.code]
            return {"wrong": [{"what": str(error), "why": why, "paste": paste}], "warnings": []}
        if "autoscaler" in stats:
            what = f"{worker} has an autoscaler of its own: start it without --autoscale"
            return {"wrong": [{"what": what, "why": "two that set one count undo each other's work", "paste": _START}]}
        return {"wrong": [], "warnings": []}

    def _settled(self, wanted: int | None, seconds: float) -> tuple[str, int]:
        """Read who is there, and how many processes it was asked for.

        Another count than the one wanted may be passing (a process was replaced by another): it is believed once it has
        stood for some time.
        """
        deadline = time.monotonic() + seconds
        while True:
            worker, stats = self._stats()
            processes = self._processes(stats)
            if wanted in {None, processes} or time.monotonic() >= deadline:
                self._asked = processes
                return worker, processes
            time.sleep(_LOOK_AGAIN)

    def _stats(self) -> tuple[str, dict[str, Any]]:
        """Ask who is there, and what it has."""
        destination = [self._worker] if self._worker else None
        inspect = self._app.control.inspect(
            destination=destination, timeout=self._timeout, limit=1 if destination else None
        )
        with self._asking():
            found = inspect.stats() or {}
        if not found:
            said = f"{self._worker} did not answer" if self._worker else "no worker answered"
            raise DriverError(f"{said} within {self._timeout:g} s", "unreachable")
        if len(found) > 1:
            names = ", ".join(sorted(found))
            raise DriverError(f"several workers answer ({names}): name one in platform.worker", "conflict")
        ((worker, stats),) = found.items()
        return worker, stats

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Say what keeps the broker from passing on an order."""
        try:
            yield
        except _no_broker() as error:
            raise DriverError(f"the broker cannot be reached: {error}", "unreachable") from error
        except self._app.connection_for_write().channel_errors as error:
            raise DriverError(f"the broker refuses: {error}", "denied") from error

    @staticmethod
    def _processes(stats: Mapping[str, Any]) -> int:
        pool = stats.get("pool", {})
        processes = pool.get("processes")
        if not isinstance(processes, list):
            kind = pool.get("implementation", "an unknown pool")
            raise DriverError(f"the worker's pool is {kind}; only prefork grows and shrinks", "unsupported")
        return len(processes)


def _no_broker() -> tuple[type[Exception], ...]:
    """Return what Celery raises where nobody answers at the broker's address."""
    return OSError, import_module("kombu.exceptions").OperationalError


def _application(name: str) -> Any:
    """Import ``module:attribute``; without it, the application of this process."""
    if not name:
        return import_module("celery").current_app
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


def _refusal(answers: list[dict[str, dict[str, Any]]], worker: str) -> str:
    """Return what a worker has against it; nothing where it agrees or did not answer."""
    for answer in answers:
        if error := answer.get(worker, {}).get("error"):
            return str(error)
    return ""


def _failure(worker: str, wanted: int, processes: int, refusal: str) -> DriverError:
    words = f"{worker} was to have {wanted} processes and has {processes}"
    if not refusal:
        return DriverError(f"{words}: the change is not to be seen yet", "timed_out")
    code = "throttled" if "busy" in refusal else "failed"
    return DriverError(f"{words}: {refusal}", code)
