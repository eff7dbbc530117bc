"""The agent of ``selfscale run``, in a process of its own: killing or hanging it changes no worker.

The supervisor starts it, and starts it again when it dies.
"""

from __future__ import annotations

import argparse
import signal

import selfscale


def main() -> None:
    """Run the agent until told to stop."""
    parser = argparse.ArgumentParser(prog="selfscale-agent")
    parser.add_argument("--policies", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--enable", action="store_true")
    arguments = parser.parse_args()
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the agent's thread exists, which inherits that: the signal then waits for sigwait() here.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    agent = selfscale.start(
        arguments.policies,
        service=arguments.service,
        driver="local",
        enable=arguments.enable,
        enabled_by="--enable of this run",
    )
    signal.sigwait(stop_signals)
    agent.stop()
