"""What a piece of the phone's history does to the store, step by step, on its writer thread.

Doing a step twice does no harm, and nothing here takes the place of later news: a message that is
known stays as it is, so do names, settings and what was read. No event tells of what is stored.

Source: docs/protocol/app-state.md, "What comes out".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..errors import InvalidInput, StoreError
from ..model import (
    Ack,
    AddOn,
    AddOnKind,
    Contact,
    Credentials,
    DomainEvent,
    Message,
    MessageKey,
    MessageKind,
)
from ..stanza.history_blob import Contact as AddressBookEntry
from ..stanza.history_blob import Part
from ..stanza.history_messages import Addition, HistoryMessage, ReadTimes
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import Jid
from . import addons
from .app_state_effects import apply_waiting
from .encryption import learn_mapping
from .receipt_times import raised
from .tokens import token_key
from .work import Work, own_addresses
from .work_job import own_work

log = logging.getLogger(__name__)

BAD_MESSAGE: Final = "message"
"""The kind under which messages that can't be read are kept."""


class _Silent:
    """A sink for what is no news."""

    def record(self, work: UnitOfWork, event: DomainEvent, own: Jid | None) -> Sequence[Any]:
        """Tells nobody."""
        del work, event, own
        return ()

    def publish(self, session_id: str, frames: Sequence[Any]) -> None:
        """Nothing is to be told."""


def _account(store: UnitOfWork) -> tuple[Credentials, OwnAddresses]:
    credentials = store.devices.get()
    if credentials is None or credentials.pn is None:
        raise StoreError("the credentials are gone")
    return credentials, own_addresses(credentials)


# --- who is who ----------------------------------------------------------------------------------


def learn_pairs(store: UnitOfWork, pairs: Iterable[tuple[Jid, Jid]]) -> None:
    """Keep phone numbers with their hidden ids; a pair takes the place of an older one."""
    listed = list(pairs)
    known = store.addresses.lids_of(pn for pn, _ in listed)
    for pn, lid in listed:
        if known.get(pn) != lid:
            learn_mapping(store, pn, lid)


def put_push_names(store: UnitOfWork, names: Iterable[tuple[Jid, str]]) -> bool:
    """Keep what people call themselves, where that is not known; whether our own name changed."""
    credentials, own = _account(store)
    people = []
    is_renamed = False
    for jid, name in names:
        if not own.is_own(jid):
            people.append((jid, name))
        elif name != credentials.push_name:
            credentials = replace(credentials, push_name=name)
            is_renamed = True
    if is_renamed:
        store.devices.save(credentials)
    names_of = _Names(store, own, (jid for jid, _ in people))
    store.contacts.fill(Contact(names_of(jid), push_name=name) for jid, name in people)
    return is_renamed


def put_contacts(store: UnitOfWork, entries: Iterable[AddressBookEntry]) -> None:
    """Keep how people are called in the phone's address book, where that is not known."""
    listed = list(entries)
    names_of = _Names(store, _account(store)[1], (entry.jid for entry in listed))
    store.contacts.fill(
        Contact(names_of(entry.jid), name=entry.name, first_name=entry.first_name)
        for entry in listed
    )


class _Names:
    """People by phone number, where that is known; asked for all at once."""

    def __init__(self, store: UnitOfWork, own: OwnAddresses, people: Iterable[Jid]) -> None:
        self._own = own
        lids = {jid.bare for jid in people if jid.is_lid and not own.is_own(jid)}
        self._pns = store.addresses.pns_of(lids) if lids else {}

    def __call__(self, jid: Jid) -> Jid:
        bare = jid.bare
        return self._own.pn.bare if self._own.is_own(bare) else self._pns.get(bare, bare)


# --- a part of a chat ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part belongs.

    Attributes:
        position: the piece's number.
        message_id: of the piece's announcement.
        number: the part's place in the piece, from 0.
    """

    position: int
    message_id: str
    number: int


def put_part(store: UnitOfWork, part: Part, place: Place, now: int) -> int:
    """Store some messages of a chat, and what the piece says of the chat; how many were new.

    Args:
        now: Unix seconds.
    """
    own = _account(store)[1]
    _learn_from_receipts(store, own, part)
    scene = _Scene(store, own, part)
    if part.chat is not None:
        _put_chat(store, scene.chat, part)
    store.history.keep_many(
        BAD_MESSAGE,
        ((f"{place.message_id}:{place.number}:{index}", raw) for index, raw in enumerate(part.bad)),
    )
    work = own_work(store, _Silent(), now)
    new = scene.put(work)
    store.history.set_done(place.position, place.number + 1)
    return new


def _learn_from_receipts(store: UnitOfWork, own: OwnAddresses, part: Part) -> None:
    """The reader of what we wrote to a hidden id may be named by number."""
    if not part.jid.is_lid or own.is_own(part.jid) or store.addresses.pn_of(part.jid) is not None:
        return
    readers = (times.reader for message in part.messages for times in message.readers)
    pn = next((reader for reader in readers if reader.is_pn and not own.is_own(reader)), None)
    if pn is not None:
        learn_mapping(store, pn, part.jid)


def _put_chat(store: UnitOfWork, jid: Jid, part: Part) -> None:
    chat = part.chat
    assert chat is not None  # the caller has looked
    store.history.put_chat(jid, chat)
    store.history.keep("chat", str(jid), part.header)
    person = token_key(store, jid)
    if chat.token and chat.token_at:
        store.tokens.put(person, chat.token, chat.token_at)
    if chat.token_given_at:
        store.tokens.mark_given(person, chat.token_given_at)


class _Scene:
    """A part in the transaction that stores it."""

    def __init__(self, store: UnitOfWork, own: OwnAddresses, part: Part) -> None:
        self._store = store
        self._own = own
        self._part = part
        self._name = _Names(store, own, _people(part))
        self.chat = self._name(part.jid)
        self._read_at = store.history.marks(self.chat).read_at
        self._unread = self._unread_ids()

    def _unread_ids(self) -> frozenset[str]:
        """Which messages of the piece are unread: as many as the phone says, the newest ones."""
        part = self._part
        if not part.unread or self._read_at >= part.last_at:
            return frozenset()
        elsewhere = set(self._store.history.unread_ids(self.chat, part.last_at))
        left = part.total_unread - len(elsewhere.difference(part.unread))
        return frozenset(part.unread[: max(left, 0)])

    def put(self, work: Work) -> int:
        """Store the messages; how many were new."""
        store = self._store
        told = {
            message.id: message
            for message in self._part.messages
            if message.kind is not MessageKind.ADD_ON
        }
        messages = [self._message(message) for message in told.values()]
        try:
            new = store.history.add_messages(messages)
        except InvalidInput:
            # One address that can't be stored must not cost the others.
            new = self._add_singly(messages)
        for message in new:
            self._add(message.key, told[message.key.id])
        self._fill_names(told.values())
        count = len(new)
        for told_one in self._part.messages:
            if told_one.kind is MessageKind.ADD_ON:
                count += self._put_add_on(work, told_one)
        waited = store.history.waited_for(message.key.id for message in new)
        for message in new:
            if message.key.id in waited:
                stored = store.messages.get_exact(message.key)
                if stored is not None:
                    addons.apply_waiting(work, stored)
                    apply_waiting(store, stored, lambda _: None)
        return count

    def _add_singly(self, messages: Iterable[Message]) -> list[Message]:
        new = []
        for message in messages:
            try:
                new += self._store.history.add_messages([message])
            except InvalidInput as exc:
                log.warning("a message of the history can't be stored: %s", exc)
        return new

    def _message(self, message: HistoryMessage) -> Message:
        return Message(
            key=self._key(message),
            timestamp=message.timestamp,
            content=message.content,
            kind=message.kind,
            push_name=message.push_name,
            ack=self._ack(message),
            starred=message.starred,
        )

    def _key(self, message: HistoryMessage) -> MessageKey:
        return MessageKey(self.chat, message.id, message.from_me, self._author(message))

    def _author(self, message: HistoryMessage) -> Jid:
        if message.from_me:
            return self._own.pn.bare
        if self.chat.is_user or message.author is None:
            return self.chat
        return self._name(message.author)

    def _ack(self, message: HistoryMessage) -> Ack:
        """Others' messages were read, unless they are among those that were not."""
        if message.from_me:
            return message.ack
        if message.kind is MessageKind.CIPHERTEXT:
            return Ack.SERVER
        if message.id in self._unread and message.timestamp > self._read_at:
            return min(message.ack, Ack.DELIVERED)
        return max(message.ack, Ack.READ)

    def _add(self, key: MessageKey, message: HistoryMessage) -> None:
        """What people added to a message, and how far it came with each."""
        for addition in message.additions:
            self._put_addition(key, addition, message.timestamp)
        for times in message.readers:
            self._put_reader(key, times)

    def _put_addition(self, key: MessageKey, addition: Addition, timestamp: int) -> None:
        if addition.from_me:
            sender = self._own.pn.bare
        else:
            sender = self.chat if addition.sender is None else self._name(addition.sender)
        self._store.add_ons.put(
            AddOn(
                target=key,
                kind=addition.kind,
                sender=sender,
                key=MessageKey(self.chat, addition.id, addition.from_me, sender),
                data=addition.data,
                timestamp_ms=addition.timestamp_ms or timestamp * 1000,
            )
        )

    def _put_reader(self, key: MessageKey, times: ReadTimes) -> None:
        known: AddOn | None = None
        for level, at in (
            (Ack.DELIVERED, times.delivered_at),
            (Ack.READ, times.read_at),
            (Ack.PLAYED, times.played_at),
        ):
            data = raised(known, level, at) if at else None
            if data is not None:
                known = AddOn(
                    target=key,
                    kind=AddOnKind.RECEIPT,
                    sender=self._name(times.reader),
                    key=key,
                    data=data,
                    timestamp_ms=at * 1000,
                )
        if known is not None:
            self._store.add_ons.put(known)

    def _put_add_on(self, work: Work, message: HistoryMessage) -> int:
        """Store a reaction, an edit or the like, and let it act."""
        stored = self._store.messages.add(self._message(message))
        if stored is None or message.says is None:
            return 0
        own = work.own.lid if self.chat.is_group and work.own.lid else work.own.pn
        sender = own if message.from_me else (message.author or self._part.jid)
        addons.apply(
            work,
            addons.Arrival(
                key=stored.key,
                sender=sender.bare,
                chat=self._part.jid,
                content=message.says,
                timestamp=message.timestamp,
                message=stored,
            ),
        )
        return 1

    def _fill_names(self, messages: Iterable[HistoryMessage]) -> None:
        names: dict[Jid, str] = {}
        for message in messages:
            author = self._author(message)
            if message.verified_name:
                self._store.contacts.set_business(author, message.verified_name)
            if message.push_name and not message.from_me and author.is_user:
                names[author] = message.push_name
        self._store.contacts.fill(Contact(person, push_name=name) for person, name in names.items())


def _people(part: Part) -> Iterable[Jid]:
    """Everybody who is named in a part."""
    yield part.jid
    for message in part.messages:
        if message.author is not None:
            yield message.author
        for times in message.readers:
            yield times.reader
        for addition in message.additions:
            if addition.sender is not None:
                yield addition.sender
