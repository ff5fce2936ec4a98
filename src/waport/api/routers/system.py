"""The server itself: is it there, can it work."""

from __future__ import annotations

import time

from ..deps import ServicesDep
from ..errors import HttpError
from ..routes import Routes
from ..schemas.system import PingAnswer, UpAnswer

routes = Routes("System")


@routes.get("/ping")
async def ping() -> PingAnswer:
    """Check that the server answers."""
    return {"success": True, "message": "pong", "timestamp": time.time_ns() // 1_000_000}


@routes.get("/livez", is_open=True, is_probe=True)
async def is_alive() -> UpAnswer:
    """Say that the process runs."""
    return {"success": True, "status": "up"}


@routes.get("/readyz", is_open=True, is_probe=True, errors=((503, "not_ready"),))
async def is_ready(services: ServicesDep) -> UpAnswer:
    """Say whether the server can do its work."""
    if not services.is_ready():
        raise HttpError(503, "not_ready", "Not ready")
    return {"success": True, "status": "up"}
