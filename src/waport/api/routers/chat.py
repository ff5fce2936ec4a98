"""Chats."""

from __future__ import annotations

import time
from typing import Annotated, Final

from starlette.responses import Response

from ...errors import NotFound
from ...events import label_json, stanza_id
from ...model import Message
from ...wire import Jid
from ..addresses import is_reachable
from ..contact_list import one_contact
from ..cursors import DEFAULT_PAGE, MAX_PAGE, MessagePlace, page_size
from ..deps import ConnectedClient, request_body
from ..errors import chat_not_found
from ..message_list import messages_answer
from ..ports import ClientPort
from ..recipients import check_heard
from ..routes import Routes
from ..schemas.chat import (
    FOREVER_S,
    MAX_SEARCHED,
    ChangedChatAnswer,
    ChatIdRequest,
    ContactAnswer,
    FetchMessagesRequest,
    LabelsAnswer,
    MessagesAnswer,
    MuteChatRequest,
    MutedChatAnswer,
    SearchOptions,
)

routes = Routes("Chat")

DEFAULT_LIMIT: Final = DEFAULT_PAGE
MAX_LIMIT: Final = MAX_PAGE
"""Messages of one answer, and of one page of a search."""

_UNKNOWN: Final = ((404, "chat_not_found"),)
_NOBODY: Final = ((404, "contact_not_found"), (404, "group_not_found"), (404, "chat_not_found"))

Body = Annotated[ChatIdRequest, request_body(ChatIdRequest)]


@routes.post("/chat/fetchMessages/{sessionId}", answer=MessagesAnswer)
async def fetch_messages(
    client: ConnectedClient,
    body: Annotated[FetchMessagesRequest, request_body(FetchMessagesRequest)],
) -> Response:
    """Read the stored messages of a chat."""
    messages: list[Message]
    if body.cursor is not None:
        return await _page(client, body, MessagePlace.read(body.cursor))
    if body.search is not None and body.limit is None and body.before is None:
        messages = await _search(client, body.chat, body.search)
        messages.reverse()
    else:
        limit = min(max(body.limit or DEFAULT_LIMIT, 1), MAX_LIMIT)
        before = None if body.before is None else stanza_id(body.before)
        messages = list(await client.messages.fetch(body.chat, limit, before))
    reacted = await client.messages.reacted(messages)
    return messages_answer(messages, client.own_jid, reacted)


# --- what others see -----------------------------------------------------------------------------


@routes.post("/chat/sendStateTyping/{sessionId}", errors=_NOBODY)
async def send_state_typing(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Show that the account types; shown for some 25 seconds."""
    await client.presence.composing(_heard(body.chat))
    return _done("Typing indicator sent")


@routes.post("/chat/sendStateRecording/{sessionId}", errors=_NOBODY)
async def send_state_recording(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Show that the account records a voice message; shown for some 25 seconds."""
    await client.presence.recording(_heard(body.chat))
    return _done("Recording indicator sent")


@routes.post("/chat/clearState/{sessionId}", errors=_NOBODY)
async def clear_state(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Show that the account neither types nor records."""
    await client.presence.paused(_heard(body.chat))
    return _done("State cleared")


# --- read and unread -----------------------------------------------------------------------------


@routes.post("/chat/sendSeen/{sessionId}", errors=_UNKNOWN)
async def send_seen(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Mark a chat as read: the authors of its messages are told, and the account's devices."""
    chat = _chat(body.chat)
    try:
        summary = await client.chats.get(chat)
    except NotFound:
        # Nothing is stored of it, so nothing in it is unread.
        return _done("Chat marked as read")
    if summary.chat.unread_count:
        await client.chats.send_seen(chat)
        await client.settings.mark_read(chat)
    return _done("Chat marked as read")


@routes.post("/chat/markUnread/{sessionId}", errors=_UNKNOWN)
async def mark_unread(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Mark a chat as unread."""
    await client.settings.mark_unread(_chat(body.chat))
    return _done("Chat marked as unread")


# --- where it stands in the list -----------------------------------------------------------------


@routes.post("/chat/archive/{sessionId}", errors=_UNKNOWN)
async def archive_chat(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Put a chat away; it is not pinned any more."""
    await client.settings.archive(_chat(body.chat))
    return _done("Chat archived")


@routes.post("/chat/unarchive/{sessionId}", errors=_UNKNOWN)
async def unarchive_chat(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Bring a chat back."""
    await client.settings.unarchive(_chat(body.chat))
    return _done("Chat unarchived", result=False)


@routes.post("/chat/pin/{sessionId}", errors=_UNKNOWN)
async def pin_chat(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Keep a chat on top."""
    await client.settings.pin(_chat(body.chat))
    return _done("Chat pinned")


@routes.post("/chat/unpin/{sessionId}", errors=_UNKNOWN)
async def unpin_chat(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Keep a chat on top no longer."""
    await client.settings.unpin(_chat(body.chat))
    return _done("Chat unpinned", result=False)


@routes.post("/chat/mute/{sessionId}", errors=_UNKNOWN)
async def mute_chat(
    client: ConnectedClient,
    body: Annotated[MuteChatRequest, request_body(MuteChatRequest)],
) -> MutedChatAnswer:
    """Mute a chat for a time, or for ever."""
    chat = _chat(body.chat)
    if body.duration_s == FOREVER_S:
        await client.settings.mute(chat)
        return _muted("Chat muted", -1)
    until = int(time.time()) + body.duration_s
    await client.settings.mute(chat, until)
    return _muted("Chat muted", until)


@routes.post("/chat/unmute/{sessionId}", errors=_UNKNOWN)
async def unmute_chat(client: ConnectedClient, body: Body) -> MutedChatAnswer:
    """Mute a chat no longer."""
    await client.settings.unmute(_chat(body.chat))
    return _muted("Chat unmuted", 0)


# --- removing ------------------------------------------------------------------------------------


@routes.post("/chat/clearMessages/{sessionId}", errors=_UNKNOWN)
async def clear_messages(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Delete the messages of a chat, for this account."""
    # The files stay on the phones, as with the server that this one replaces.
    await client.settings.clear_chat(_chat(body.chat), delete_media=False)
    return _done("Chat cleared")


@routes.post("/chat/delete/{sessionId}", errors=_UNKNOWN)
async def delete_chat(client: ConnectedClient, body: Body) -> ChangedChatAnswer:
    """Delete a chat, for this account; it comes back with the next message."""
    await client.settings.delete_chat(_chat(body.chat))
    return _done("Chat deleted")


# --- what belongs to it --------------------------------------------------------------------------


@routes.post("/chat/getLabels/{sessionId}", errors=_UNKNOWN)
async def get_chat_labels(client: ConnectedClient, body: Body) -> LabelsAnswer:
    """List the labels of a chat."""
    ids = set(await client.settings.label_ids_of(_chat(body.chat)))
    labels = await client.settings.labels() if ids else ()
    return {
        "success": True,
        "labels": [label_json(label) for label in labels if label.label_id in ids],
    }


@routes.post("/chat/getContact/{sessionId}", errors=((404, "contact_not_found"),))
async def get_chat_contact(client: ConnectedClient, body: Body) -> ContactAnswer:
    """Get the person, group or channel that a chat is with."""
    return {"success": True, "contact": await one_contact(client, body.chat)}


# --- what they share -----------------------------------------------------------------------------


def _chat(jid: Jid) -> Jid:
    """A chat that there may be; 404 for an address that nobody has."""
    if not is_reachable(jid):
        raise chat_not_found()
    return jid


def _heard(jid: Jid) -> Jid:
    """A chat whose people see what the account does there."""
    check_heard(jid, "chatId")
    return jid


def _done(message: str, *, result: bool = True) -> ChangedChatAnswer:
    return {"success": True, "message": message, "result": result}


def _muted(message: str, until: int) -> MutedChatAnswer:
    return {
        "success": True,
        "message": message,
        "result": {"isMuted": until != 0, "muteExpiration": until},
    }


async def _page(
    client: ClientPort, body: FetchMessagesRequest, place: MessagePlace | None
) -> Response:
    """A page of the stored messages that fit, newest first; reads no further back than it must."""
    options = body.search or SearchOptions()
    limit = page_size(body.limit if body.limit is not None else options.limit)
    found: list[Message] = []
    looked_at, has_more = 0, True
    while has_more and len(found) < limit and looked_at < MAX_SEARCHED:
        size = MAX_LIMIT if options.has_filters else limit
        start = None if place is None else (place.timestamp, place.seq)
        behind = await client.messages.page(body.chat, size + 1, start)
        has_more = len(behind) > size
        for at, message in enumerate(behind[:size]):
            if options.is_past(message):
                has_more = False
                break
            place = MessagePlace(message.timestamp, message.seq)
            if options.fits(message):
                found.append(message)
            if len(found) == limit:
                has_more = at + 1 < len(behind)
                break
        looked_at += size
    reacted = await client.messages.reacted(found)
    following = place.text if has_more and place is not None else None
    return messages_answer(found, client.own_jid, reacted).page(following)


async def _search(client: ClientPort, chat: Jid, options: SearchOptions) -> list[Message]:
    """The newest messages that fit, newest first; reads no further back than it must."""
    wanted = options.wanted
    found: list[Message] = []
    before: str | None = None
    looked_at = 0
    while looked_at < MAX_SEARCHED:
        # Without filters every message fits: no more is read than is asked for.
        left = MAX_SEARCHED if options.has_filters else wanted - len(found)
        size = min(left, MAX_SEARCHED - looked_at, MAX_LIMIT)
        page = await client.messages.fetch(chat, size, before)
        for message in page:
            if options.is_past(message):
                return found
            if options.fits(message):
                found.append(message)
                if len(found) == wanted:
                    return found
        looked_at += len(page)
        if len(page) < size or page[-1].key.id == before:
            break
        before = page[-1].key.id
    return found
