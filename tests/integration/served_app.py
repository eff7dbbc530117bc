"""The application that the server tests serve."""

from __future__ import annotations

import os
from pathlib import Path

import selfscale
from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument
from selfscale.testing import recorded

app = FastAPI()
instrument(app, metrics_path="/metrics")


@app.get("/pid")
async def pid() -> int:
    """Which worker answers."""
    return os.getpid()


@app.get("/recorded")
async def what_is_recorded() -> dict[str, object]:
    """What this worker has recorded."""
    depth = Path("depth.txt")
    selfscale.gauge("depth").set(float(depth.read_text()) if depth.exists() else 7)
    return {"pid": os.getpid(), "requests": recorded(selfscale.default_agent())["requests_total"]}
