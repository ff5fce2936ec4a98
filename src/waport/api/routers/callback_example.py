"""The example of a webhook receiver: it writes what it gets into a file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import qrcode
from fastapi import Request
from pydantic import JsonValue
from typing_extensions import TypedDict

from ..deps import RAW_BODY_KEY, ServicesDep
from ..envelope import json_bytes
from ..routes import Routes
from ..schemas.common import SuccessEnvelope

routes = Routes("System")
"""Served at the root only where the example is wanted."""

legacy_routes = Routes("System")

FILE_NAME: Final = "message_log.txt"
_MAX_QR: Final = 1000
"""Characters; codes of WhatsApp have some 240."""
_lock = asyncio.Lock()


class CallbackAnswer(SuccessEnvelope, TypedDict):
    """What came."""

    message: str
    payload: JsonValue


@routes.post("/localCallbackExample", in_document=False)
async def take_callback(request: Request, services: ServicesDep) -> SuccessEnvelope:
    """Write an event into a file."""
    await keep_payload(services.settings.sessions_path, request.scope[RAW_BODY_KEY])
    return {"success": True}


@legacy_routes.post("/localCallbackExample", in_document=False)
async def echo_callback(request: Request, services: ServicesDep) -> CallbackAnswer:
    """Give an event back; write it into a file where that is wanted."""
    payload = request.scope[RAW_BODY_KEY]
    if services.settings.enable_local_callback_example:
        await keep_payload(services.settings.sessions_path, payload)
    return {
        "success": True,
        "message": "Legacy callback endpoint received payload",
        "payload": payload,
    }


async def keep_payload(folder: Path, payload: Any) -> None:
    """Add a line of JSON to the file."""
    line = json_bytes(payload) + b"\r\n"
    async with _lock:
        await asyncio.to_thread(_append, folder / FILE_NAME, line)
    if isinstance(payload, dict) and payload.get("dataType") == "qr":
        data = payload.get("data")
        text = data.get("qr") if isinstance(data, dict) else None
        if isinstance(text, str) and len(text) <= _MAX_QR:
            await asyncio.to_thread(_show, text)


def _show(text: str) -> None:
    """Show a QR code on the terminal, to be scanned."""
    code = qrcode.QRCode(border=1)
    code.add_data(text)
    code.print_ascii(out=sys.stdout, invert=True)


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(line)
