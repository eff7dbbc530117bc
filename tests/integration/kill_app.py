"""The application of the kill tests: a worker with a child of its own, as deep in work as a file says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import selfscale
from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument

app = FastAPI()
instrument(app)
child = subprocess.Popen(["sleep", "600"])


@app.get("/work")
async def work() -> dict[str, bool]:
    """Some work."""
    selfscale.gauge("depth").set(float(Path(os.environ["DEPTH_FILE"]).read_text()))
    return {"done": True}
