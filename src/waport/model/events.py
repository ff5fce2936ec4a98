"""Domain events: what happened to an account, before anybody decides how to tell it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..wire import Node
from .call import Call
from .chat_events import (
    ChannelChanged,
    ChatArchived,
    ChatRemoved,
    ChatTimerChanged,
    GroupChanged,
    PostCounted,
    UnreadChanged,
)
from .history import BacklogProgress, HistoryProgress
from .link_events import (
    Authenticated,
    AuthFailure,
    CredentialsSaved,
    Disconnected,
    PairingCodeReady,
    PasskeyChanged,
    QrReady,
    Ready,
    StateChanged,
)
from .message_events import (
    AckChanged,
    EventAnswered,
    MediaFetched,
    MediaUploaded,
    MessageAdded,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessageRevoked,
    MessageUndecryptable,
    ReactionChanged,
    VoteChanged,
)
from .people_events import (
    AboutChanged,
    BusinessChanged,
    ContactRefreshed,
    DefaultTimerChanged,
    IdentityChanged,
    NumberChanged,
    PictureChanged,
    PresenceChanged,
)
from .shared_events import ChatFlagged, ContactSaved, MessageStarred, SettingChanged


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
    | BacklogProgress
)
"""Every event that a client reports."""
