"""Choices of a session that no other device knows of, and older messages from the phone."""

from __future__ import annotations

from typing import Annotated

from ...errors import InvalidInput
from ...sessions.preferences import AUTO_DOWNLOADS, BACKGROUND_SYNC
from ...wire import Jid
from ..addresses import is_reachable
from ..deps import ConnectedClient, SessionId, Sessions, request_body
from ..errors import chat_not_found
from ..ports import ClientPort
from ..routes import Routes
from ..schemas.chat import ChatIdRequest
from ..schemas.common import SuccessEnvelope
from ..schemas.extras import FlagRequest, OptionalFlagRequest, ResultAnswer

routes = Routes("Client")

Flag = Annotated[FlagRequest, request_body(FlagRequest)]
Body = Annotated[ChatIdRequest, request_body(ChatIdRequest)]


@routes.post("/client/setAutoDownloadAudio/{sessionId}")
async def set_auto_download_audio(
    client: ConnectedClient, session_id: SessionId, sessions: Sessions, body: Flag
) -> SuccessEnvelope:
    """Have sounds fetched for `media` events, or not."""
    await sessions.choose(session_id, AUTO_DOWNLOADS["audio"], body.flag)
    return {"success": True}


@routes.post("/client/setAutoDownloadDocuments/{sessionId}")
async def set_auto_download_documents(
    client: ConnectedClient, session_id: SessionId, sessions: Sessions, body: Flag
) -> SuccessEnvelope:
    """Have documents fetched for `media` events, or not."""
    await sessions.choose(session_id, AUTO_DOWNLOADS["document"], body.flag)
    return {"success": True}


@routes.post("/client/setAutoDownloadPhotos/{sessionId}")
async def set_auto_download_photos(
    client: ConnectedClient, session_id: SessionId, sessions: Sessions, body: Flag
) -> SuccessEnvelope:
    """Have pictures fetched for `media` events, or not."""
    await sessions.choose(session_id, AUTO_DOWNLOADS["image"], body.flag)
    return {"success": True}


@routes.post("/client/setAutoDownloadVideos/{sessionId}")
async def set_auto_download_videos(
    client: ConnectedClient, session_id: SessionId, sessions: Sessions, body: Flag
) -> SuccessEnvelope:
    """Have films fetched for `media` events, or not."""
    await sessions.choose(session_id, AUTO_DOWNLOADS["video"], body.flag)
    return {"success": True}


@routes.post("/client/setBackgroundSync/{sessionId}")
async def set_background_sync(
    client: ConnectedClient,
    session_id: SessionId,
    sessions: Sessions,
    body: Annotated[OptionalFlagRequest, request_body(OptionalFlagRequest)],
) -> SuccessEnvelope:
    """Keep a choice that browsers have; nothing depends on it here."""
    await sessions.choose(session_id, BACKGROUND_SYNC, body.flag)
    return {"success": True}


@routes.post("/client/syncHistory/{sessionId}", errors=((404, "chat_not_found"),))
async def sync_history(client: ConnectedClient, body: Body) -> ResultAnswer:
    """Ask the phone for older messages of a chat; false when it has none, or none is known here."""
    return {"success": True, "result": await _ask_for_older(client, body.chat)}


@routes.post("/chat/syncHistory/{sessionId}", errors=((404, "chat_not_found"),))
async def sync_chat_history(client: ConnectedClient, body: Body) -> ResultAnswer:
    """Ask the phone for older messages of a chat; false when it has none, or none is known here."""
    return {"success": True, "result": await _ask_for_older(client, body.chat)}


async def _ask_for_older(client: ClientPort, chat: Jid) -> bool:
    if not is_reachable(chat):
        raise chat_not_found()
    try:
        return await client.history.request_older(chat)
    except InvalidInput:
        return False
