"""A piece of history, read in steps: first who is who, then one chat after the other.

The whole is never in memory, and what can't be read of it does not hold up the rest.

Source: docs/protocol/app-state.md, "What comes out".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import DecodeError
from ..model import ChatHistory
from ..proto import as_text, pb
from ..wire import STATUS, Jid
from .contents.fields import parse_jid
from .history_messages import (
    HistoryMessage,
    IsAddOn,
    parse_history_message,
    parse_status,
)
from .protowire import DeflatedFields, Field, split

MAX_DEFLATED: Final = 256 * 2**20
"""Bytes of a piece as it is sent."""

MAX_INFLATED: Final = 512 * 2**20
"""Bytes that a piece may inflate to."""

MAX_FIELD: Final = 64 * 2**20
"""Bytes of one chat with all its messages."""

MAX_MESSAGE: Final = 4 * 2**20
"""Bytes of one message."""

MAX_KEPT: Final = 2**20
"""Bytes of something unreadable that are kept."""

MAX_COUNTED: Final = 1000
"""Unread messages of a chat that are told apart from the read ones."""

MAX_ENTRIES: Final = 200_000
"""Names, and pairs of addresses, that are taken from one piece."""

MAX_ALL_KEPT: Final = 32 * 2**20
"""Bytes of one piece that are kept as they came, chats left out."""

PART: Final = 200
"""Messages that are stored at a time."""

_CONVERSATION, _STATUS, _PUSH_NAME, _SETTINGS = 2, 3, 7, 8
_STICKER, _PAST, _CALL, _PAIR, _NONCE, _SALT, _CONTACT = 11, 12, 13, 15, 16, 19, 20
_MESSAGES = 2
_RAW: Final = {_SETTINGS: "settings", _NONCE: "nonce"}
_LISTED: Final = {_STICKER: "sticker", _CALL: "call"}
_NO_NAME = "-"
_MAX_TIME: Final = 1 << 53

Read = Callable[[int], bytes]
"""Gives the next bytes of a piece as it was sent, none at its end."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person in the phone's address book."""

    jid: Jid
    name: str
    first_name: str


@dataclass(slots=True)
class Overview:
    """All of a piece but its chats and messages.

    Attributes:
        pairs: phone number and hidden id of one person, bare; a later pair counts.
        push_names: what people call themselves, by bare address.
        contacts: what the address book calls them.
        kept: what is kept as it came: kind, name, bytes. A name of digits is the place in this
            piece alone.
        left: bytes of which more may be kept.
        salt: `nctSalt`; empty when not told.
        migrated_at: when the phone went over to hidden ids, Unix seconds; 0 when not told.
    """

    pairs: dict[Jid, Jid] = field(default_factory=dict)
    push_names: dict[Jid, str] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    kept: list[tuple[str, str, bytes]] = field(default_factory=list)
    left: int = MAX_ALL_KEPT
    salt: bytes = b""
    migrated_at: int = 0

    def keep(self, kind: str, name: str, data: bytes) -> None:
        """Keep something as it came, if there is room; without a name under its place."""
        some = data[:MAX_KEPT]
        if len(some) <= self.left and len(self.kept) < MAX_ENTRIES:
            self.kept.append((kind, name or f"{len(self.kept):06}", some))
            self.left -= len(some)

    def pair(self, pn: Jid | None, lid: Jid | None) -> None:
        """Take a pair, if it is one."""
        if pn is not None and lid is not None and pn.is_pn and lid.is_lid:
            self.pairs[pn.bare] = lid.bare


@dataclass(frozen=True, slots=True)
class Part:
    """Some messages of one chat, oldest first.

    Attributes:
        jid: the chat as the phone names it, bare.
        chat: what the piece says of it, with the first of its parts; else None.
        header: the serialized `Conversation` without messages, likewise.
        messages: those that can be read.
        bad: those that can't, as they came.
        unread: ids of the chat's unread messages in this piece, the newest first.
        last_at: when something last happened in the chat, Unix seconds; 0 when not told.
        total_unread: its unread messages, here or not.
    """

    jid: Jid
    chat: ChatHistory | None
    header: bytes
    messages: tuple[HistoryMessage, ...]
    bad: tuple[bytes, ...] = ()
    unread: tuple[str, ...] = ()
    last_at: int = 0
    total_unread: int = 0


def _fields(read: Read, max_inflated: int) -> Iterator[Field]:
    return iter(DeflatedFields(read, max_size=max_inflated, max_field=MAX_FIELD))


# --- who is who ----------------------------------------------------------------------------------


def overview(read: Read, *, max_inflated: int = MAX_INFLATED) -> Overview:
    """Look through a whole piece, and take what is not in its chats.

    After this the piece is known to be whole: `parts` does not end early.

    Args:
        max_inflated: bytes that it may inflate to.

    Raises:
        DecodeError: no zlib stream, cut short, too large, or no protobuf.
    """
    found = Overview()
    for number, value in _fields(read, max_inflated):
        if not isinstance(value, bytes):
            continue
        try:
            _take(found, number, value)
        except (ProtobufError, DecodeError):
            # A damaged entry; a damaged chat is kept with its messages, later.
            if number != _CONVERSATION:
                found.keep(f"damaged {number}", "", value)
    return found


def _take(found: Overview, number: int, value: bytes) -> None:
    if number == _CONVERSATION:
        _take_chat(found, value)
    elif number == _PAIR and len(found.pairs) < MAX_ENTRIES:
        pair = pb.PhoneNumberToLIDMapping.FromString(value)
        found.pair(parse_jid(pair.pnJid), parse_jid(pair.lidJid))
    elif number == _PUSH_NAME and len(found.push_names) < MAX_ENTRIES:
        entry = pb.Pushname.FromString(value)
        jid, name = parse_jid(entry.id), as_text(entry.pushname)
        if jid is not None and name and name != _NO_NAME:
            found.push_names[jid.bare] = name
    elif number == _CONTACT and len(found.contacts) < MAX_ENTRIES:
        _take_contact(found, pb.InlineContact.FromString(value))
    elif number == _PAST:
        group = parse_jid(pb.PastParticipants.FromString(value).groupJid)
        if group is not None and group.is_group:
            found.keep("past_participants", str(group.bare), value)
    elif number == _SALT:
        found.salt = value[:MAX_KEPT]
    elif number in _RAW:
        found.keep("account", _RAW[number], value)
        if number == _SETTINGS:
            at = pb.GlobalSettings.FromString(value).chatDbLidMigrationTimestamp
            found.migrated_at = at if 0 < at < _MAX_TIME else 0
    elif number != _STATUS:
        found.keep(_LISTED.get(number, f"field {number}"), "", value)


def _take_chat(found: Overview, value: bytes) -> None:
    header, _ = split(value, _MESSAGES)
    chat = pb.Conversation.FromString(header)
    jid = parse_jid(chat.id)
    if jid is None:
        return
    pn, lid = parse_jid(chat.pnJid), parse_jid(chat.lidJid)
    found.pair(jid if jid.is_pn else pn, jid if jid.is_lid else lid)
    name = as_text(chat.displayName) or as_text(chat.name)
    if jid.is_user and name and len(found.contacts) < MAX_ENTRIES:
        found.contacts.append(Contact(jid.bare, name, ""))


def _take_contact(found: Overview, entry: pb.InlineContact) -> None:
    pn, lid = parse_jid(entry.pnJid), parse_jid(entry.lidJid)
    found.pair(pn, lid)
    jid = pn or lid
    if jid is not None and jid.is_user and entry.fullName:
        name, first = as_text(entry.fullName), as_text(entry.firstName)
        found.contacts.append(Contact(jid.bare, name, first))


# --- chats ---------------------------------------------------------------------------------------


def parts(
    read: Read, is_add_on: IsAddOn, *, skip: int = 0, max_inflated: int = MAX_INFLATED
) -> Iterator[Part]:
    """The chats of a piece, in parts; the same piece always gives the same parts.

    Args:
        is_add_on: says which contents are no messages of their own.
        skip: so many parts are left out.
        max_inflated: bytes that it may inflate to.

    Raises:
        DecodeError: as `overview`.
    """
    left = skip
    for number, value in _fields(read, max_inflated):
        if not isinstance(value, bytes) or number not in (_CONVERSATION, _STATUS):
            continue
        if number == _STATUS:
            if left > 0:
                left -= 1
                continue
            yield _status_part(value, is_add_on)
            continue
        try:
            header, messages = split(value, _MESSAGES)
            chat = pb.Conversation.FromString(header)
        except (ProtobufError, DecodeError):
            header, messages, chat = b"", [], pb.Conversation()
        jid = parse_jid(chat.id)
        # A chat without an address is one part, however much is in it.
        count = 1 if jid is None else max(-(-len(messages) // PART), 1)
        if left >= count:
            left -= count
            continue
        if jid is None:
            made = iter((Part(STATUS, None, b"", (), (value[:MAX_KEPT],)),))
        else:
            made = _chat_parts(_chat(chat, jid.bare), header, messages, is_add_on)
        for part in made:
            if left > 0:
                left -= 1
                continue
            yield part


def _status_part(value: bytes, is_add_on: IsAddOn) -> Part:
    try:
        message = parse_status(value, is_add_on)
    except DecodeError:
        return Part(STATUS, None, b"", (), (value[:MAX_KEPT],))
    return Part(STATUS, None, b"", () if message is None else (message,))


def _chat_parts(
    chat: ChatHistory, header: bytes, raw: list[bytes], is_add_on: IsAddOn
) -> Iterator[Part]:
    read = _Reader(raw, is_add_on)
    unread: list[str] = []
    last_at = chat.timestamp
    # The phone sends the newest first.
    for place in range(len(raw)):
        if len(unread) >= min(chat.unread, MAX_COUNTED):
            break
        message = read.at(place)
        if message is not None and message.counts:
            unread.append(message.id)
    if not last_at and raw:
        newest = read.at(0)
        last_at = 0 if newest is None else newest.timestamp
    is_listed = bool(raw) or chat.timestamp > 0 or bool(chat.name)
    chat = replace(chat, timestamp=last_at, is_listed=is_listed)
    ends = list(range(len(raw), 0, -PART)) or [0]
    for end in ends:
        places = range(end - 1, max(end - PART, 0) - 1, -1)
        messages = [message for place in places if (message := read.at(place)) is not None]
        messages.sort(key=lambda message: message.timestamp)
        is_first = end == ends[0]
        yield Part(
            jid=chat.jid,
            chat=chat if is_first else None,
            header=header if is_first else b"",
            messages=tuple(messages),
            bad=tuple(read.bad(place) for place in places if read.is_bad(place)),
            unread=tuple(unread),
            last_at=last_at,
            total_unread=chat.unread,
        )
        read.forget(places)


class _Reader:
    """Reads each message of a chat once."""

    def __init__(self, raw: list[bytes], is_add_on: IsAddOn) -> None:
        self._raw = raw
        self._is_add_on = is_add_on
        self._read: dict[int, HistoryMessage | None] = {}
        self._bad: set[int] = set()

    def at(self, place: int) -> HistoryMessage | None:
        """The message at a place; None when it can't be read, or is none that people see."""
        if place not in self._read:
            try:
                data = self._raw[place]
                if len(data) > MAX_MESSAGE:
                    raise DecodeError("a message of the history is too large")
                self._read[place] = parse_history_message(data, self._is_add_on)
            except DecodeError:
                self._read[place] = None
                self._bad.add(place)
        return self._read[place]

    def is_bad(self, place: int) -> bool:
        """It can't be read."""
        return place in self._bad

    def bad(self, place: int) -> bytes:
        """As it came."""
        return self._raw[place][:MAX_KEPT]

    def forget(self, places: range) -> None:
        """These are done."""
        for place in places:
            self._read.pop(place, None)
            self._raw[place] = b""


def _chat(chat: pb.Conversation, jid: Jid) -> ChatHistory:
    other = parse_jid(chat.pnJid if jid.is_lid else chat.lidJid)
    has_end = chat.HasField("endOfHistoryTransferType")
    return ChatHistory(
        jid=jid,
        other=None if other is None else other.bare,
        name=as_text(chat.displayName) or as_text(chat.name),
        unread=min(chat.unreadCount, 2**31 - 1),
        marked_unread=chat.markedAsUnread,
        timestamp=_time(chat.conversationTimestamp) or _time(chat.lastMsgTimestamp),
        archived=chat.archived,
        pinned=chat.pinned > 0,
        muted_until=_muted_until(chat.muteEndTime),
        expiration_s=min(chat.ephemeralExpiration, 2**31 - 1),
        timer_set_at=_time(chat.ephemeralSettingTimestamp),
        end=int(chat.endOfHistoryTransferType) if has_end else -1,
        token=chat.tcToken if len(chat.tcToken) <= 1024 else b"",
        token_at=_time(chat.tcTokenTimestamp),
        token_given_at=_time(chat.tcTokenSenderTimestamp),
    )


def _time(value: int) -> int:
    return value if 0 < value < _MAX_TIME else 0


def _muted_until(value: int) -> int:
    """Seconds; an end beyond all time is -1, written as an unsigned number."""
    if value >= _MAX_TIME:
        return -1
    return value // 1000 if value > 10**11 else value
