"""The passkey step of linking: the challenge to get, its answer to give, the codes to confirm."""

from __future__ import annotations

from typing import Annotated

from ...errors import InvalidInput
from ..deps import SessionId, Sessions, request_body
from ..errors import InvalidRequest
from ..routes import Routes
from ..schemas.common import MessageAnswer, done
from ..schemas.passkey import PasskeyAnswer, PasskeyAssertion

routes = Routes("Session")

_NONE = ((404, "session_not_found"), (404, "passkey_not_requested"))


@routes.get("/session/passkey/{sessionId}", errors=_NONE, is_uncached=True)
async def get_passkey(session_id: SessionId, sessions: Sessions) -> PasskeyAnswer:
    """Get how far the passkey step of linking has come, and what the authenticator is asked."""
    state = sessions.passkey(session_id)
    return {
        "success": True,
        "stage": state.stage.value,
        "publicKey": dict(state.options),
        "code": state.code or None,
    }


@routes.post("/session/passkey/{sessionId}", errors=_NONE)
async def answer_passkey(
    session_id: SessionId,
    sessions: Sessions,
    body: Annotated[PasskeyAssertion, request_body(PasskeyAssertion)],
) -> MessageAnswer:
    """Hand in the answer of the account owner's authenticator (WebAuthn)."""
    try:
        await sessions.answer_passkey(session_id, body.assertion)
    except InvalidInput as exc:
        raise InvalidRequest(f"assertion: {exc}") from exc
    return done("Passkey accepted")


@routes.post("/session/passkey/{sessionId}/confirm", errors=_NONE)
async def confirm_passkey(session_id: SessionId, sessions: Sessions) -> MessageAnswer:
    """Confirm that the phone shows the same code."""
    await sessions.confirm_passkey(session_id)
    return done("Passkey confirmed")
