"""What uvicorn serves in throughput.py: a FastAPI application behind the middleware that VARIANT names."""

from __future__ import annotations

import os

import peers

app = peers.AROUND_FASTAPI[os.environ["VARIANT"].removesuffix(" again")](peers.fastapi_app())
