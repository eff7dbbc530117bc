"""A worker of a queue with several pieces of work in hand at once. Told to stop it finishes these and takes no more.

SELFSCALE_INSTANCE=web-1 python drain_app.py SOCKET
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

import selfscale

HANDS = 5


def work(address: str, stopping: threading.Event, in_hand: selfscale.Gauge) -> None:
    """Take one piece after the other from a connection of its own. What is not told to be done is lost with it."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        with connection.makefile("rw") as queue:

            def ask(words: str) -> list[str]:
                print(words, file=queue, flush=True)
                return queue.readline().split()

            ask(f"here {os.environ['SELFSCALE_INSTANCE']}")
            while not stopping.is_set():
                number, seconds = ask("take")
                if number == "none":
                    continue
                with in_hand.track():
                    time.sleep(float(seconds))
                    ask(f"done {number}")


def main() -> None:
    """Work until told to stop."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    agent = selfscale.start()
    in_hand = selfscale.gauge("busy_workers")
    given = sys.argv[1], stopping, in_hand
    hands = [threading.Thread(target=work, args=given) for _ in range(HANDS)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    agent.stop()


main()
