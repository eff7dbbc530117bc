"""What blocks, for asyncio: the same functions, awaited.

agent = await selfscale.aio.start("policies.json")
order = agent.scale("backend", 3)
event = await selfscale.aio.wait(order)
await selfscale.aio.stop(agent)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from selfscale import _agent
from selfscale._agent import Agent
from selfscale.drivers import CallbackDriver, Driver
from selfscale.values import ScaleOrder, ScalingEvent, Status

if TYPE_CHECKING:
    from selfscale._agent import Policies

__all__ = ["exposition", "history", "start", "status", "stop", "wait"]


async def start(
    policies: Policies | None = None,
    *,
    service: str | None = None,
    driver: str | CallbackDriver | Driver | None = None,
    enable: bool = False,
    enabled_by: str = "api",
    environment: Mapping[str, str] | None = None,
) -> Agent:
    """Start the process's default agent, as `selfscale.start` does."""
    return await asyncio.to_thread(
        _agent.start,
        policies,
        service=service,
        driver=driver,
        enable=enable,
        enabled_by=enabled_by,
        environment=environment,
    )


async def stop(agent: Agent) -> None:
    """Stop an agent."""
    await asyncio.to_thread(agent.stop)


async def wait(order: ScaleOrder, timeout: float = 60.0) -> ScalingEvent:
    """Wait until a manual order has been carried out or has failed."""
    return await asyncio.to_thread(order.wait, timeout)


async def status(agent: Agent) -> Status:
    """Return all there is to know of an agent."""
    return await asyncio.to_thread(agent.status)


async def exposition(agent: Agent, accept: str | None = None) -> tuple[str, bytes]:
    """Return what a Prometheus server scrapes, as `Agent.exposition` does."""
    return await asyncio.to_thread(agent.exposition, accept)


async def history(agent: Agent, service: str | None = None, limit: int = 50) -> list[ScalingEvent]:
    """Return a service's scaling events, the newest first."""
    return await asyncio.to_thread(agent.history, service, limit)
