"""Sessions: start, link, stop, end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final

from starlette.responses import Response

from ...model import WA_WORDS, SessionState
from ..deps import SessionId, Sessions, request_body
from ..errors import HttpError
from ..evidence import add_evidence
from ..qr_image import qr_png
from ..routes import NO_CACHE, Routes
from ..schemas.common import MessageAnswer, done
from ..schemas.session import (
    EndedAnswer,
    PairingCodeAnswer,
    PairingCodeRequest,
    QrAnswer,
    SessionsAnswer,
    StateAnswer,
    StatusAnswer,
    StatusWord,
    TerminatedAnswer,
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

NOT_IMPLEMENTED: Final = "legacy_endpoint_not_implemented"
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
    if state is None:
        return {"success": True, "state": "STOPPED", "message": "session_not_found"}
    is_connected = state is SessionState.CONNECTED
    answer: StatusAnswer = {
        "success": True,
        "state": STATUS[state],
        "message": "session_connected" if is_connected else "session_not_connected",
    }
    add_evidence(answer, sessions.evidence(session_id))
    return answer


@routes.delete("/session/terminate/{sessionId}")
async def terminate_session(session_id: SessionId, sessions: Sessions) -> EndedAnswer:
    """End a session for good: unlink it where possible, and delete what is stored of it."""
    unlinked = await sessions.terminate(session_id)
    answer: EndedAnswer = {"success": True, "message": "Session terminated"}
    if unlinked is not None:
        answer["unlinked"] = unlinked
    return answer


@routes.get("/session/getSessions")
async def get_sessions(sessions: Sessions) -> SessionsAnswer:
    """List the started sessions."""
    return {
        "success": True,
        "sessions": [
            {"sessionId": session_id, "status": state.value}
            for session_id, state in sessions.list()
        ],
        "result": [session_id for session_id, _ in sessions.list()],
    }


@routes.get("/session/qr/{sessionId}", errors=_NO_QR, is_uncached=True)
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
    phone = body.digits
    code = await sessions.request_pairing_code(
        session_id, phone, show_notification=body.show_notification
    )
    return {"success": True, "pairingCode": code, "result": code}


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


# --- what only the older server has --------------------------------------------------------------


@routes.get("/session/terminateAll", changes_state=True)
async def terminate_all_sessions(sessions: Sessions) -> TerminatedAnswer:
    """End every session for good, those that are not started, too."""
    ids = list(await sessions.known())
    for session_id in ids:
        await sessions.terminate(session_id)
    return _terminated("All active sessions terminated", ids)


@routes.get("/session/terminateInactive", changes_state=True)
async def terminate_inactive_sessions(sessions: Sessions) -> TerminatedAnswer:
    """End every session for good that is not connected."""
    ids = []
    for session_id in await sessions.known():
        if sessions.state(session_id) is not SessionState.CONNECTED:
            await sessions.terminate(session_id)
            ids.append(session_id)
    return _terminated("Inactive sessions terminated", ids)


@routes.get("/session/getPageScreenshot/{sessionId}", errors=((501, NOT_IMPLEMENTED),))
async def get_page_screenshot(session_id: SessionId) -> Response:
    """There is no page to take a picture of: 501, whatever the session."""
    path = "/session/getPageScreenshot/:sessionId"
    text = f"Legacy endpoint is registered but not implemented yet: GET {path}"
    raise HttpError(501, NOT_IMPLEMENTED, text)


@routes.get("/client/getState/{sessionId}")
async def get_session_state(session_id: SessionId, sessions: Sessions) -> StateAnswer:
    """Tell where a session stands, in the words of WhatsApp Web."""
    state = sessions.state(session_id)
    return {"success": True, "state": None if state is None else WA_WORDS[state]}


def _terminated(message: str, ids: list[str]) -> TerminatedAnswer:
    return {"success": True, "message": message, "terminatedCount": len(ids), "sessionIds": ids}
