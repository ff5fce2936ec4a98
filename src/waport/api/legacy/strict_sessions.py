"""The routes of sessions as the older server answers them, for `LEGACY_STRICT=true`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Request

from ...model import WA_WORDS, SessionState
from ..deps import RAW_BODY_KEY, ServicesDep, SessionId, Sessions, request_body
from ..errors import HttpError
from ..ports import SessionManager
from ..routers.callback_example import keep_payload
from ..routes import Routes
from ..schemas.session import PairingCodeRequest

routes = Routes("Session")

_FLUSHED: Final = {"success": True, "message": "Flush completed successfully"}
_UNKNOWN: Final = {"success": False, "state": None, "message": "session_not_found"}


def _done(message: str) -> dict[str, Any]:
    return {"success": True, "message": message}


@routes.get("/ping")
async def ping() -> dict[str, Any]:
    """Check that the server answers."""
    return _done("pong")


@routes.post("/localCallbackExample")
async def take_callback(request: Request, services: ServicesDep) -> dict[str, Any]:
    """The example of a webhook receiver; it keeps what comes where that is wanted."""
    if services.settings.enable_local_callback_example:
        await keep_payload(services.settings.sessions_path, request.scope[RAW_BODY_KEY])
    return {"success": True}


@routes.get("/session/start/{sessionId}", changes_state=True)
async def start_session(session_id: SessionId, sessions: Sessions) -> dict[str, Any]:
    """Start a session that is not started."""
    if sessions.state(session_id) is not None:
        raise HttpError(422, None, f"Session already exists for: {session_id}")
    await sessions.start(session_id)
    return _done("Session initiated successfully")


@routes.get("/session/stop/{sessionId}", changes_state=True)
async def stop_session(session_id: SessionId, sessions: Sessions) -> dict[str, Any]:
    """Stop a session."""
    if sessions.state(session_id) is not None:
        await sessions.stop(session_id)
    return _done("Session stopped successfully")


@routes.get("/session/status/{sessionId}")
async def get_session_status(session_id: SessionId, sessions: Sessions) -> dict[str, Any]:
    """Tell where a session stands."""
    return status_of(sessions, session_id)


def status_of(sessions: SessionManager, session_id: str) -> dict[str, Any]:
    """Where a session stands."""
    state = sessions.state(session_id)
    if state is None:
        return _UNKNOWN
    is_connected = state is SessionState.CONNECTED
    return {
        "success": is_connected,
        "state": WA_WORDS[state],
        "message": "session_connected" if is_connected else "session_not_connected",
    }


@routes.get("/session/restart/{sessionId}", changes_state=True)
async def restart_session(session_id: SessionId, sessions: Sessions) -> dict[str, Any]:
    """Stop a session and start it again."""
    if sessions.state(session_id) is None:
        return _UNKNOWN
    await sessions.restart(session_id)
    return _done("Restarted successfully")


@routes.get("/session/terminate/{sessionId}", changes_state=True)
async def terminate_session(session_id: SessionId, sessions: Sessions) -> dict[str, Any]:
    """End a session for good."""
    if sessions.state(session_id) is None:
        return _UNKNOWN
    await sessions.terminate(session_id)
    return _done("Logged out successfully")


@routes.get("/session/terminateAll", changes_state=True)
async def terminate_all_sessions(sessions: Sessions) -> dict[str, Any]:
    """End every session for good."""
    for session_id in await sessions.known():
        await sessions.terminate(session_id)
    return _FLUSHED


@routes.get("/session/terminateInactive", changes_state=True)
async def terminate_inactive_sessions(sessions: Sessions) -> dict[str, Any]:
    """End every session for good that is not connected."""
    for session_id in await sessions.known():
        if sessions.state(session_id) is not SessionState.CONNECTED:
            await sessions.terminate(session_id)
    return _FLUSHED


@routes.get("/session/getSessions")
async def get_sessions(sessions: Sessions) -> dict[str, Any]:
    """List the started sessions."""
    return {"success": True, "result": [session_id for session_id, _ in sessions.list()]}


@routes.get("/session/getPageScreenshot/{sessionId}")
async def get_page_screenshot(session_id: SessionId, sessions: Sessions) -> dict[str, Any]:
    """There is no page."""
    is_known = sessions.state(session_id) is not None
    return {"success": False, "message": "page_not_ready" if is_known else "session_not_found"}


@routes.post("/session/requestPairingCode/{sessionId}")
async def request_pairing_code(
    session_id: SessionId,
    sessions: Sessions,
    body: Annotated[PairingCodeRequest, request_body(PairingCodeRequest)],
) -> dict[str, Any]:
    """Get a code to type on the phone."""
    phone = body.digits
    if sessions.state(session_id) is None:
        return {"success": False, "message": "session_not_found"}
    code = await sessions.request_pairing_code(
        session_id, phone, show_notification=body.show_notification
    )
    return {"success": True, "result": code}


@routes.get("/client/getState/{sessionId}")
async def get_session_state(session_id: SessionId, sessions: Sessions) -> dict[str, Any]:
    """Tell where a session stands, in the words of WhatsApp Web."""
    state = sessions.state(session_id)
    if state is None:
        raise HttpError(500, None, "session_not_found")
    return {"success": True, "state": WA_WORDS[state]}
