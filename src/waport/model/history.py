"""History as the phone tells it, and what was asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..wire import Jid

FOREVER = -1


@dataclass(frozen=True, slots=True)
class ChatHistory:
    """A chat as it was on the phone when the history was made.

    Attributes:
        jid: as the phone names it, bare.
        other: the same person's other address, LID or phone number, bare; None when not told.
        name: of the group, or of the person in the phone's address book; empty when there is none.
        unread: messages that were not read.
        marked_unread: it was to be shown as unread.
        timestamp: when something last happened in it, Unix seconds; 0 when not told.
        archived: put away.
        pinned: kept on top.
        muted_until: Unix seconds; 0 when not muted, -1 for ever.
        expiration_s: its messages' timer; 0 when they stay.
        timer_set_at: Unix seconds; 0 when the timer was never set.
        end: `Conversation.EndOfHistoryTransferType`; -1 when not told.
        token: the privacy token that the person gave; empty when there is none.
        token_at: when it was made, Unix seconds.
        token_given_at: when they were given ours, Unix seconds; 0 for never.
        is_listed: it has something to show.
    """

    jid: Jid
    other: Jid | None = None
    name: str = ""
    unread: int = 0
    marked_unread: bool = False
    timestamp: int = 0
    archived: bool = False
    pinned: bool = False
    muted_until: int = 0
    expiration_s: int = 0
    timer_set_at: int = 0
    end: int = -1
    token: bytes = field(default=b"", repr=False)
    token_at: int = 0
    token_given_at: int = 0
    is_listed: bool = True


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """A part of the phone's history is stored.

    Attributes:
        percent: of all that the phone sends by itself, 0 to 100; it never falls.
        sync_type: the kind of history, as `HistorySyncType` names it.
        chunk: its number among those of its kind.
    """

    percent: int
    sync_type: str
    chunk: int


@dataclass(frozen=True, slots=True)
class BacklogProgress:
    """So much of what waited at the server while we were away is here.

    Attributes:
        percent: 0 to 100; each backlog begins anew.
    """

    percent: int


@dataclass(frozen=True, slots=True)
class OlderHistory:
    """What the phone answered to a request for older messages of a chat.

    Attributes:
        messages: how many of them were new.
        is_complete: the phone has none that are older.
    """

    messages: int
    is_complete: bool
