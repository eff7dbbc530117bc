"""The application that a Prometheus server scrapes in tests."""

from __future__ import annotations

import asyncio
import os
import time

from fastapi import FastAPI, HTTPException
from selfscale.integrations.fastapi import instrument

app = FastAPI()
instrument(app, metrics_path="/metrics")


@app.get("/pid")
async def pid() -> int:
    """Which worker answers."""
    return os.getpid()


@app.get("/wait/{milliseconds}")
async def wait(milliseconds: int) -> int:
    """Take that long."""
    await asyncio.sleep(milliseconds / 1000)
    return os.getpid()


@app.get("/fail")
async def fail() -> int:
    """Fail."""
    raise RuntimeError


@app.get("/teapot")
async def teapot() -> int:
    """Refuse."""
    raise HTTPException(418)


@app.get("/hold/{milliseconds}")
async def hold(milliseconds: int) -> int:
    """Hold the event loop up that long."""
    time.sleep(milliseconds / 1000)
    return os.getpid()


@app.get("/burn")
async def burn() -> int:
    """Use a tenth of a second of CPU time."""
    end = os.times().user + 0.1
    while os.times().user < end:
        pass
    return os.getpid()
