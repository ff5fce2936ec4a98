"""What a piece of the phone's history does to the store, step by step, on its writer thread.

Doing a step twice does no harm, and nothing here takes the place of later news: a message that is
known stays as it is, so do names, settings and what was read. No event tells of what is stored.

Source: docs/protocol/app-state.md, "What comes out".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
        distinct = set(people)
        lids = {jid.bare for jid in distinct if jid.is_lid and not own.is_own(jid)}
        pns = store.addresses.pns_of(lids) if lids else {}
        self._own = own.pn.bare
        self._known = {
            jid: self._own if own.is_own(jid) else pns.get(jid.bare, jid.bare) for jid in distinct
        }

    def __call__(self, jid: Jid) -> Jid:
        """How one of these people is named here."""
        return self._known[jid]


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


def put_parts(store: UnitOfWork, parts: Sequence[Part], place: Place, now: int) -> int:
    """Store some messages of chats, and what the piece says of the chats; how many were new.

    Args:
        place: of the first of them.
        now: Unix seconds.
    """
    work = own_work(store, _Silent(), now)
    new = 0
    for number, part in enumerate(parts, place.number):
        new += _put_part(work, part, f"{place.message_id}:{number}")
    store.history.set_done(place.position, place.number + len(parts))
    return new


def _put_part(work: Work, part: Part, name: str) -> int:
    store, own = work.store, work.own
    _learn_from_receipts(store, own, part)
    scene = _Scene(store, own, part)
    if part.chat is not None:
        _put_chat(store, scene.chat, part)
    store.history.keep_many(
        BAD_MESSAGE, ((f"{name}:{index}", raw) for index, raw in enumerate(part.bad))
    )
    return scene.put(work)


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
        self._is_private = self.chat.is_user
        self._me = own.pn.bare
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
        # By the whole key: authors choose ids, and two may use the same one.
        told: dict[MessageKey, HistoryMessage] = {}
        add_ons: list[HistoryMessage] = []
        for message in self._part.messages:
            if message.kind is MessageKind.ADD_ON:
                add_ons.append(message)
            else:
                told[self._key(message)] = message
        messages = [self._message(message) for message in told.values()]
        try:
            new = store.history.add_messages(messages)
        except InvalidInput:
            # One address that can't be stored must not cost the others.
            new = self._add_singly(messages)
        store.add_ons.put_many(self._additions(new, told))
        self._fill_names(messages, told)
        count = len(new) + sum(self._put_add_on(work, message) for message in add_ons)
        waited = store.history.waited_for(message.key.id for message in new)
        for added in new if waited else ():
            stored = store.messages.get_exact(added.key) if added.key.id in waited else None
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
            return self._me
        if self._is_private or message.author is None:
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

    def _additions(
        self, new: Iterable[Message], told: Mapping[MessageKey, HistoryMessage]
    ) -> Iterator[AddOn]:
        """What people added to messages, and how far our own came with each."""
        for message in new:
            history = told[message.key]
            for addition in history.additions:
                yield self._addition(message.key, addition, history.timestamp)
            for times in history.readers:
                receipt = self._receipt(message.key, times)
                if receipt is not None:
                    yield receipt

    def _addition(self, key: MessageKey, addition: Addition, timestamp: int) -> AddOn:
        sender = self.chat if addition.sender is None else self._name(addition.sender)
        if addition.from_me:
            sender = self._me
        return AddOn(
            target=key,
            kind=addition.kind,
            sender=sender,
            key=MessageKey(self.chat, addition.id, addition.from_me, sender),
            data=addition.data,
            timestamp_ms=addition.timestamp_ms or timestamp * 1000,
        )

    def _receipt(self, key: MessageKey, times: ReadTimes) -> AddOn | None:
        reader = self._name(times.reader)
        known: AddOn | None = None
        for level, at in (
            (Ack.DELIVERED, times.delivered_at),
            (Ack.READ, times.read_at),
            (Ack.PLAYED, times.played_at),
        ):
            data = raised(known, level, at) if at else None
            if data is not None:
                known = AddOn(key, AddOnKind.RECEIPT, reader, key, data, at * 1000)
        return known

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

    def _fill_names(
        self, messages: Iterable[Message], told: Mapping[MessageKey, HistoryMessage]
    ) -> None:
        names: dict[Jid, str] = {}
        for message in messages:
            key = message.key
            verified = told[key].verified_name
            if verified:
                self._store.contacts.set_business(key.sender, verified)
            if message.push_name and not key.from_me and key.sender.is_user:
                names[key.sender] = message.push_name
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
