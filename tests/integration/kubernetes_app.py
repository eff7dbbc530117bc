"""A process that runs an agent, as deep in work as a file says:  kubernetes_app.py POLICIES DEPTH

The variable BUSY_WORKERS says how many workers have something in hand.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import selfscale

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as a server that is told to go
policies, depth_file = sys.argv[1:]
depth = selfscale.gauge("depth")
depth.set(float(Path(depth_file).read_text()))
if "BUSY_WORKERS" in os.environ:
    selfscale.gauge("busy_workers").set(float(os.environ["BUSY_WORKERS"]))
selfscale.start(policies, service="web", enable=True)
while True:
    time.sleep(0.05)
    depth.set(float(Path(depth_file).read_text()))
