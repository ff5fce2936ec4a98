"""The channels of an account: finding, following and making them."""

from __future__ import annotations

from typing import Annotated, Final

from ...errors import InvalidInput, NotFound, QueryError
from ...events import channel_json, id_json
from ...wire import Jid
from ..addresses import is_reachable
from ..deps import ConnectedClient, request_body
from ..errors import InvalidRequest, chat_not_found
from ..picture_field import picture_source, showing_picture
from ..routes import Routes
from ..schemas.channel import (
    ChannelIdRequest,
    ChannelInviteCodeRequest,
    ChannelsAnswer,
    CreateChannelRequest,
    CreatedChannelAnswer,
    FoundChannelAnswer,
    SearchChannelsRequest,
    channel_of,
)
from ..schemas.extras import ResultAnswer

routes = Routes("Channel")

_MAX_NAME: Final = 100
_MAX_DESCRIPTION: Final = 2048


@routes.get("/client/getChannels/{sessionId}")
async def get_channels(client: ConnectedClient) -> ChannelsAnswer:
    """List the channels that the account follows or runs."""
    channels = await client.newsletters.all()
    followed = [each for each in channels if each.is_followed]
    return {"success": True, "result": [channel_json(each, client.own_jid) for each in followed]}


@routes.post("/client/getChannelByInviteCode/{sessionId}")
async def get_channel_by_invite_code(
    client: ConnectedClient,
    body: Annotated[ChannelInviteCodeRequest, request_body(ChannelInviteCodeRequest)],
) -> FoundChannelAnswer:
    """Get the channel that an invite leads to."""
    try:
        channel = await client.newsletters.by_invite(body.code)
    except NotFound:
        return {"success": True}
    except InvalidInput as exc:
        raise InvalidRequest("inviteCode must be the code or link of a channel") from exc
    return {"success": True, "result": channel_json(channel, client.own_jid)}


@routes.post("/client/searchChannels/{sessionId}")
async def search_channels(
    client: ConnectedClient,
    body: Annotated[SearchChannelsRequest, request_body(SearchChannelsRequest)],
) -> ChannelsAnswer:
    """List channels of the directory."""
    search = body.search
    if search.text:
        page = await client.newsletters.search(search.text, limit=search.limit)
    else:
        page = await client.newsletters.directory(
            search.view, limit=search.limit, countries=search.countries
        )
    channels = [each for each in page.channels if not (search.skip_followed and each.is_followed)]
    return {"success": True, "result": [channel_json(each, client.own_jid) for each in channels]}


@routes.post("/client/subscribeToChannel/{sessionId}", errors=((404, "chat_not_found"),))
async def subscribe_to_channel(
    client: ConnectedClient,
    body: Annotated[ChannelIdRequest, request_body(ChannelIdRequest)],
) -> ResultAnswer:
    """Follow a channel."""
    try:
        await client.newsletters.follow(_channel(body.chat))
    except QueryError:
        return {"success": True, "result": False}
    return {"success": True, "result": True}


@routes.post("/client/unsubscribeFromChannel/{sessionId}", errors=((404, "chat_not_found"),))
async def unsubscribe_from_channel(
    client: ConnectedClient,
    body: Annotated[ChannelIdRequest, request_body(ChannelIdRequest)],
) -> ResultAnswer:
    """Follow a channel no more."""
    try:
        await client.newsletters.unfollow(_channel(body.chat))
    except QueryError:
        return {"success": True, "result": False}
    return {"success": True, "result": True}


@routes.post("/client/createChannel/{sessionId}")
async def create_channel(
    client: ConnectedClient,
    body: Annotated[CreateChannelRequest, request_body(CreateChannelRequest)],
) -> CreatedChannelAnswer:
    """Make a channel."""
    options = body.options
    if not body.title.strip() or len(body.title) > _MAX_NAME:
        raise InvalidRequest(f"title must be a string of 1 to {_MAX_NAME} characters")
    if len(options.description) > _MAX_DESCRIPTION:
        limit = f"at most {_MAX_DESCRIPTION} characters"
        raise InvalidRequest(f"options.description must be a string of {limit}")
    picture = None
    if options.picture is not None:
        picture = await picture_source(options.picture, "options.picture")
    try:
        with showing_picture("options.picture"):
            made = await client.newsletters.create(body.title, options.description, picture)
    except QueryError:
        text = "CreateChannelError: An error occupied while creating a channel"
        return {"success": True, "result": text}
    return {
        "success": True,
        "result": {
            "title": made.name or body.title,
            "nid": id_json(made.jid),
            "inviteLink": made.link,
            "createdAtTs": made.created_at,
        },
    }


def _channel(jid: Jid) -> Jid:
    channel = channel_of(jid)
    if not is_reachable(channel):
        raise chat_not_found()
    return channel
