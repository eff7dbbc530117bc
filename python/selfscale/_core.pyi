"""
The native part of selfscale. Use the names of the package itself.
"""
from __future__ import annotations
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from typing import Any
import collections.abc
import typing
__all__: list[str] = ['Agent', 'AsgiCall', 'AsgiMiddleware', 'AsgiSend', 'ClockSkews', 'Counter', 'Distribution', 'Gauge', 'Journal', 'Policy', 'Recorder', 'WsgiRequest', 'activate', 'call_natively', 'classify', 'decide', 'driver_capabilities', 'driver_names', 'explain', 'gate', 'limit', 'load_policies', 'policy_schema', 'preset_policy', 'propose', 'rate_limit', 'read_request_start', 'reason', 'record', 'simulate', 'stabilize', 'trace_from_csv', 'window', 'window_maximum']
class Policy:
    """
    One service's policy, checked and compiled. Immutable.
    """
    def to_json(self) -> str:
        """
        The policy in its normal form, with its document's keys.
        """
    @property
    def hash(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def service(self) -> str:
        ...
class ClockSkews:
    """
    What the clocks of proxies add to waits.
    """
    def __init__(self) -> None:
        ...
    def waited(self, host: str, reported: typing.SupportsFloat | typing.SupportsIndex, now: typing.SupportsFloat | typing.SupportsIndex) -> float:
        """
        Of a wait that a host reported the part that is one.
        """
class Agent:
    """
    The native agent; selfscale.Agent is the one to use.
    """
    def __init__(self) -> None:
        ...
    def close_calls(self) -> None:
        ...
    def configure(self, *, policies: str, policies_text: str, service: str, driver_name: str, enable: bool, enabled_by: str, environment: collections.abc.Mapping[str, str], driver: typing.Any) -> None:
        ...
    def counter(self, name: str, labels: str = '') -> Counter:
        ...
    def disable(self, service: str, by: str) -> None:
        ...
    def distribution(self, name: str, labels: str = '') -> Distribution:
        ...
    def drain_descriptor(self) -> int:
        ...
    def enable(self, service: str, by: str) -> None:
        ...
    def ensure_started(self) -> None:
        ...
    def examine(self) -> str:
        ...
    def exposition(self, accept: str | None) -> tuple[str, bytes]:
        ...
    def gauge(self, name: str, labels: str = '') -> Gauge:
        ...
    def history(self, service: str, limit: typing.SupportsInt | typing.SupportsIndex) -> list[str]:
        ...
    def is_draining(self) -> bool:
        ...
    def is_running(self) -> bool:
        ...
    def metrics(self) -> str:
        ...
    def pause(self, service: str, until: typing.SupportsFloat | typing.SupportsIndex | None) -> None:
        ...
    def recommendation(self, service: str) -> str | None:
        ...
    def recorder(self, close_every: typing.SupportsInt | typing.SupportsIndex) -> Recorder:
        ...
    def renew_calls(self) -> None:
        ...
    def report_drains(self) -> None:
        ...
    def report_ready(self, is_ready: bool = True) -> None:
        ...
    def resume(self, service: str) -> None:
        ...
    def run_calls(self) -> None:
        ...
    def scale(self, service: str, replicas: typing.SupportsInt | typing.SupportsIndex) -> int:
        ...
    def start(self) -> None:
        ...
    def status(self) -> str:
        ...
    def stop(self) -> None:
        ...
    def subscribe(self, subscriber: typing.Any) -> None:
        ...
class Journal:
    """
    What agents remember in a state directory, to read in; it changes nothing.
    """
    def __init__(self, state_directory: str) -> None:
        ...
    def jsonl(self, service: str) -> str:
        """
        What was remembered of a service, oldest first: one JSON object a line.
        """
    def last_record(self, service: str) -> str:
        """
        The newest DecisionRecord of a service, with its policy.
        """
    def record(self, id: str) -> str:
        """
        A DecisionRecord with its policy, as JSON, by its id or that of an event.
        """
    def services(self) -> list[str]:
        """
        The services that it has decisions of.
        """
def activate(policy: Policy, snapshot: str, replicas: typing.SupportsInt | typing.SupportsIndex, state: str | None) -> str:
    """
    What scaleToZero makes of it.
    """
def call_natively(made: type) -> type:
    """
    Decorate a class made from AsgiMiddleware: calls of its objects are served there, not by its `__call__`.
    """
def classify(policy: Policy, snapshot: str, metric: str) -> list[tuple[str, str]]:
    """
    How each listed instance counts.
    """
def decide(policy: Policy, snapshot: str, state: str | None = None) -> str:
    """
    The decision, with the state after it.
    """
def driver_capabilities(driver: str, platform: str) -> str:
    """
    What a driver can do, as JSON, given a policy's platform object.
    """
def driver_names() -> list[str]:
    """
    The drivers that a policy's platform may name.
    """
def explain(policy: Policy, decision: str) -> str:
    """
    A decision in words, several lines.
    """
def gate(*, min_replicas: typing.SupportsInt | typing.SupportsIndex, max_replicas: typing.SupportsInt | typing.SupportsIndex, initial_scale: typing.SupportsInt | typing.SupportsIndex, scale_to_zero: bool, stable_window: typing.SupportsFloat | typing.SupportsIndex, grace_period: typing.SupportsFloat | typing.SupportsIndex, retention: typing.SupportsFloat | typing.SupportsIndex, always_buffered: bool, wanted: typing.SupportsInt | typing.SupportsIndex | None, current: typing.SupportsInt | typing.SupportsIndex, activity: str, active_for: typing.SupportsFloat | typing.SupportsIndex, inactive_for: typing.SupportsFloat | typing.SupportsIndex, buffered_for: typing.SupportsFloat | typing.SupportsIndex, buffered: bool, activation_deadline_passed: bool, initialized: bool, reachable: bool) -> tuple[int | None, bool, bool]:
    """
    Knative's bounds and way to none: replicas, whether it applies, whether it writes.
    """
def limit(policy: Policy, snapshot: str, replicas: typing.SupportsInt | typing.SupportsIndex, state: str | None) -> str:
    """
    What bounds and guardrails leave.
    """
def load_policies(text: str) -> tuple[list[Policy], list[tuple[str, str, str]]]:
    """
    The policies of a document and its hints (pointer, value, message). Raises PolicyError with every mistake.
    """
def policy_schema() -> str:
    """
    The JSON Schema of a policy document, as text.
    """
def preset_policy(preset: str, service: str) -> Policy:
    """
    The policy of a preset for a service.
    """
def propose(policy: Policy, snapshot: str, state: str | None) -> str:
    """
    What every rule wants.
    """
def rate_limit(policy: Policy, snapshot: str, replicas: typing.SupportsInt | typing.SupportsIndex, state: str | None) -> str:
    """
    What the scaling policies leave.
    """
def read_request_start(value: bytes, now: typing.SupportsFloat | typing.SupportsIndex) -> tuple[float | None, bool]:
    """
    Seconds since the earliest valid start in a header's value, or None; and whether any was refused.
    """
def reason(policy: Policy, decision: str) -> str:
    """
    A decision in one sentence.
    """
def record(state: str, event: str) -> str:
    """
    The state after what was done.
    """
def simulate(policy: Policy, load: collections.abc.Sequence[tuple[typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], capacity_per_replica: typing.SupportsFloat | typing.SupportsIndex, startup: typing.SupportsFloat | typing.SupportsIndex, service_time: typing.SupportsFloat | typing.SupportsIndex, timeout: typing.SupportsFloat | typing.SupportsIndex, memory_percent: typing.SupportsFloat | typing.SupportsIndex, random_arrivals: bool, seed: typing.SupportsInt | typing.SupportsIndex) -> dict[str, typing.Any]:
    """
    One policy on one load: {summary, columns, events as JSON texts}.
    """
def stabilize(policy: Policy, snapshot: str, replicas: typing.SupportsInt | typing.SupportsIndex, state: str | None) -> str:
    """
    What the stabilization windows leave.
    """
def trace_from_csv(text: str) -> list[tuple[float, float]]:
    """
    The points (seconds, requests per second) of a trace. Raises Error with the line that is wrong.
    """
def window(loads: collections.abc.Sequence[tuple[typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], window: typing.SupportsFloat | typing.SupportsIndex, bucket: typing.SupportsFloat | typing.SupportsIndex, at: typing.SupportsFloat | typing.SupportsIndex, weighted: bool) -> tuple[float, bool]:
    """
    The average of loads, and whether there are none.
    """
def window_maximum(numbers: collections.abc.Sequence[tuple[typing.SupportsFloat | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]], window: typing.SupportsFloat | typing.SupportsIndex, bucket: typing.SupportsFloat | typing.SupportsIndex) -> int:
    """
    The largest of the last numbers.
    """
__version__: str = '0.1.0'
class Counter:
    def inc(self, amount: int = 1, /) -> None: ...

class Gauge:
    def set(self, value: float, /) -> None: ...
    def inc(self, amount: float = 1.0, /) -> None: ...
    def dec(self, amount: float = 1.0, /) -> None: ...
    def add(self, amount: float, /) -> None: ...
    def track(self) -> contextlib.AbstractContextManager[object]: ...

class Distribution:
    def observe(self, value: float, /) -> None: ...
    def time(self) -> contextlib.AbstractContextManager[object]: ...

class AsgiSend:
    def __call__(self, message: MutableMapping[str, Any]) -> Awaitable[None]: ...
    def mark(self) -> None: ...

class AsgiCall(Coroutine[Any, Any, None]):
    cr_frame: Any
    cr_await: Any
    cr_code: Any
    cr_origin: Any
    cr_running: bool
    def __await__(self) -> Generator[Any, Any]: ...
    def __iter__(self) -> AsgiCall: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, type: Any, value: Any = None, traceback: Any = None, /) -> Any: ...
    def close(self) -> None: ...

class WsgiRequest:
    def __call__(self, status: str, headers: Any, exc_info: Any = None, /) -> Callable[[bytes], object]: ...
    def answered(self) -> None: ...
    def leave(self, error: BaseException | None, /) -> None: ...

class Recorder:
    def enter_wsgi(
        self, environ: dict[str, Any], start_response: Callable[..., Callable[[bytes], object]], /
    ) -> WsgiRequest | None: ...
    def share(self, agent: object, /) -> None: ...
    def drain(self) -> None: ...

class AsgiMiddleware:
    app: Callable[
        [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[MutableMapping[str, Any]], Awaitable[None]]],
        Awaitable[None],
    ]
    _recorder: Recorder | None
