"""Autoscaling from inside your app: measures, recommends, explains and, once enabled, scales.

    import selfscale

    agent = selfscale.start("policies.json", service="backend")
    orders = selfscale.counter("orders")
    orders.inc()

Importing starts no thread, opens no socket and imports no framework.
"""

from __future__ import annotations

import sys
from importlib import import_module

from selfscale._core import Counter, Distribution, Gauge, __version__

TYPE_CHECKING = False  # importing typing would take longer than all that stands here
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from selfscale import errors as errors
    from selfscale import stages
    from selfscale._agent import Agent, default_agent, start
    from selfscale._decide import Replay, decide, explain, record, replay
    from selfscale._policy import hints, load_policies
    from selfscale.drivers import CallbackDriver, Driver, ScaleRequest, register_driver
    from selfscale.errors import DriverError, Error, PolicyError, Problem, SourceError, StoreError
    from selfscale.simulate import ServiceModel, simulate
    from selfscale.values import Recommendation, ScaleOrder, ScalingEvent, Status

__all__ = [
    "Agent",
    "CallbackDriver",
    "Counter",
    "Distribution",
    "Driver",
    "DriverError",
    "Error",
    "Gauge",
    "PolicyError",
    "Problem",
    "Recommendation",
    "Replay",
    "ScaleOrder",
    "ScaleRequest",
    "ScalingEvent",
    "ServiceModel",
    "SourceError",
    "Status",
    "StoreError",
    "__version__",
    "counter",
    "decide",
    "default_agent",
    "distribution",
    "explain",
    "gauge",
    "hints",
    "load_policies",
    "record",
    "register_driver",
    "replay",
    "report_ready",
    "simulate",
    "stages",
    "start",
]


def counter(name: str, labels: Mapping[str, str] | None = None) -> Counter:
    """Get or make a count on the process's default agent; works before `start`."""
    from selfscale._agent import default_agent

    return default_agent().counter(name, labels)


def gauge(name: str, labels: Mapping[str, str] | None = None) -> Gauge:
    """Get or make a gauge on the process's default agent; works before `start`."""
    from selfscale._agent import default_agent

    return default_agent().gauge(name, labels)


def distribution(name: str, labels: Mapping[str, str] | None = None) -> Distribution:
    """Get or make a distribution on the process's default agent; works before `start`."""
    from selfscale._agent import default_agent

    return default_agent().distribution(name, labels)


def report_ready(is_ready: bool = True) -> None:
    """Say that this process can serve, or with False, before `start`, that it will say so later."""
    from selfscale._agent import default_agent

    default_agent().report_ready(is_ready)


_NAMES = {
    "selfscale._agent": ("Agent", "default_agent", "start"),
    "selfscale._decide": ("Replay", "decide", "explain", "record", "replay"),
    "selfscale._policy": ("hints", "load_policies"),
    "selfscale.drivers": ("CallbackDriver", "Driver", "ScaleRequest", "register_driver"),
    "selfscale.errors": ("DriverError", "Error", "PolicyError", "Problem", "SourceError", "StoreError"),
    "selfscale.simulate": ("ServiceModel", "simulate"),
    "selfscale.values": ("Recommendation", "ScaleOrder", "ScalingEvent", "Status"),
}
_FOUND_IN = {name: module for module, names in _NAMES.items() for name in names}
_MODULES = {"errors", "stages"}


class _Package(type(sys)):  # type: ignore[misc]  # types.ModuleType
    """The package. What an app does not need is imported when it is first asked for.

    Its name `simulate` is the function, also once the module of that name has been imported.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _MODULES:
            return import_module(f"selfscale.{name}")
        if name not in _FOUND_IN:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_FOUND_IN[name]), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "simulate" and isinstance(value, type(sys)):
            value = value.simulate
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
