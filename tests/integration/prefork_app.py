"""An application that says which worker answers, and has each request take as long as it is told to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import selfscale
from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """How many workers there should be stands in a gauge, by which the policy goes."""
    task = asyncio.create_task(follow_load())
    yield
    task.cancel()


async def follow_load() -> None:
    """Take the load from a file of the test's."""
    load = selfscale.gauge("load")
    while True:
        load.set(float(Path(os.environ["LOAD_FILE"]).read_text()))
        await asyncio.sleep(0.05)


app = FastAPI(lifespan=lifespan)
instrument(app)


@app.get("/pid")
def pid() -> int:
    """Say who answers."""
    return os.getpid()
