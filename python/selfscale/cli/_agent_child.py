"""An agent in a process of its own: killing or hanging it changes no worker.

The supervisor of ``selfscale run`` starts it so, and starts it again when it dies; ``selfscale agent`` is the same in
the foreground.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable

import selfscale


def main() -> None:
    """Run the agent of ``selfscale run`` until told to stop."""
    parser = argparse.ArgumentParser(prog="selfscale-agent")
    parser.add_argument("--policies", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--enable", action="store_true")
    arguments = parser.parse_args()
    run_until_told(
        lambda: selfscale.start(
            arguments.policies,
            service=arguments.service,
            driver="local",
            enable=arguments.enable,
            enabled_by="--enable of this run",
        )
    )


def run_until_told(start: Callable[[], selfscale.Agent]) -> None:
    """Start an agent, wait for SIGTERM or SIGINT, and stop it, which gives back its lease."""
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the agent's thread exists, which inherits that: the signal then waits for sigwait() here.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    agent = start()
    signal.sigwait(stop_signals)
    agent.stop()
