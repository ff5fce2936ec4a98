"""What only the older server has: parts of the account, of chats and of messages."""

from __future__ import annotations

from typing import ClassVar, Final, NotRequired

from typing_extensions import TypedDict

from ...events import (
    ChatJson,
    ContactJson,
    GroupInfoJson,
    LabelJson,
    MessageJson,
    PollVoteJson,
    ReactionListJson,
)
from ...wire import Jid
from ..errors import InvalidRequest
from ..fields import Kind, body, defined, optional, required
from ..kinds import ADDRESS, ADDRESSES, BOOLEAN, INTEGER, PARTICIPANTS, TEXT, TEXTS, nested
from ..picture_field import PICTURE, Picture
from ..uploads import UploadedFile
from .common import SuccessEnvelope
from .message import MessageLookupRequest

_CHAT: Final = "15551234567@c.us"

# --- labels --------------------------------------------------------------------------------------


@body
class LabelIdRequest:
    """Which label."""

    label_id: str = required("labelId", TEXT)


def _label_ids(value: object, name: str) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    texts = [str(item) if isinstance(item, int) and item is not True else item for item in items]
    return TEXTS.read(texts, name)


_LABELS: Final = Kind(_label_ids, TEXTS.schema, is_array=True, takes_one=True)


@body
class LabelChatsRequest:
    """The labels that some chats are to have, and no others."""

    label_ids: tuple[str, ...] = required("labelIds", _LABELS)
    chats: tuple[Jid, ...] = required("chatIds", PARTICIPANTS)


@body
class ChangeLabelsRequest:
    """The labels that a chat is to have, and no others."""

    chat: Jid = required("chatId", ADDRESS, example=_CHAT)
    label_ids: tuple[str, ...] = required("labelIds", _LABELS)


class LabelAnswer(SuccessEnvelope):
    """A label."""

    label: LabelJson


# --- people --------------------------------------------------------------------------------------


@body
class UserIdRequest:
    """Who."""

    user: Jid = required("userId", ADDRESS, example=_CHAT)


@body
class UserIdsRequest:
    """Some people."""

    users: tuple[Jid, ...] = optional("userIds", ADDRESSES, default=())


class CountAnswer(SuccessEnvelope):
    """How many."""

    result: int


class AddressesJson(TypedDict):
    """A person's hidden id and number, as far as they are known."""

    lid: NotRequired[str]
    pn: NotRequired[str]


class AddressesAnswer(SuccessEnvelope):
    """Hidden ids and numbers, in the order asked for."""

    data: list[AddressesJson]


# --- the account ---------------------------------------------------------------------------------


@body
class SetProfilePictureRequest:
    """The picture of the account: JPEG, PNG, WebP, GIF or BMP; its middle square is taken."""

    missing: ClassVar[str] = "pictureMimetype and pictureData are required"

    # A file of a form arrives as `image`, with a type of its own.
    picture: Picture = required("pictureData", PICTURE, also=("image",))
    mimetype: str | None = optional(
        "pictureMimetype", TEXT, default=None, also=("pictureMimeType",)
    )

    @property
    def checked(self) -> Picture:
        """The picture.

        Raises:
            InvalidRequest: its type is missing.
        """
        if not self.mimetype and not isinstance(self.picture, UploadedFile):
            raise InvalidRequest(self.missing)
        return self.picture


@body
class FlagRequest:
    """On or off."""

    flag: bool = defined("flag", BOOLEAN)


@body
class OptionalFlagRequest:
    """On or off; on when left out."""

    flag: bool = optional("flag", BOOLEAN, default=True)


class ResultAnswer(SuccessEnvelope):
    """Whether it was done."""

    result: bool


class VoteAnswer(ResultAnswer, TypedDict):
    """Done; `ack` and `sentId` are of the message that carries the vote."""

    ack: int
    sentId: str


class VersionAnswer(SuccessEnvelope):
    """The version of WhatsApp Web that this server claims to be."""

    result: str


# --- messages ------------------------------------------------------------------------------------


@body
class MessageIdRequest:
    """Which message, by its id in any form."""

    message_id: str = required("messageId", TEXT)


def _positive(value: object, name: str) -> int:
    number = INTEGER.read(value, name)
    if not 1 <= number <= 10**6:
        raise InvalidRequest(f"{name} must be a number from 1 to 1000000")
    return number


_COUNT: Final = Kind(_positive, {"type": "integer", "minimum": 1, "maximum": 10**6})


@body
class TextSearchOptions:
    """Where to search, and which page of the result is wanted."""

    page: int = optional("page", _COUNT, default=1)
    limit: int = optional("limit", _COUNT, default=50, note="500 at most.")
    chat: Jid | None = optional("chatId", ADDRESS, default=None)


@body
class SearchMessagesRequest:
    """The text to look for."""

    query: str = required("query", TEXT)
    options: TextSearchOptions = optional(
        "options", nested(TextSearchOptions), default=TextSearchOptions()
    )


@body
class VoteRequest(MessageLookupRequest):
    """The answers of a poll that are chosen."""

    options: tuple[str, ...] = required("selectedOptions", TEXTS)


class OneMessageAnswer(SuccessEnvelope):
    """A message."""

    message: MessageJson


class ReactionsAnswer(SuccessEnvelope, TypedDict):
    """The reactions to a message, by emoji; no `result` when there are none."""

    result: NotRequired[list[ReactionListJson]]


class VotesAnswer(SuccessEnvelope):
    """The votes in a poll."""

    votes: list[PollVoteJson]


class GroupMentionsAnswer(SuccessEnvelope):
    """The groups that a message mentions."""

    result: list[ChatJson]


class PaymentJson(TypedDict):
    """A payment, as far as the message tells of it."""

    id: str
    paymentCurrency: str
    paymentAmount1000: int
    paymentMessageReceiverJid: str | None
    paymentTransactionTimestamp: int
    paymentStatus: int
    paymentTxnStatus: int
    paymentNote: NotRequired[str]


class PaymentAnswer(SuccessEnvelope, TypedDict):
    """The payment of a message; no `payment` when there is none."""

    payment: NotRequired[PaymentJson]


class ProductJson(TypedDict):
    """A line of an order; the price is empty when it was not told."""

    id: str
    price: str
    thumbnailUrl: str
    currency: str
    name: str
    quantity: int
    data: None


class OrderJson(TypedDict):
    """What was ordered; Unix seconds."""

    products: list[ProductJson]
    subtotal: str
    total: str
    currency: str
    createdAt: int


class OrderAnswer(SuccessEnvelope, TypedDict):
    """The order of a message; no `order` when there is none."""

    order: NotRequired[OrderJson]


class GroupClassAnswer(SuccessEnvelope):
    """A group, as such and as a chat."""

    group: GroupInfoJson
    chat: ChatJson


class ContactClassAnswer(SuccessEnvelope):
    """A person, group or channel."""

    contact: ContactJson
