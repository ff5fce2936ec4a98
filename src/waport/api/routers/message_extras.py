"""What only the older server has, about single messages and about groups."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Final

from starlette.responses import Response

from ...errors import InvalidInput
from ...events import (
    group_info_json,
    jid_text,
    message_json,
    reaction_lists,
    vote_json,
)
from ...model import Message
from ...proto import as_text
from ..addresses import parse_address
from ..chat_list import one_chat
from ..contact_list import one_contact
from ..deps import ConnectedClient, request_body
from ..errors import HttpError, InvalidRequest
from ..media_answer import RawFileAnswer
from ..message_names import find_message
from ..orders import order_json
from ..routes import Routes
from ..schemas.chat import ContactAnswer
from ..schemas.extras import (
    GroupClassAnswer,
    GroupMentionsAnswer,
    OneMessageAnswer,
    OrderAnswer,
    PaymentAnswer,
    PaymentJson,
    ReactionsAnswer,
    VoteAnswer,
    VoteRequest,
    VotesAnswer,
)
from ..schemas.group import GroupIdRequest
from ..schemas.message import MessageLookupRequest
from .group_chat import described
from .message import SENDS, changeable, changing

routes = Routes("Message")

_UNKNOWN: Final = ((404, "message_not_found"),)
MAX_MENTIONED: Final = 50
"""Groups that are looked up for one message: WhatsApp is asked about each that is not known, and
its writer, who may be anybody, has named them."""

Body = Annotated[MessageLookupRequest, request_body(MessageLookupRequest)]


@routes.post("/message/getClassInfo/{sessionId}", errors=_UNKNOWN)
async def get_message(client: ConnectedClient, body: Body) -> OneMessageAnswer:
    """Get a message."""
    message = await find_message(client, body.chat, body.message_id)
    reacted = await client.messages.reacted([message])
    shape = message_json(message, client.own_jid, has_reaction=message.key in reacted)
    return {"success": True, "message": shape}


@routes.post("/message/getContact/{sessionId}", errors=(*_UNKNOWN, (404, "contact_not_found")))
async def get_message_contact(client: ConnectedClient, body: Body) -> ContactAnswer:
    """Get who wrote a message."""
    message = await find_message(client, body.chat, body.message_id)
    return {"success": True, "contact": await one_contact(client, message.key.sender)}


@routes.post("/message/getGroupMentions/{sessionId}", errors=_UNKNOWN)
async def get_group_mentions(client: ConnectedClient, body: Body) -> GroupMentionsAnswer:
    """List the groups that a message mentions, as far as they are known."""
    message = await find_message(client, body.chat, body.message_id)
    mentions = message_json(message, client.own_jid)["groupMentions"]
    named = dict.fromkeys(parse_address(each["groupJid"]["_serialized"]) for each in mentions)
    found = []
    for group in [jid for jid in named if jid.is_group][:MAX_MENTIONED]:
        with contextlib.suppress(HttpError):
            found.append(await one_chat(client, group))
    return {"success": True, "result": found}


@routes.post("/message/getReactions/{sessionId}", errors=_UNKNOWN)
async def get_reactions(client: ConnectedClient, body: Body) -> ReactionsAnswer:
    """List the reactions to a message."""
    key = (await find_message(client, body.chat, body.message_id)).key
    reactions = await client.messages.reactions(key.chat, key.id)
    if not reactions:
        return {"success": True}
    return {"success": True, "result": reaction_lists(reactions, client.own_jid)}


@routes.post("/message/getPollVotes/{sessionId}", errors=_UNKNOWN)
async def get_poll_votes(client: ConnectedClient, body: Body) -> VotesAnswer:
    """List the votes in a poll."""
    message = await find_message(client, body.chat, body.message_id)
    try:
        votes = await client.messages.votes(message)
    except InvalidInput as exc:
        text = "Invalid usage! Can only be used with a pollCreation message"
        raise InvalidRequest(text) from exc
    poll = message_json(message, client.own_jid)
    return {
        "success": True,
        "votes": [vote_json(poll, each.voter, each.options, each.timestamp_ms) for each in votes],
    }


@routes.post("/message/vote/{sessionId}", errors=SENDS)
async def vote_poll(
    client: ConnectedClient,
    body: Annotated[VoteRequest, request_body(VoteRequest)],
) -> VoteAnswer:
    """Vote in a poll with all answers that are chosen; none takes the vote back."""
    message = await changeable(client, body)
    with changing(message, "selectedOptions must be answers of the poll"):
        sent = await client.messages.vote(message.key.chat, message.key.id, body.options)
    return {"success": True, "result": True, "ack": int(sent.ack), "sentId": sent.key.id}


@routes.post("/message/getPayment/{sessionId}", errors=_UNKNOWN)
async def get_payment(client: ConnectedClient, body: Body) -> PaymentAnswer:
    """Get the payment that a message asks for or tells of."""
    message = await find_message(client, body.chat, body.message_id)
    payment = _payment(message)
    return {"success": True} if payment is None else {"success": True, "payment": payment}


@routes.post("/message/getOrder/{sessionId}", errors=_UNKNOWN)
async def get_order(client: ConnectedClient, body: Body) -> OrderAnswer:
    """Get what was ordered by a message."""
    message = await find_message(client, body.chat, body.message_id)
    shape = message_json(message, client.own_jid)
    order_id, token = shape.get("orderId"), shape.get("token")
    if not order_id or not token:
        return {"success": True}
    order = await client.business.order(order_id, token)
    return {"success": True, "order": order_json(order)}


@routes.post(
    "/message/downloadMediaAsData/{sessionId}",
    errors=_UNKNOWN,
    media_type="application/octet-stream",
)
async def download_media_as_data(client: ConnectedClient, body: Body) -> Response:
    """Get the file of a message, as it is."""
    message = await find_message(client, body.chat, body.message_id)
    return RawFileAnswer(client.media, message)


@routes.post("/groupChat/getClassInfo/{sessionId}", errors=((404, "group_not_found"),))
async def get_group_chat(
    client: ConnectedClient,
    body: Annotated[GroupIdRequest, request_body(GroupIdRequest)],
) -> GroupClassAnswer:
    """Describe a group, as such and as a chat."""
    group = await described(client, body.group)
    chat = await one_chat(client, group.jid)
    return {"success": True, "group": group_info_json(group), "chat": chat}


def _payment(message: Message) -> PaymentJson | None:
    content = message.proto()
    part: Any
    if content.HasField("requestPaymentMessage"):
        part = content.requestPaymentMessage
        currency, amount = part.currencyCodeIso4217, part.amount1000
    elif content.HasField("sendPaymentMessage"):
        part = content.sendPaymentMessage
        # What was paid is told to the phones alone.
        currency, amount = "", 0
    else:
        return None
    receiver = message.key.chat if message.key.from_me else None
    shape: PaymentJson = {
        "id": message.key.id,
        "paymentCurrency": as_text(currency),
        "paymentAmount1000": amount,
        "paymentMessageReceiverJid": None if receiver is None else jid_text(receiver),
        "paymentTransactionTimestamp": message.timestamp,
        "paymentStatus": 0,
        "paymentTxnStatus": 0,
    }
    note = part.noteMessage.extendedTextMessage.text
    if note:
        shape["paymentNote"] = as_text(note)
    return shape
