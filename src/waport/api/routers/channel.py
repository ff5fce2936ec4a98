"""One channel: what it is like, what is posted, who runs it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Final

from ...errors import InvalidInput, NotFound, QueryError
from ...events import channel_json, message_json
from ...wire import Jid
from .. import outgoing
from ..addresses import is_reachable
from ..contact_list import known_contacts
from ..deps import ConnectedClient, request_body
from ..errors import InvalidRequest, chat_not_found, contact_not_found
from ..list_answer import ListAnswer
from ..message_list import messages_answer
from ..picture_field import picture_source, showing_picture
from ..routes import Routes
from ..schemas.channel import (
    MAX_SUBSCRIBERS,
    REACTIONS,
    ChannelAnswer,
    ChannelInviteRequest,
    ChannelPersonRequest,
    ChannelRequest,
    FetchPostsRequest,
    GetSubscribersRequest,
    SetChannelDescriptionRequest,
    SetChannelPictureRequest,
    SetChannelSubjectRequest,
    SetReactionSettingRequest,
    SubscribersAnswer,
    TransferChannelRequest,
    channel_of,
)
from ..schemas.chat import MessagesAnswer
from ..schemas.client import SendMessageRequest, SentMessageAnswer
from ..schemas.extras import ResultAnswer

routes = Routes("Channel")

_UNKNOWN: Final = ((404, "chat_not_found"),)
_PERSON: Final = (*_UNKNOWN, (404, "contact_not_found"))
_CONTENT_TYPES: Final = ("string", "MessageMedia", "MessageMediaFromURL")

Body = Annotated[ChannelRequest, request_body(ChannelRequest)]
Person = Annotated[ChannelPersonRequest, request_body(ChannelPersonRequest)]


@routes.post("/channel/getClassInfo/{sessionId}", errors=_UNKNOWN)
async def get_channel(client: ConnectedClient, body: Body) -> ChannelAnswer:
    """Describe a channel."""
    jid = _channel(body.chat)
    try:
        channel = await client.newsletters.info(jid)
    except NotFound as exc:
        raise chat_not_found() from exc
    try:
        chat = await client.chats.get(jid)
    except NotFound:
        chat = None
    return {"success": True, "channel": channel_json(channel, client.own_jid, chat)}


# --- posts ---------------------------------------------------------------------------------------


@routes.post("/channel/sendMessage/{sessionId}", takes_file=True, errors=_UNKNOWN)
async def send_post(
    client: ConnectedClient,
    body: Annotated[SendMessageRequest, request_body(SendMessageRequest)],
) -> SentMessageAnswer:
    """Post a text or a file in a channel."""
    _channel(body.chat)
    if body.content_type not in _CONTENT_TYPES:
        raise InvalidRequest(f"Unsupported content type: {body.content_type[:100]}")
    message = await outgoing.send_message(client, body)
    return {"success": True, "message": message_json(message, client.own_jid)}


@routes.post("/channel/fetchMessages/{sessionId}", errors=_UNKNOWN, answer=MessagesAnswer)
async def fetch_posts(
    client: ConnectedClient,
    body: Annotated[FetchPostsRequest, request_body(FetchPostsRequest)],
) -> ListAnswer:
    """List posts of a channel, oldest first."""
    jid = _channel(body.chat)
    try:
        posts = await client.newsletters.posts.fetch(jid, body.search.limit)
    except NotFound as exc:
        raise chat_not_found() from exc
    wanted = body.search.from_me
    fitting = [post for post in posts if wanted is None or post.key.from_me is wanted]
    reacted = await client.messages.reacted(fitting)
    return messages_answer(fitting, client.own_jid, reacted)


@routes.post("/channel/sendSeen/{sessionId}")
async def send_channel_seen(client: ConnectedClient, body: Body) -> ResultAnswer:
    """Tell that all posts of a channel were seen."""
    await client.newsletters.posts.send_seen(_channel(body.chat))
    return {"success": True, "result": True}


# --- what it is like -----------------------------------------------------------------------------


@routes.post("/channel/mute/{sessionId}")
async def mute_channel(client: ConnectedClient, body: Body) -> ResultAnswer:
    """Hear no more of a channel's posts."""
    return await _done(client.newsletters.mute(_channel(body.chat)))


@routes.post("/channel/unmute/{sessionId}")
async def unmute_channel(client: ConnectedClient, body: Body) -> ResultAnswer:
    """Hear of a channel's posts again."""
    return await _done(client.newsletters.unmute(_channel(body.chat)))


@routes.post("/channel/setSubject/{sessionId}")
async def set_channel_subject(
    client: ConnectedClient,
    body: Annotated[SetChannelSubjectRequest, request_body(SetChannelSubjectRequest)],
) -> ResultAnswer:
    """Name a channel."""
    question = client.newsletters.set_name(_channel(body.chat), body.subject)
    return await _done(question, "newSubject must be a string of 1 to 100 characters")


@routes.post("/channel/setDescription/{sessionId}")
async def set_channel_description(
    client: ConnectedClient,
    body: Annotated[SetChannelDescriptionRequest, request_body(SetChannelDescriptionRequest)],
) -> ResultAnswer:
    """Describe a channel, or take its description away."""
    question = client.newsletters.set_description(_channel(body.chat), body.description)
    return await _done(question, "newDescription must be a string of at most 2048 characters")


@routes.post("/channel/setProfilePicture/{sessionId}", takes_file=True)
async def set_channel_picture(
    client: ConnectedClient,
    body: Annotated[SetChannelPictureRequest, request_body(SetChannelPictureRequest)],
) -> ResultAnswer:
    """Give a channel a picture, or take it away."""
    channel = _channel(body.chat)
    name = "newProfilePictureMedia"
    if body.picture is not None:
        source = await picture_source(body.picture, name)
        with showing_picture(name):
            return await _done(client.newsletters.set_picture(channel, source))
    if body.url:
        async with client.media.open_url(body.url) as path:
            with showing_picture("newProfilePictureUrl"):
                return await _done(client.newsletters.set_picture(channel, path))
    return await _done(client.newsletters.remove_picture(channel))


@routes.post("/channel/setReactionSetting/{sessionId}")
async def set_reaction_setting(
    client: ConnectedClient,
    body: Annotated[SetReactionSettingRequest, request_body(SetReactionSettingRequest)],
) -> ResultAnswer:
    """Say which reactions a channel takes."""
    channel = _channel(body.chat)
    if not 0 <= body.code < len(REACTIONS):
        return {"success": True, "result": False}
    return await _done(client.newsletters.set_reactions(channel, REACTIONS[body.code]))


@routes.post("/channel/deleteChannel/{sessionId}")
async def delete_channel(client: ConnectedClient, body: Body) -> ResultAnswer:
    """Delete a channel for everybody."""
    return await _done(client.newsletters.delete(_channel(body.chat)))


# --- who runs and who follows it -----------------------------------------------------------------


@routes.post("/channel/getSubscribers/{sessionId}", errors=_UNKNOWN)
async def get_subscribers(
    client: ConnectedClient,
    body: Annotated[GetSubscribersRequest, request_body(GetSubscribersRequest)],
) -> SubscribersAnswer:
    """List who follows a channel, as far as its admins are told."""
    channel = _channel(body.chat)
    try:
        people = await client.newsletters.admins.subscribers(channel, body.limit or MAX_SUBSCRIBERS)
    except NotFound as exc:
        raise chat_not_found() from exc
    contacts = await known_contacts(client, [each.pn or each.jid for each in people])
    return {
        "success": True,
        "result": [
            {"contact": contact, "role": person.role.lower()}
            for contact, person in zip(contacts, people, strict=True)
        ],
    }


@routes.post("/channel/sendChannelAdminInvite/{sessionId}", errors=_PERSON)
async def send_channel_admin_invite(
    client: ConnectedClient,
    body: Annotated[ChannelInviteRequest, request_body(ChannelInviteRequest)],
) -> ResultAnswer:
    """Invite somebody to run a channel."""
    channel, person = _channel(body.chat), _person(body.user)
    return await _done(client.newsletters.admins.invite(channel, person, body.options.comment))


@routes.post("/channel/acceptChannelAdminInvite/{sessionId}")
async def accept_channel_admin_invite(client: ConnectedClient, body: Body) -> ResultAnswer:
    """Agree to run a channel."""
    return await _done(client.newsletters.admins.accept_invite(_channel(body.chat)))


@routes.post("/channel/revokeChannelAdminInvite/{sessionId}", errors=_PERSON)
async def revoke_channel_admin_invite(client: ConnectedClient, body: Person) -> ResultAnswer:
    """Take an invitation to run a channel back."""
    channel, person = _channel(body.chat), _person(body.user)
    return await _done(client.newsletters.admins.revoke_invite(channel, person))


@routes.post("/channel/demoteChannelAdmin/{sessionId}", errors=_PERSON)
async def demote_channel_admin(client: ConnectedClient, body: Person) -> ResultAnswer:
    """Make an admin of a channel a mere follower."""
    channel, person = _channel(body.chat), _person(body.user)
    return await _done(client.newsletters.admins.demote(channel, person))


@routes.post("/channel/transferChannelOwnership/{sessionId}", errors=_PERSON)
async def transfer_channel_ownership(
    client: ConnectedClient,
    body: Annotated[TransferChannelRequest, request_body(TransferChannelRequest)],
) -> ResultAnswer:
    """Give a channel to one of its admins."""
    channel, person = _channel(body.chat), _person(body.user)
    question = client.newsletters.admins.transfer(
        channel, person, demote_self=body.options.demote_self
    )
    return await _done(question)


# --- what they share -----------------------------------------------------------------------------


def _channel(jid: Jid) -> Jid:
    """A channel that there may be."""
    channel = channel_of(jid)
    if not is_reachable(channel):
        raise chat_not_found()
    return channel


def _person(jid: Jid) -> Jid:
    if not jid.is_user or not is_reachable(jid):
        raise contact_not_found()
    return jid


async def _done(question: Awaitable[object], refusal: str = "Invalid input") -> ResultAnswer:
    """Carry something out; False where WhatsApp refuses it."""
    try:
        await question
    except QueryError:
        return {"success": True, "result": False}
    except InvalidInput as exc:
        if refusal == "Invalid input":
            raise
        raise InvalidRequest(refusal) from exc
    return {"success": True, "result": True}
