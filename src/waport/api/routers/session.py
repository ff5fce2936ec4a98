"""Sessions: start, link, stop, end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final

from starlette.responses import Response

from ...errors import InvalidInput
from ...model import SessionState
from ...pairing import normalise_phone
from ..deps import SessionId, Sessions, request_body
from ..errors import InvalidRequest
from ..qr_image import qr_png
from ..routes import NO_CACHE, Routes
from ..schemas.common import MessageAnswer, done
from ..schemas.session import (
    PairingCodeAnswer,
    PairingCodeRequest,
    QrAnswer,
    SessionsAnswer,
    StatusAnswer,
    StatusWord,
)

routes = Routes("Session")

STATUS: Final[Mapping[SessionState, StatusWord]] = {
    SessionState.CONNECTING: "INITIALIZING",
    SessionState.QR: "QR_RECEIVED",
    SessionState.PAIRING: "PAIRING",
    SessionState.CONNECTED: "CONNECTED",
    SessionState.DISCONNECTED: "DISCONNECTED",
}
"""What `/session/status` calls the states."""

_UNKNOWN = ((404, "session_not_found"),)
_NO_QR = (*_UNKNOWN, (404, "qr_not_available"))


@routes.get("/session/start/{sessionId}", changes_state=True)
async def start_session(session_id: SessionId, sessions: Sessions) -> MessageAnswer:
    """Start a session; one that is not connected is started anew."""
    await sessions.start(session_id)
    return done("Session started")


@routes.get("/session/stop/{sessionId}", changes_state=True, errors=_UNKNOWN)
async def stop_session(session_id: SessionId, sessions: Sessions) -> MessageAnswer:
    """Stop a session; it stays linked."""
    await sessions.stop(session_id)
    return done("Session stopped")


@routes.get("/session/status/{sessionId}")
async def get_session_status(session_id: SessionId, sessions: Sessions) -> StatusAnswer:
    """Tell where a session stands; never 404."""
    state = sessions.state(session_id)
    return {"success": True, "state": "STOPPED" if state is None else STATUS[state]}


@routes.delete("/session/terminate/{sessionId}")
async def terminate_session(session_id: SessionId, sessions: Sessions) -> MessageAnswer:
    """End a session for good: unlink it where possible, and delete what is stored of it."""
    await sessions.terminate(session_id)
    return done("Session terminated")


@routes.get("/session/getSessions")
async def get_sessions(sessions: Sessions) -> SessionsAnswer:
    """List the started sessions."""
    return {
        "success": True,
        "sessions": [
            {"sessionId": session_id, "status": state.value}
            for session_id, state in sessions.list()
        ],
    }


@routes.get("/session/qr/{sessionId}", errors=_NO_QR, headers=NO_CACHE)
async def get_session_qr(session_id: SessionId, sessions: Sessions) -> QrAnswer:
    """Get the text of the QR code to scan."""
    return {"success": True, "qr": sessions.qr(session_id)}


@routes.get("/session/qr/{sessionId}/image", errors=_NO_QR, media_type="image/png")
async def get_session_qr_image(session_id: SessionId, sessions: Sessions) -> Response:
    """Get the QR code to scan, as a picture of 300 x 300 pixels."""
    text = sessions.qr(session_id)
    # Making the code takes some ten milliseconds of plain computing.
    png = await asyncio.to_thread(qr_png, text)
    return Response(png, media_type="image/png", headers=NO_CACHE)


@routes.post(
    "/session/requestPairingCode/{sessionId}",
    errors=((400, "session_already_connected"), *_UNKNOWN),
)
async def request_pairing_code(
    session_id: SessionId,
    sessions: Sessions,
    body: Annotated[PairingCodeRequest, request_body(PairingCodeRequest)],
) -> PairingCodeAnswer:
    """Get a code to type on the phone, instead of scanning a QR code."""
    try:
        phone = normalise_phone(body.phone)
    except InvalidInput as exc:
        raise InvalidRequest("phoneNumber must be a phone number") from exc
    code = await sessions.request_pairing_code(session_id, phone)
    return {"success": True, "pairingCode": code}


@routes.get("/session/logout/{sessionId}", changes_state=True, errors=_UNKNOWN)
async def logout_session(session_id: SessionId, sessions: Sessions) -> MessageAnswer:
    """Unlink the account, and end the session."""
    await sessions.logout(session_id)
    return done("Logged out successfully")


@routes.get("/session/restart/{sessionId}", changes_state=True)
async def restart_session(session_id: SessionId, sessions: Sessions) -> MessageAnswer:
    """Stop a session and start it again; an unknown one is started."""
    await sessions.restart(session_id)
    return done("Session restarted")
