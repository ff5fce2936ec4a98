"""Domain events: what happened to an account, before anybody decides how to tell it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..wire import Jid, Node
from .add_on import TimerSetting
from .call import Call
from .chat import Chat
from .contents import EventAnswer
from .group import GroupChange
from .history import HistoryProgress
from .message import Ack, Message, MessageKey
from .newsletter import ChannelChangeKind, KnownPost, Newsletter
from .passkey import PasskeyState
from .presence import Presence
from .shared_events import ChatFlagged, ContactSaved, MessageStarred, SettingChanged


@dataclass(frozen=True, slots=True)
class QrReady:
    """A QR code to show; it replaces the one before."""

    text: str


@dataclass(frozen=True, slots=True)
class PairingCodeReady:
    """A code to type on the phone, 8 characters without a dash."""

    code: str


@dataclass(frozen=True, slots=True)
class PasskeyChanged:
    """Linking to this account needs a passkey; how far that has come."""

    state: PasskeyState


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The server accepted the login."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The account can be used. `jid` is the own account, bare, by phone number."""

    jid: Jid
    push_name: str


@dataclass(frozen=True, slots=True)
class AuthFailure:
    """Linking or logging in was refused."""

    message: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The session's state in WhatsApp's words (`CONNECTED`, `OPENING`, `UNPAIRED`, ...)."""

    state: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is gone for good or for long.

    `reason` is one of logged_out, connection_lost, connection_replaced, banned, client_outdated.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class CredentialsSaved:
    """The account's credentials were stored for the first time after linking."""


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """A message entered a chat: received, or written by this account on any device."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageUndecryptable:
    """A message that can't be read yet; its author was asked to send it again."""

    message: Message


@dataclass(frozen=True, slots=True)
class AckChanged:
    """A message's ack rose, or sending it failed.

    `participant` is whose receipt it was, in groups.
    """

    message: Message
    ack: Ack
    participant: Jid | None = None


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A message says something else now.

    Attributes:
        message: as it is now.
        previous: as it was.
    """

    message: Message
    previous: Message


@dataclass(frozen=True, slots=True)
class MessageRevoked:
    """A message was taken back for everybody.

    Attributes:
        message: what is left of it, under its own key.
        original: as it was; None when it never came.
        by: who took it back, bare.
    """

    message: Message
    original: Message | None
    by: Jid


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message was deleted for this account alone; it is as it was last."""

    message: Message


@dataclass(frozen=True, slots=True)
class ReactionChanged:
    """Somebody reacted to a message, or took that back.

    Attributes:
        target: the message reacted to.
        key: of the reaction itself.
        text: the emoji; empty when it was taken back.
        timestamp_ms: when, by the sender's clock, Unix milliseconds.
        is_orphan: the target is not known here.
    """

    target: MessageKey
    key: MessageKey
    text: str
    timestamp_ms: int
    is_orphan: bool = False


@dataclass(frozen=True, slots=True)
class VoteChanged:
    """Somebody voted in a poll, or took the vote back.

    Attributes:
        poll: the poll.
        key: of the vote itself.
        voter: bare.
        selected: all the answers that the voter chooses from now on, in the poll's order.
        timestamp_ms: when, by the voter's clock, Unix milliseconds.
    """

    poll: Message
    key: MessageKey
    voter: Jid
    selected: tuple[str, ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class EventAnswered:
    """Somebody answered to an event; the latest answer of a person counts."""

    event: Message
    key: MessageKey
    sender: Jid
    answer: EventAnswer


@dataclass(frozen=True, slots=True)
class MessagePinned:
    """A message was pinned in its chat, or no longer is.

    Attributes:
        target: the message.
        by: who did it, bare.
        is_pinned: pinned, or unpinned.
        duration_s: how long the pin holds; 0 when unpinned.
        timestamp: Unix seconds.
    """

    target: MessageKey
    by: Jid
    is_pinned: bool
    duration_s: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class ChatTimerChanged:
    """The timer of a chat's messages was set.

    Attributes:
        chat: the chat, bare.
        expiration_s: seconds; 0 when messages stay.
        by: who set it, bare.
        timestamp: Unix seconds.
    """

    chat: Jid
    expiration_s: int
    by: Jid
    timestamp: int


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """Something happened to a group.

    Attributes:
        group: its address.
        change: what.
        author: who did it, bare, by phone number where that is known; None when not said.
        timestamp: Unix seconds.
        id: of the notification.
    """

    group: Jid
    change: GroupChange
    author: Jid | None
    timestamp: int
    id: str


@dataclass(frozen=True, slots=True)
class ChannelChanged:
    """Something happened to a channel, or to a person in it.

    Attributes:
        channel: as it is known now.
        kind: what.
        person: whom a change of roles concerns, bare, by phone number where that is known.
    """

    channel: Newsletter
    kind: ChannelChangeKind
    person: Jid | None = None


@dataclass(frozen=True, slots=True)
class PostCounted:
    """The reactions, views or other counters of a channel's post have changed."""

    post: KnownPost


@dataclass(frozen=True, slots=True)
class MexNoticed:
    """The server told something by GraphQL that has no event of its own.

    Attributes:
        operation: its name in the web client.
        text: the JSON as it came, at most 2048 characters.
    """

    operation: str
    text: str


@dataclass(frozen=True, slots=True)
class MediaUploaded:
    """The file of an own message is on the media hosts, and the message is on its way."""

    message: Message


@dataclass(frozen=True, slots=True)
class MediaFetched:
    """The file of an incoming message was fetched, or can't be.

    Attributes:
        message: whose file it is.
        mimetype: as its sender claims.
        file_name: of a document; empty when it has none.
        size: bytes; None when the file can't be had.
        data: its base64; None when it is too large or can't be had.
    """

    message: Message
    mimetype: str
    file_name: str
    size: int | None
    data: str | None


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """A person registered anew: their security code is another one now."""

    user: Jid


@dataclass(frozen=True, slots=True)
class NumberChanged:
    """A person has another phone number now; their chat has moved along.

    Attributes:
        old: the person as before, bare.
        new: the person from now on, bare.
        is_contact: they are in the own address book.
    """

    old: Jid
    new: Jid
    is_contact: bool


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Somebody came online or left, or types, or no longer does."""

    presence: Presence


@dataclass(frozen=True, slots=True)
class ChatArchived:
    """A chat was put away, or brought back.

    Attributes:
        chat: as it is now.
        archived: it is put away.
        previous: it was before.
    """

    chat: Chat
    archived: bool
    previous: bool


@dataclass(frozen=True, slots=True)
class ChatRemoved:
    """A chat was deleted for this account; it is as it was last."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class UnreadChanged:
    """A chat was read, or marked as unread, by this account.

    Attributes:
        chat: as it is now.
        count: its unread messages; -1 when there are none but it is marked as unread.
    """

    chat: Chat
    count: int


@dataclass(frozen=True, slots=True)
class AboutChanged:
    """A person has another about text.

    Attributes:
        user: bare, by phone number where that is known.
        text: empty when there is none any more; None where it has to be asked for.
    """

    user: Jid
    text: str | None


@dataclass(frozen=True, slots=True)
class PictureChanged:
    """A person shows another picture.

    Attributes:
        user: bare, by phone number where that is known.
        id: of the new one; empty when there is none any more.
    """

    user: Jid
    id: str


@dataclass(frozen=True, slots=True)
class DefaultTimerChanged:
    """A person, or the account itself, gives new chats another timer.

    Attributes:
        user: bare, by phone number where that is known.
        timer: from now on.
    """

    user: Jid
    timer: TimerSetting


@dataclass(frozen=True, slots=True)
class ContactRefreshed:
    """A person shows something else; what, has to be asked for."""

    user: Jid


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Another own device has changed something of the account.

    Attributes:
        what: the server's word: `picture`, `status`, `blocklist`, `privacy`, `devices`, ...
    """

    what: str


@dataclass(frozen=True, slots=True)
class NoticeReceived:
    """The server told of something that means nothing here.

    Attributes:
        kind: the type of a notification, or `ib` and the tag of a child.
        what: the tags inside.
        node: the stanza as it came.
    """

    kind: str
    what: tuple[str, ...]
    node: Node = field(repr=False)


@dataclass(frozen=True, slots=True)
class BusinessChanged:
    """Something about a business is new.

    Attributes:
        business: bare, by phone number where that is known.
        what: the server's word: `verified_name`, `remove` (it is none any more), `profile`,
            `product_catalog`, ...
    """

    business: Jid
    what: str


@dataclass(frozen=True, slots=True)
class CallChanged:
    """Somebody calls, or a call went on or ended."""

    call: Call


DomainEvent = (
    QrReady
    | PairingCodeReady
    | PasskeyChanged
    | Authenticated
    | Ready
    | AuthFailure
    | StateChanged
    | Disconnected
    | CredentialsSaved
    | MessageAdded
    | MessageUndecryptable
    | AckChanged
    | MessageEdited
    | MessageRevoked
    | MessageDeleted
    | ReactionChanged
    | VoteChanged
    | EventAnswered
    | MessagePinned
    | ChatTimerChanged
    | GroupChanged
    | ChannelChanged
    | PostCounted
    | MexNoticed
    | MediaUploaded
    | MediaFetched
    | IdentityChanged
    | NumberChanged
    | PresenceChanged
    | ChatArchived
    | ChatRemoved
    | UnreadChanged
    | ChatFlagged
    | MessageStarred
    | ContactSaved
    | SettingChanged
    | CallChanged
    | BusinessChanged
    | AboutChanged
    | PictureChanged
    | DefaultTimerChanged
    | ContactRefreshed
    | AccountChanged
    | NoticeReceived
    | HistoryProgress
)
"""Every event that a client reports."""
