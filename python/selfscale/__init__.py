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

from selfscale._agent import Agent, ScaleOrder, default_agent, start
from selfscale._core import Counter, Distribution, Gauge, __version__
from selfscale._decide import Replay, decide, explain, record, replay
from selfscale._policy import hints, load_policies
from selfscale.drivers import CallbackDriver, Driver
from selfscale.errors import DriverError, Error, PolicyError, Problem, SourceError, StoreError
from selfscale.values import Recommendation, ScalingEvent, Status

if TYPE_CHECKING:
    from selfscale.simulate import ServiceModel, simulate

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
    "simulate",
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


_SIMULATION = frozenset({"simulate", "ServiceModel"})


class _Package(ModuleType):
    """The package. Its name `simulate` is the function, also once the module of that name has been imported."""

    def __getattr__(self, name: str) -> Any:
        if name not in _SIMULATION:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module("selfscale.simulate"), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "simulate" and isinstance(value, ModuleType):
            value = value.simulate
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
