"""Channels."""

from __future__ import annotations

from typing import Final, NotRequired

from typing_extensions import TypedDict

from ...events import ChannelJson, ContactJson, IdJson
from ...model.newsletter import DirectoryView, ReactionMode
from ...wire import Jid
from ..errors import InvalidRequest
from ..fields import Kind, body, optional, required
from ..kinds import ADDRESS, ANYTHING, BOOLEAN, INTEGER, TEXT, TEXTS, nested
from ..picture_field import PICTURE, Picture
from .common import SuccessEnvelope

_CHANNEL: Final = "120363000000000099@newsletter"
MAX_LISTED: Final = 100
MAX_POSTS: Final = 300
MAX_SUBSCRIBERS: Final = 1000


def channel_of(jid: Jid) -> Jid:
    """A channel's address.

    Raises:
        InvalidRequest: it is none.
    """
    if not jid.is_newsletter:
        raise InvalidRequest("The chat is not a channel")
    return jid


@body
class ChannelRequest:
    """Which channel."""

    chat: Jid = required("chatId", ADDRESS, example=_CHANNEL)


@body
class ChannelIdRequest:
    """Which channel."""

    chat: Jid = required("channelId", ADDRESS, example=_CHANNEL)
    options: object = optional("options", ANYTHING, default=None, note="Not used.")


@body
class ChannelInviteCodeRequest:
    """A channel's invite: its code, or the whole link."""

    code: str = required("inviteCode", TEXT)


@body
class ChannelOptions:
    """How a new channel is set up."""

    description: str = optional("description", TEXT, default="")
    picture: Picture | None = optional("picture", PICTURE, default=None)


@body
class CreateChannelRequest:
    """A channel to make."""

    title: str = required("title", TEXT)
    options: ChannelOptions = optional("options", nested(ChannelOptions), default=ChannelOptions())


_VIEWS: Final = (
    DirectoryView.RECOMMENDED,
    DirectoryView.TRENDING,
    DirectoryView.POPULAR,
    DirectoryView.NEW,
)


def _view(value: object, name: str) -> DirectoryView:
    number = INTEGER.read(value, name)
    if not 0 <= number < len(_VIEWS):
        raise InvalidRequest(f"{name} must be a number from 0 to {len(_VIEWS) - 1}")
    return _VIEWS[number]


def _count(most: int) -> Kind[int]:
    def read(value: object, name: str) -> int:
        return min(max(INTEGER.read(value, name), 1), most)

    return Kind(read, {"type": "integer"})


@body
class ChannelSearchOptions:
    """Which channels of the directory are wanted."""

    text: str = optional("searchText", TEXT, default="")
    countries: tuple[str, ...] = optional("countryCodes", TEXTS, default=())
    skip_followed: bool = optional("skipSubscribedNewsletters", BOOLEAN, default=False)
    view: DirectoryView = optional(
        "view",
        Kind(_view, {"type": "integer", "minimum": 0, "maximum": 3}),
        default=DirectoryView.RECOMMENDED,
        note="0 recommended, 1 trending, 2 popular, 3 new; not looked at with a searchText.",
    )
    limit: int = optional("limit", _count(MAX_LISTED), default=50)


@body
class SearchChannelsRequest:
    """Which channels of the directory are wanted."""

    search: ChannelSearchOptions = optional(
        "searchOptions", nested(ChannelSearchOptions), default=ChannelSearchOptions()
    )


@body
class PostSearchOptions:
    """Which posts are wanted."""

    limit: int = optional("limit", _count(MAX_POSTS), default=50)
    from_me: bool | None = optional("fromMe", BOOLEAN, default=None)


@body
class FetchPostsRequest(ChannelRequest):
    """Which posts of a channel are wanted."""

    search: PostSearchOptions = optional(
        "searchOptions", nested(PostSearchOptions), default=PostSearchOptions()
    )


@body
class SetChannelSubjectRequest(ChannelRequest):
    """What a channel is to be called."""

    subject: str = optional("newSubject", TEXT, default="")


@body
class SetChannelDescriptionRequest(ChannelRequest):
    """What a channel is to say of itself."""

    description: str = optional("newDescription", TEXT, default="")


@body
class SetChannelPictureRequest(ChannelRequest):
    """The picture of a channel; neither takes it away."""

    url: str | None = optional("newProfilePictureUrl", TEXT, default=None)
    picture: Picture | None = optional(
        "newProfilePictureMedia", PICTURE, default=None, also=("image",)
    )


REACTIONS: Final = (ReactionMode.NONE, ReactionMode.BASIC, ReactionMode.ALL)


@body
class SetReactionSettingRequest(ChannelRequest):
    """Which reactions a channel takes."""

    code: int = optional("reactionCode", INTEGER, default=0, note="0 none, 1 the usual, 2 all.")


@body
class GetSubscribersRequest(ChannelRequest):
    """How many followers are wanted."""

    limit: int | None = optional("limit", _count(MAX_SUBSCRIBERS), default=None)


@body
class CommentOptions:
    """The text of an invitation."""

    comment: str = optional("comment", TEXT, default="")


@body
class ChannelPersonRequest(ChannelRequest):
    """Somebody who runs a channel, or is to."""

    user: Jid = required("userId", ADDRESS, example="15551234567@c.us")


@body
class ChannelInviteRequest(ChannelPersonRequest):
    """Who is to be invited to run a channel."""

    options: CommentOptions = optional("options", nested(CommentOptions), default=CommentOptions())


@body
class TransferOptions:
    """What becomes of this account."""

    demote_self: bool = optional("shouldDismissSelfAsAdmin", BOOLEAN, default=False)


@body
class TransferChannelRequest(ChannelRequest):
    """Who is to own a channel."""

    user: Jid = required("newOwnerId", ADDRESS, example="15551234567@c.us")
    options: TransferOptions = optional(
        "options", nested(TransferOptions), default=TransferOptions()
    )


class ChannelsAnswer(SuccessEnvelope):
    """Channels."""

    result: list[ChannelJson]


class FoundChannelAnswer(SuccessEnvelope, TypedDict):
    """A channel; no `result` when there is none."""

    result: NotRequired[ChannelJson]


class ChannelAnswer(SuccessEnvelope):
    """A channel."""

    channel: ChannelJson


class CreatedChannelJson(TypedDict):
    """A channel that was made."""

    title: str
    nid: IdJson
    inviteLink: str
    createdAtTs: int


class CreatedChannelAnswer(SuccessEnvelope):
    """The channel that was made, or why it was not."""

    result: CreatedChannelJson | str


class SubscriberJson(TypedDict):
    """Somebody who follows a channel."""

    contact: ContactJson
    role: str


class SubscribersAnswer(SuccessEnvelope):
    """Who follows a channel."""

    result: list[SubscriberJson]
