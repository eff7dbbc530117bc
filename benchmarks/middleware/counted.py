"""What counts.py has served: answers that wait 20 to 80 ms, so that the app is most of what a client sees."""

from __future__ import annotations

import asyncio
import random

import selfscale
from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument

app = FastAPI()
instrument(app, metrics_path="/metrics")


@app.get("/items/{item}")
async def item(item: int) -> int:
    """Wait, and answer."""
    await asyncio.sleep(random.uniform(0.02, 0.08))
    return item


@app.get("/proposals")
async def proposals() -> dict[str, float | None]:
    """Return what each rule has read."""
    said = selfscale.default_agent().recommendation("counted")
    return {each["rule"]: each["value"] for each in said.proposals} if said else {}
