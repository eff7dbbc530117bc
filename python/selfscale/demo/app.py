"""The application of the demo: a FastAPI service whose capacity is bounded by its database connections.

Each worker has a pool of `POOL` connections, and a request holds one for some tens of milliseconds, as a
query does. So a worker serves about `REQUESTS_PER_SECOND`, while it needs hardly any CPU: two cores can
carry ten of them.
"""

from __future__ import annotations

import asyncio
import random
import sys

from fastapi import FastAPI

from selfscale.integrations.fastapi import instrument

POOL = 4
QUERY_SECONDS = (0.06, 0.10)
REQUESTS_PER_SECOND = POOL / (sum(QUERY_SECONDS) / 2)

app = FastAPI(openapi_url=None)
instrument(app)
connections = asyncio.Semaphore(POOL)


@app.get("/items/{item}")
async def read_item(item: int) -> dict[str, int]:
    """Wait for a connection, then for the database."""
    async with connections:
        await asyncio.sleep(random.uniform(*QUERY_SECONDS))
    return {"item": item}


def main() -> None:
    """Serve it from the socket whose descriptor is the only argument."""
    import uvicorn

    uvicorn.run(app, fd=int(sys.argv[1]), access_log=False, log_level="warning", timeout_graceful_shutdown=1)
