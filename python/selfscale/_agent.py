"""The agent: measures, recommends and, once enabled, scales."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from selfscale import _core
from selfscale._arguments import (
    check_function,
    checked_count,
    checked_flag,
    checked_text,
    checked_texts,
    shown,
    text_or_none,
)
from selfscale._json import Json, to_text
from selfscale._policy import is_document, path_of

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import TypeAlias

    from typing_extensions import Self

    from selfscale.drivers import CallbackDriver, Driver
    from selfscale.drivers._bridge import Bridge
    from selfscale.values import Recommendation, ScaleOrder, ScalingEvent, Status

    Policies: TypeAlias = str | PathLike[str] | Mapping[str, Any] | list[Json]

_JOIN_SECONDS = 1.0
_END_OF_TIME = 253_402_300_800.0  # the year 10000, which no RFC 3339 can say
_CALLS = "selfscale-calls"


class Agent:
    """Measures, recommends and, once enabled, scales. Making it starts nothing.

    After a fork the child's copy records at once, into memory of its own, and begins anew when it is next used.
    """

    def __init__(
        self,
        policies: Policies | None = None,
        *,
        service: str | None = None,
        driver: str | CallbackDriver | Driver | None = None,
        enable: bool = False,
        enabled_by: str = "api",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Make an agent; the arguments are those of `start`."""
        self._native = _core.Agent()
        self._calls = _Calls(self._native)
        self._given: dict[str, Any] = {}
        self._has_driver = False
        self._finish = weakref.finalize(self, _finish, self._native, self._calls)
        self.configure(
            policies,
            service=service,
            driver=driver,
            enable=enable,
            enabled_by=enabled_by,
            environment=environment,
        )
        _agents.add(self)

    def configure(
        self,
        policies: Policies | None = None,
        *,
        service: str | None = None,
        driver: str | CallbackDriver | Driver | None = None,
        enable: bool = False,
        enabled_by: str = "api",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Replace the options of an agent that does not run; the arguments are those of `start`."""
        path, text = _path_and_text(policies)
        given = {
            "policies": path,
            "policies_text": text,
            "service": text_or_none("service", service),
            "driver_name": driver if isinstance(driver, str) else "",
            "enable": checked_flag("enable", enable),
            "enabled_by": checked_text("enabled_by", enabled_by) if enable else "",
            "environment": checked_texts("environment", environment, '{"AUTOSCALING_ENABLED": "true"}'),
        }
        self._hand_over(given, _bridge(driver))
        self._given = given
        self._has_driver = not (driver is None or isinstance(driver, str))

    def _hand_over(self, given: dict[str, Any], driver: Bridge | None) -> None:
        self._native.configure(**given, driver=driver)
        if driver is not None:
            self._calls.are_needed = True

    def _registered_driver(self) -> tuple[str, Callable[[], Driver | CallbackDriver]] | None:
        """Find a driver that Python has, where one is named."""
        from selfscale.drivers import registered_driver

        given = self._given
        return registered_driver(
            given["driver_name"] or None,
            given["policies_text"] or given["policies"] or None,
            given["service"] or None,
            {**os.environ, **given["environment"]},
        )

    def start(self) -> None:
        """Start the background thread, or start again after a fork. Twice is harmless.

        Raises:
            PolicyError: the policy file is wrong.
        """
        if not self._has_driver and not self._native.is_running() and (named := self._registered_driver()):
            self._hand_over(self._given, _bridge_of_made(named[1](), named[0]))
        self._calls.run_if_needed()
        self._native.start()

    def ensure_started(self) -> None:
        """Start unless it runs in this process; for integrations, cheap when it does."""
        if not self._native.is_running():
            self.start()

    def stop(self) -> None:
        """Stop and join the background thread, within a second or so. Twice is harmless."""
        _finish(self._native, self._calls)

    @property
    def is_running(self) -> bool:
        """Whether the background thread runs in this process."""
        return self._native.is_running()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def counter(self, name: str, labels: Mapping[str, str] | None = None) -> _core.Counter:
        """Get or make a count that only grows."""
        return self._native.counter(checked_text("name", name), _label_text(labels))

    def gauge(self, name: str, labels: Mapping[str, str] | None = None) -> _core.Gauge:
        """Get or make a value that goes up and down."""
        return self._native.gauge(checked_text("name", name), _label_text(labels))

    def distribution(self, name: str, labels: Mapping[str, str] | None = None) -> _core.Distribution:
        """Get or make a distribution of values; durations are seconds."""
        return self._native.distribution(checked_text("name", name), _label_text(labels))

    def recommendation(self, service: str | None = None) -> Recommendation | None:
        """Return the last word on a service (default: the agent's own).

        None before the first evaluation, while the place where agents meet cannot be reached, and while nobody knows
        how many replicas there are: status() says why.
        """
        from selfscale.values import Recommendation

        published = self._native.recommendation(text_or_none("service", service))
        said = None if published is None else json.loads(published)
        return None if said is None or said["replicas"]["current"] is None else Recommendation.from_dict(said)

    def status(self) -> Status:
        """Return all there is to know of the agent."""
        status: Status = json.loads(self._native.status())
        return status

    def examine(self) -> Json:
        """Look at everything that acting needs, without writing anything; the agent need not run.

        Returns:
            What `selfscale doctor --json` has of one service (docs/doctor.md). Nothing in it is secret.

        Raises:
            PolicyError: the policy file is wrong.
        """
        named = None if self._has_driver else self._registered_driver()
        if named is not None:
            self._hand_over(self._given, _bridge_of_made(_made_or_why_not(named[1]), named[0]))
        self._calls.run_if_needed()
        found: Json = json.loads(self._native.examine())
        return found

    def exposition(self, accept: str | None = None) -> tuple[str, bytes]:
        """Return what a Prometheus server scrapes: the content type, and the body.

        One exposition for all processes of this instance, whichever of them is asked; docs/prometheus.md has the names.

        Args:
            accept: the scraper's ``Accept`` header: text (the default), OpenMetrics, or protobuf, which alone has
                native histograms.

        Raises:
            Error: the agent's thread does not answer (code ``timed_out``).
        """
        return self._native.exposition(None if accept is None else checked_text("accept", accept))

    def history(self, service: str | None = None, limit: int = 50) -> list[ScalingEvent]:
        """Return a service's scaling events, the newest first."""
        from selfscale.values import ScalingEvent

        events = self._native.history(text_or_none("service", service), checked_count("limit", limit))
        return [ScalingEvent.from_dict(json.loads(event)) for event in events]

    def health(self) -> Json:
        """Return the body of a liveness route: it says that this process answers, and checks nothing."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        return {"status": "ok", "timestamp": now.replace("+00:00", "Z"), "uptime": time.monotonic() - _imported_at}

    def subscribe(self, subscriber: Callable[[Json], object]) -> None:
        """Have a function called with each decision that differs from the last, and each event, in order.

        It runs on a thread that Python owns. An exception out of it is counted and changes nothing else.

        Raises:
            TypeError: it cannot be called with one argument, or is asynchronous.
        """
        check_function("subscriber", subscriber, "what is told")
        self._native.subscribe(lambda text: subscriber(json.loads(text)))
        self._calls.are_needed = True
        if self.is_running:
            self._calls.run_if_needed()

    def report_ready(self, is_ready: bool = True) -> None:
        """Say that this process can serve, or with False, before `start`, that it will say so later.

        Under `selfscale run` a process that says nothing counts as ready as docs/run.md tells. The middleware says it.
        """
        self._native.report_ready(checked_flag("is_ready", is_ready))

    def enable(self, service: str | None = None) -> None:
        """Say that the agent may act on a service; without one: on all whose policy is enabled."""
        self._native.enable(text_or_none("service", service), "api")

    def disable(self, service: str | None = None) -> None:
        """Say that the agent may not act on a service, or on none."""
        self._native.disable(text_or_none("service", service), "api")

    def pause(self, service: str, until: datetime | float | None = None) -> None:
        """Hold a service where it is, until a time (a datetime, or seconds since the epoch) or until `resume`.

        Raises:
            TypeError: `until` is something else.
            ValueError: that time is over.
        """
        seconds = None if until is None else _time_to_come(until)
        self._native.pause(checked_text("service", service), seconds)

    def resume(self, service: str) -> None:
        """End a pause."""
        self._native.resume(checked_text("service", service))

    def scale(self, service: str, replicas: int) -> ScaleOrder:
        """Ask for exactly so many replicas, or the nearest count within the policy's bounds; the leader acts.

        Returns:
            The order, at once. Its `replicas` is the count that is aimed for.

        Raises:
            Error: the agent does not run, there is no such service, or `replicas` is negative.
            TypeError: `replicas` is no whole number.
        """
        from selfscale.values import ScaleOrder

        count = checked_count("replicas", replicas)
        known = frozenset(event.id for event in self.history(checked_text("service", service)))
        return ScaleOrder(self, service, self._native.scale(service, count), known)


class _Calls:
    """The one thread on which user functions run. It exists from the first of them on."""

    def __init__(self, native: _core.Agent) -> None:
        self._native = native
        self._thread: threading.Thread | _RealThread | None = None
        self.are_needed = False

    def run_if_needed(self) -> None:
        if not self.are_needed or self._thread is not None:
            return
        if _has_greenlets_for_threads():
            self._thread = _RealThread(self._native.run_calls, _CALLS)
        else:
            # A daemon: the interpreter waits for others before it lets the agent be stopped.
            self._thread = threading.Thread(target=self._native.run_calls, name=_CALLS, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._native.close_calls()
        if thread.ident != threading.get_ident():
            thread.join(_JOIN_SECONDS)
        self._native.renew_calls()

    def forget_after_fork(self) -> None:
        self._thread = None
        self._native.renew_calls()


def _has_greenlets_for_threads() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and monkey.is_module_patched("_thread")


class _RealThread:
    """A thread where gevent has put greenlets in the place of threads.

    A greenlet that waits in the agent, which knows nothing of greenlets, would hold up all others.
    """

    def __init__(self, run: Callable[[], None], name: str) -> None:
        original = sys.modules["gevent.monkey"].get_original
        self._start_new_thread, allocate_lock = original("_thread", ["start_new_thread", "allocate_lock"])
        self._ended = allocate_lock()
        self._ended.acquire()
        self._run = run
        self._name = name
        self.ident: int | None = None

    def start(self) -> None:
        self._start_new_thread(self._run_to_the_end, ())

    def _run_to_the_end(self) -> None:
        try:
            threading.current_thread().name = self._name
            self.ident = threading.get_ident()
            self._run()
        finally:
            self._ended.release()

    def join(self, seconds: float) -> None:
        self._ended.acquire(timeout=seconds)


def _finish(native: _core.Agent, calls: _Calls) -> None:
    native.stop()
    calls.stop()


def _path_and_text(policies: Policies | None) -> tuple[str, str]:
    if policies is None:
        return "", ""
    if isinstance(policies, list):
        return "", to_text(_joined(policies))
    if isinstance(policies, Mapping):
        return "", to_text(policies)
    if isinstance(policies, str) and is_document(policies):
        return "", policies
    return path_of(policies), ""


def _joined(policies: list[Json]) -> Json:
    """Make one document of what `load_policies` returned: its keys beside the policies go back above them."""
    document: Json = {"policies": []}
    for policy in policies:
        if not isinstance(policy, Mapping):
            raise TypeError(f"a list of policies has {shown(policy)}; what load_policies() returned is needed")
        own = dict(policy)
        for key in ("timezone", "guardrails", "alerts"):
            if key in own:
                document[key] = own.pop(key)
        document["policies"].append(own)
    return document


def _bridge(driver: str | CallbackDriver | Driver | None, name: str = "callback") -> Bridge | None:
    if driver is None or isinstance(driver, str):
        return None
    from selfscale.drivers import CallbackDriver, CapableDriver, ReleasingDriver, check_driver_object
    from selfscale.drivers._bridge import Bridge

    if isinstance(driver, CallbackDriver):
        return Bridge(driver, name)
    check_driver_object("driver", driver, "a name, a CallbackDriver, or an object with the methods of a Driver")
    can = driver.capabilities() if isinstance(driver, CapableDriver) else {}
    release = driver.release if isinstance(driver, ReleasingDriver) else None
    return Bridge(CallbackDriver(driver.scale, driver.observe, driver.preflight, can, release), name)


def _bridge_of_made(driver: CallbackDriver | Driver, name: str) -> Bridge | None:
    if driver is None or isinstance(driver, str):  # which is how an agent without a driver, or with another is made
        raise TypeError(f"the factory of the driver {name!r} returned {shown(driver)}; the driver itself is needed")
    return _bridge(driver, name)


def _made_or_why_not(make: Callable[[], Driver | CallbackDriver]) -> Driver | CallbackDriver:
    """Make a driver, or one that says what is wrong with what the policy says of it."""
    from selfscale.drivers._platform import PlatformError

    try:
        return make()
    except PlatformError as error:
        return error.as_driver()


def _label_text(labels: Mapping[str, str] | None) -> str:
    if not labels:
        return ""
    if not isinstance(labels, Mapping):
        raise TypeError(f'labels are {shown(labels)}; a dict is needed, such as {{"queue": "mail"}}')
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _time_to_come(until: datetime | float) -> float:
    if isinstance(until, datetime):
        seconds = until.timestamp()
    elif isinstance(until, (int, float)) and not isinstance(until, bool):
        seconds = float(until)
    else:
        raise TypeError(f"until is {shown(until)}; a datetime, or seconds since the epoch, is needed")
    if not time.time() < seconds < _END_OF_TIME:
        message = f"until is {shown(until)}, which is not to come; in ten minutes is time.time() + 600"
        raise ValueError(message)
    return seconds


_imported_at = time.monotonic()
_agents: weakref.WeakSet[Agent] = weakref.WeakSet()
_default: Agent | None = None
_default_lock = threading.Lock()


def default_agent() -> Agent:
    """Return the process's default agent, which is made at its first use and starts nothing by that."""
    global _default  # noqa: PLW0603
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = Agent()
    return _default


def start(
    policies: Policies | None = None,
    *,
    service: str | None = None,
    driver: str | CallbackDriver | Driver | None = None,
    enable: bool = False,
    enabled_by: str = "api",
    environment: Mapping[str, str] | None = None,
) -> Agent:
    """Start the process's default agent: one background thread. It enables nothing by itself.

    Args:
        policies: path of a policy file, or the document as text or dict, or what `load_policies` returned.
            Default: ``SELFSCALE_POLICIES``, then ``./selfscale.json``, then ``./config/autoscaling/policies.json``;
            without any, it recommends by the preset ``balanced``.
        service: the service that this process is a part of. Default: ``SELFSCALE_SERVICE``, else the only policy's.
        driver: what acts: a driver's name, a `CallbackDriver`, or an object with its methods. Default: what the
            policy names, one of `register_driver` too; an agent without a driver recommends only.
        enable: a person's word, given now, that goes for the global switch and this service's policy: of this agent
            alone, and until somebody says otherwise.
        enabled_by: who gave it, for status.
        environment: wins over the process's environment.

    Returns:
        The agent. One that runs already is returned as it is when nothing is given.

    Raises:
        TypeError: an argument is of another kind; the words say what is needed.
        PolicyError: the policy file is wrong.
        Error: another start has been made with other arguments (code ``invalid_argument``).
    """
    agent = default_agent()
    given = policies, service, driver, environment
    if not agent.is_running or enable is not False or any(value is not None for value in given):
        agent.configure(
            policies,
            service=service,
            driver=driver,
            enable=enable,
            enabled_by=enabled_by,
            environment=environment,
        )
    agent.start()
    return agent


def _after_fork_in_child() -> None:
    global _default_lock  # noqa: PLW0603
    _default_lock = threading.Lock()
    for agent in list(_agents):
        agent._calls.forget_after_fork()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork_in_child)
