"""The application that the server tests serve."""

from __future__ import annotations

import os

import selfscale
from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument
from selfscale.testing import recorded

app = FastAPI()
instrument(app)


@app.get("/pid")
async def pid() -> int:
    """Which worker answers."""
    return os.getpid()


@app.get("/recorded")
async def what_is_recorded() -> dict[str, object]:
    """What this worker has recorded."""
    selfscale.gauge("depth").set(7)
    return {"pid": os.getpid(), "requests": recorded(selfscale.default_agent())["requests_total"]}
