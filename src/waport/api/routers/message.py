"""Single messages: react, star, delete, forward, look into them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final

from starlette.responses import Response

from ...client.compose import NoSuchMessage
from ...client.message_lookup import MessageReceipts
from ...errors import InvalidInput, NotFound
from ...events import jid_text, message_json
from ...model import Message
from ...model.contents.limits import MAX_REACTION, MAX_TEXT
from ...wire import Jid
from ..addresses import is_reachable, parse_address
from ..contact_list import known_contacts
from ..deps import ConnectedClient, request_body
from ..errors import InvalidRequest
from ..kinds import MAX_ITEMS
from ..media_answer import FileAnswer
from ..message_data import read_message_data
from ..message_names import find_message
from ..ports import ClientPort
from ..recipients import answers_for, check_recipient
from ..routes import Routes
from ..schemas.client import SentMessageAnswer
from ..schemas.common import MessageAnswer, done
from ..schemas.message import (
    ChangeAnswer,
    DeleteMessageRequest,
    DownloadMediaRequest,
    EditedMessageAnswer,
    EditMessageRequest,
    ForwardMessageRequest,
    GetMentionsRequest,
    MediaAnswer,
    MentionsAnswer,
    MessageInfoAnswer,
    MessageInfoJson,
    MessageLookupRequest,
    PinMessageRequest,
    QuotedMessageAnswer,
    ReactMessageRequest,
    ReceiptJson,
    StarMessageRequest,
    told,
)

routes = Routes("Message")

_UNKNOWN: Final = ((404, "message_not_found"),)
SENDS: Final = (*_UNKNOWN, (404, "contact_not_found"), (404, "group_not_found"))
_FORWARDS: Final = (*SENDS, (404, "chat_not_found"))


@routes.post("/message/getInfo/{sessionId}", errors=_UNKNOWN)
async def get_message_info(
    client: ConnectedClient,
    body: Annotated[MessageLookupRequest, request_body(MessageLookupRequest)],
) -> MessageInfoAnswer:
    """Tell who got, read and played a message."""
    message = await find_message(client, body.chat, body.message_id)
    info = _info(await client.messages.receipts(message))
    return {"success": True, "info": info, "isOwn": message.key.from_me}


@routes.post("/message/react/{sessionId}", errors=SENDS)
async def react_to_message(
    client: ConnectedClient,
    body: Annotated[ReactMessageRequest, request_body(ReactMessageRequest)],
) -> ChangeAnswer:
    """React to a message, or take the reaction back."""
    if len(body.emoji) > MAX_REACTION:
        raise InvalidRequest(f"emoji must be a string of at most {MAX_REACTION} characters")
    message = await changeable(client, body)
    with changing(message, "Message cannot be reacted to"):
        sent = await client.messages.react(message.key.chat, message.key.id, body.emoji)
    return told("Reaction sent", sent)


@routes.post("/message/star/{sessionId}", errors=_UNKNOWN)
async def star_message(
    client: ConnectedClient,
    body: Annotated[StarMessageRequest, request_body(StarMessageRequest)],
) -> MessageAnswer:
    """Star a message, or take the star away."""
    key = (await find_message(client, body.chat, body.message_id)).key
    with _stored():
        await client.settings.star(key.chat, key.id, body.star)
    return done("Message starred" if body.star else "Message unstarred")


@routes.post("/message/delete/{sessionId}", errors=SENDS)
async def delete_message(
    client: ConnectedClient,
    body: Annotated[DeleteMessageRequest, request_body(DeleteMessageRequest)],
) -> ChangeAnswer:
    """Delete a message, for this account or for everybody."""
    if body.for_everyone:
        message = await changeable(client, body)
        with changing(message, "Message cannot be deleted for everyone"):
            sent = await client.messages.revoke(message.key.chat, message.key.id)
        return told("Message deleted", sent)
    key = (await find_message(client, body.chat, body.message_id)).key
    with _stored():
        await client.settings.delete_for_me(key.chat, key.id, delete_media=body.clear_media)
    return {"success": True, "message": "Message deleted"}


@routes.post("/message/forward/{sessionId}", errors=_FORWARDS)
async def forward_message(
    client: ConnectedClient,
    body: Annotated[ForwardMessageRequest, request_body(ForwardMessageRequest)],
) -> SentMessageAnswer:
    """Send a message on to another chat."""
    source = await find_message(client, body.chat, body.message_id)
    check_recipient(body.target, "targetChatId")
    with answers_for(body.target), _refusing("Failed to forward message"):
        sent = await client.messages.forward(source.key.chat, source.key.id, body.target)
    return {"success": True, "message": message_json(sent, client.own_jid)}


@routes.post("/message/downloadMedia/{sessionId}", errors=_UNKNOWN, answer=MediaAnswer)
async def download_media(
    client: ConnectedClient,
    body: Annotated[DownloadMediaRequest, request_body(DownloadMediaRequest)],
) -> Response:
    """Get the file of a message."""
    data = body.data
    if data is None:
        message = await find_message(client, *body.ids)
    else:
        message = await read_message_data(data, client.own_jid)
    return FileAnswer(client.media, message)


@routes.post("/message/getQuotedMessage/{sessionId}", errors=_UNKNOWN)
async def get_quoted_message(
    client: ConnectedClient,
    body: Annotated[MessageLookupRequest, request_body(MessageLookupRequest)],
) -> QuotedMessageAnswer:
    """Get the message that another one answers."""
    message = await find_message(client, body.chat, body.message_id)
    quoted = await client.messages.quoted(message)
    if quoted is None:
        return {"success": True, "quotedMessage": None}
    reacted = await client.messages.reacted([quoted])
    shape = message_json(quoted, client.own_jid, has_reaction=quoted.key in reacted)
    return {"success": True, "quotedMessage": shape}


@routes.post("/message/getMentions/{sessionId}", errors=_UNKNOWN)
async def get_mentions(
    client: ConnectedClient,
    body: Annotated[GetMentionsRequest, request_body(GetMentionsRequest)],
) -> MentionsAnswer:
    """List the people that a message mentions."""
    data = body.data
    if data is not None and isinstance(given := data.get("mentionedIds"), list):
        if len(given) > MAX_ITEMS:
            raise InvalidRequest(
                f"messageData.mentionedIds must be an array of at most {MAX_ITEMS} items"
            )
        return await _mentions(client, list(_addresses(given)))
    if data is None:
        message = await find_message(client, *body.ids)
    else:
        message = await read_message_data(data, client.own_jid)
    return await _mentions(client, message_json(message, client.own_jid)["mentionedIds"])


@routes.post("/message/edit/{sessionId}", errors=SENDS)
async def edit_message(
    client: ConnectedClient,
    body: Annotated[EditMessageRequest, request_body(EditMessageRequest)],
) -> EditedMessageAnswer:
    """Give an own message another text."""
    if len(body.new_content) > MAX_TEXT:
        raise InvalidRequest(f"newContent must be a string of at most {MAX_TEXT} characters")
    message = await changeable(client, body)
    with changing(message, "Message cannot be edited"):
        sent = await client.messages.edit(message.key.chat, message.key.id, body.new_content)
    edited = await find_message(client, message.key.chat, message.key.id)
    return {
        **told("Message edited", sent),
        "editedMessage": message_json(edited, client.own_jid),
    }


@routes.post("/message/pin/{sessionId}", errors=SENDS)
async def pin_message(
    client: ConnectedClient,
    body: Annotated[PinMessageRequest, request_body(PinMessageRequest)],
) -> ChangeAnswer:
    """Pin a message for everybody in its chat."""
    message = await changeable(client, body)
    with changing(message, "Message cannot be pinned"):
        sent = await client.messages.pin(message.key.chat, message.key.id, body.held_s)
    return told("Message pinned", sent)


@routes.post("/message/unpin/{sessionId}", errors=SENDS)
async def unpin_message(
    client: ConnectedClient,
    body: Annotated[MessageLookupRequest, request_body(MessageLookupRequest)],
) -> ChangeAnswer:
    """Unpin a message."""
    message = await changeable(client, body)
    with changing(message, "Message cannot be unpinned"):
        sent = await client.messages.unpin(message.key.chat, message.key.id)
    return told("Message unpinned", sent)


# --- what they share -----------------------------------------------------------------------------


async def changeable(client: ClientPort, body: MessageLookupRequest) -> Message:
    """The message that something is to be said about.

    Raises:
        NoSuchMessage: there is none.
        InvalidRequest: it is a post of a channel.
    """
    message = await find_message(client, body.chat, body.message_id)
    if message.key.chat.is_newsletter:
        raise InvalidRequest("Not possible in a channel")
    return message


@contextlib.contextmanager
def changing(message: Message, refusal: str) -> Iterator[None]:
    """Around a call that changes a message for everybody.

    Args:
        refusal: what the caller is told where that can't be done to this message.
    """
    with answers_for(message.key.chat), _refusing(refusal):
        yield


@contextlib.contextmanager
def _refusing(text: str) -> Iterator[None]:
    """Say in words for the caller that something can't be done to this message."""
    try:
        yield
    except NoSuchMessage:
        # Taken back or deleted, before or meanwhile.
        raise
    except InvalidInput as exc:
        raise InvalidRequest(text) from exc


@contextlib.contextmanager
def _stored() -> Iterator[None]:
    """Around a call that is about what is stored here."""
    try:
        yield
    except NotFound as exc:
        raise NoSuchMessage from exc


def _info(receipts: MessageReceipts) -> MessageInfoJson:
    delivery, read, played = (
        [
            _receipt(person, at)
            for person, times in receipts.people
            if (at := getattr(times, name)) is not None
        ]
        for name in ("delivered_at", "read_at", "played_at")
    )
    return {
        "delivery": delivery,
        "deliveryRemaining": max(receipts.audience - len(delivery), 0),
        "read": read,
        "readRemaining": max(receipts.audience - len(read), 0),
        "played": played,
        "playedRemaining": max(receipts.audience - len(played), 0),
    }


def _receipt(person: Jid, at: int) -> ReceiptJson:
    return {"id": jid_text(person), "timestamp": at, "t": at}


async def _mentions(client: ClientPort, mentioned: list[str]) -> MentionsAnswer:
    people = [jid for jid in map(parse_address, mentioned) if is_reachable(jid)]
    contacts = await known_contacts(client, people)
    return {"success": True, "mentions": mentioned, "contacts": contacts}


def _addresses(given: Iterable[object]) -> Iterator[str]:
    """The ids of people, texts or objects, in the API's form; what is no id is left out."""
    for item in given:
        text = item.get("_serialized") if isinstance(item, Mapping) else item
        if isinstance(text, str) and is_reachable(jid := parse_address(text)):
            yield jid_text(jid)
