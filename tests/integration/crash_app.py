"""A process of the crash tests: it counts and says how far it got after each count, or it has children and waits."""

from __future__ import annotations

import os
import signal
import sys

import selfscale

said_to = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
children = int(sys.argv[3])

selfscale.start()
if sys.argv[2] == "wait":
    for _ in range(children):
        if os.fork() == 0:
            signal.pause()
    os.write(said_to, b".")
    signal.pause()
counted = selfscale.counter("counted")
size = selfscale.distribution("size")
while True:
    counted.inc()
    size.observe(0.25)
    os.write(said_to, b".")
