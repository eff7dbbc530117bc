"""An agent beside a service, in a process of its own: as much is to be done as a file says."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import selfscale

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
policy = json.loads(os.environ["POLICY"])
agent = selfscale.Agent(policy, service=policy["service"], enable=True)
depth = agent.gauge("depth")
agent.start()
print("ready", flush=True)
while not stopped.wait(0.05):
    depth.set(float(Path(os.environ["DEPTH_FILE"]).read_text()))
agent.stop()
sys.exit(0)
