"""Autoscaling from inside your app: measures, recommends, explains and, once enabled, scales.

    import selfscale

    agent = selfscale.start("policies.json", service="backend")
    orders = selfscale.counter("orders")
    orders.inc()

Importing starts no thread, opens no socket and imports no framework.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from selfscale import stages
from selfscale._agent import Agent, default_agent, start
from selfscale._core import Counter, Distribution, Gauge, __version__
from selfscale._decide import Replay, decide, explain, record, replay
from selfscale._policy import hints, load_policies
from selfscale.errors import DriverError, Error, PolicyError, Problem, SourceError, StoreError

if TYPE_CHECKING:
    from selfscale.drivers import CallbackDriver, Driver
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
    "replay",
    "report_ready",
    "simulate",
    "stages",
    "start",
]


def counter(name: str, labels: Mapping[str, str] | None = None) -> Counter:
    """Get or make a count on the process's default agent; works before `start`."""
    return default_agent().counter(name, labels)


def gauge(name: str, labels: Mapping[str, str] | None = None) -> Gauge:
    """Get or make a gauge on the process's default agent; works before `start`."""
    return default_agent().gauge(name, labels)


def distribution(name: str, labels: Mapping[str, str] | None = None) -> Distribution:
    """Get or make a distribution on the process's default agent; works before `start`."""
    return default_agent().distribution(name, labels)


def report_ready(is_ready: bool = True) -> None:
    """Say that this process can serve, or with False, before `start`, that it will say so later."""
    default_agent().report_ready(is_ready)


_FOUND_IN = {
    "CallbackDriver": "selfscale.drivers",
    "Driver": "selfscale.drivers",
    "Recommendation": "selfscale.values",
    "ScaleOrder": "selfscale.values",
    "ScalingEvent": "selfscale.values",
    "ServiceModel": "selfscale.simulate",
    "Status": "selfscale.values",
    "simulate": "selfscale.simulate",
}


class _Package(ModuleType):
    """The package. What an app that only records does not need is imported when it is first asked for.

    Its name `simulate` is the function, also once the module of that name has been imported.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _FOUND_IN:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_FOUND_IN[name]), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "simulate" and isinstance(value, ModuleType):
            value = value.simulate
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
