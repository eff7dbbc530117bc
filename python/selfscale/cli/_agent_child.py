"""Agents in a process of their own: killing or hanging it changes no worker.

The supervisor of ``selfscale run`` starts one so, and starts it again when it dies; ``selfscale agent`` is the same in
the foreground, of one service or several.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import selfscale


def main() -> None:
    """Run the agent of ``selfscale run`` until told to stop."""
    parser = argparse.ArgumentParser(prog="selfscale-agent")
    parser.add_argument("--policies", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--enable", action="store_true")
    arguments = parser.parse_args()
    agent = selfscale.Agent(
        arguments.policies,
        service=arguments.service,
        driver="local",
        enable=arguments.enable,
        enabled_by="--enable of this run",
    )
    run_until_told([agent])


def run_until_told(
    agents: Iterable[selfscale.Agent], once_started: Callable[[selfscale.Agent], None] | None = None
) -> None:
    """Start agents, wait for SIGTERM or SIGINT, and stop them, which gives back their leases."""
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the agents' threads exist, which inherit that: the signal then waits for sigwait() here.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    with ExitStack() as running:
        for agent in agents:
            running.enter_context(agent)
            if once_started:
                once_started(agent)
        signal.sigwait(stop_signals)
