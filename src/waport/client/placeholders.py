"""Asking the own phone for messages that this device could not read.

Source: docs/protocol/messages.md, "Asking the phone".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..model import Message, MessageKey, MessageKind
from ..proto import pb
from ..stanza.contents.keys import target_of
from ..stanza.peer import (
    MAX_PLACEHOLDERS,
    PhoneCopy,
    parse_placeholder_answers,
    placeholder_request,
)
from ..store import Database, UnitOfWork
from ..store.wanted_placeholders import wanted_as
from ..wire import Jid
from .clock import SYSTEM_CLOCK, Clock
from .fanout import canonical
from .peer import Peer
from .work import Work

log = logging.getLogger(__name__)

DELAY_S = 5.0
"""How long the author has to answer a retry receipt before the phone is asked, too."""

GATHER_S = 1.0
"""Messages that come due within this time go into one request."""

MAX_AGE_S = 14 * 24 * 3600
"""The phone is not asked for older messages."""

MAX_WAITING = 1000
"""Messages that wait for their turn; more are left to their authors."""

_PHONE = "phone"
"""Stands for the one who was asked, in the store's counts of retries."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message's turn.

    Attributes:
        key: in the addressing of its stanza, which is how the phone knows it.
        due: when, on the monotonic clock.
    """

    key: MessageKey
    due: float


class Placeholders:
    """Asks the phone, once for each message. What waits outlives connections and crashes."""

    def __init__(
        self, database: Database, session_id: str, peer: Peer, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._peer = peer
        self._clock = clock
        self._is_loaded = False
        self._waiting: dict[MessageKey, _Waiting] = {}
        self._news = asyncio.Event()
        self._is_running = False

    def want(self, work: Work, key: MessageKey, at_once: bool) -> None:
        """Have the phone asked for a message, once this transaction is committed.

        Args:
            key: in the addressing of its stanza.
            at_once: its author will not help any more.
        """
        chat = canonical(work.store, key.chat)
        work.store.messages.bump_retry(chat, key.id, wanted_as(key))
        work.later(partial(self.ask, key, 0.0 if at_once else DELAY_S))

    def ask(self, key: MessageKey, after_s: float) -> Coroutine[Any, Any, None]:
        """Put a message on the list, and return the work that asks for it in time.

        It is on the list as soon as this returns. The work serves the whole list; where it runs
        already, or its connection ends, it leaves the message to the one that runs, or to `resume`.

        Args:
            key: in the addressing of its stanza. The phone is only asked if by then there still
                is a placeholder for it.
            after_s: how long its author still has.
        """
        known = self._waiting.get(key)
        due = self._clock.monotonic() + after_s
        if known is not None:
            self._waiting[key] = replace(known, due=min(due, known.due))
        elif len(self._waiting) < MAX_WAITING:
            self._waiting[key] = _Waiting(key, due)
        else:
            log.warning("too many unreadable messages; the phone is not asked for all of them")
        self._news.set()
        return self.resume()

    async def resume(self) -> None:
        """Ask for everything on the list in its time; for a login, when a connection cut it short,
        or a crash.

        Raises:
            WhatsAppError: a request could not be made; its messages stay on the list.
        """
        if self._is_running:
            return
        self._is_running = True
        try:
            await self._load()
            while self._waiting:
                self._news.clear()
                wait_s = min(each.due for each in self._waiting.values()) - self._clock.monotonic()
                if wait_s <= 0 or not await self._clock.wait(self._news, wait_s):
                    await self._ask_due()
        finally:
            self._is_running = False

    async def _load(self) -> None:
        """Put on the list, once, what this session wanted before this process began."""
        if self._is_loaded:
            return
        wanted = await self._database.read(
            self._session_id, lambda store: store.wanted_placeholders.first(MAX_WAITING)
        )
        self._is_loaded = True
        due = self._clock.monotonic() + DELAY_S
        for key in wanted[: MAX_WAITING - len(self._waiting)]:
            self._waiting.setdefault(key, _Waiting(key, due))

    async def _ask_due(self) -> None:
        until = self._clock.monotonic() + GATHER_S
        due = [each for each in self._waiting.values() if each.due <= until][:MAX_PLACEHOLDERS]
        for each in due:
            del self._waiting[each.key]
        try:
            await self._peer.send_made(lambda store: self._request(store, due))
        except BaseException:
            # Whatever it was, and if we are cancelled: they are looked at the next time. What was
            # committed all the same is asked for already.
            self._waiting.update((each.key, each) for each in due)
            raise

    def _request(self, store: UnitOfWork, due: Sequence[_Waiting]) -> pb.Message | None:
        """Count the messages that are still missing as asked for; None when there are none."""
        now = int(self._clock.unix())
        for each in due:
            store.wanted_placeholders.done(each.key)
        targets = [
            target_of(each.key, author=each.key.sender)
            for each in due
            if _is_wanted(store, each, now)
        ]
        if not targets:
            return None
        log.info("asking the phone for %d unreadable messages", len(targets))
        return placeholder_request(targets)


def _is_wanted(store: UnitOfWork, waiting: _Waiting, now: int) -> bool:
    """Whether a message is still missing, young enough, and not asked for before."""
    key = waiting.key
    chat, author = canonical(store, key.chat), canonical(store, key.sender)
    stored = store.messages.get_exact(replace(key, chat=chat, sender=author))
    if stored is None or stored.kind is not MessageKind.CIPHERTEXT:
        return False
    if now - stored.timestamp > MAX_AGE_S:
        return False
    return store.messages.bump_retry(chat, key.id, _PHONE) == 1


@dataclass(frozen=True, slots=True)
class Recovered:
    """A message that the phone had in readable form.

    Attributes:
        key: under which its placeholder is stored.
        timestamp: Unix seconds, the placeholder's where the phone does not say.
        push_name: the author's name; empty when unknown.
        content: the serialized `pb.Message`, not unwrapped.
    """

    key: MessageKey
    timestamp: int
    push_name: str
    content: bytes


def take_answer(work: Work, sender: Jid, message: pb.ProtocolMessage) -> list[Recovered]:
    """The messages in an answer of the phone whose places are kept.

    Nothing is stored. What stands for no placeholder is left out.

    Args:
        sender: the device that sent it; others than the own phone are not believed.
        message: PEER_DATA_OPERATION_REQUEST_RESPONSE.
    """
    if sender.device or not work.own.is_own(sender):
        return []
    recovered: dict[MessageKey, Recovered] = {}
    for copy in parse_placeholder_answers(message):
        stored = _placeholder(work, copy)
        if stored is not None:
            recovered[stored.key] = Recovered(
                stored.key,
                copy.timestamp or stored.timestamp,
                copy.push_name or stored.push_name,
                copy.content,
            )
    return list(recovered.values())


def _placeholder(work: Work, copy: PhoneCopy) -> Message | None:
    """The placeholder that a message of the phone fills."""
    chat = canonical(work.store, copy.chat)
    author = _author(work, chat, copy)
    if author is None:
        stored = work.store.messages.get(chat, copy.id)
    else:
        stored = work.store.messages.get_exact(MessageKey(chat, copy.id, copy.from_me, author))
    if stored is None or stored.kind is not MessageKind.CIPHERTEXT:
        return None
    return stored if stored.key.from_me is copy.from_me else None


def _author(work: Work, chat: Jid, copy: PhoneCopy) -> Jid | None:
    """Who wrote a message, bare; None where the phone does not say."""
    if copy.from_me:
        return work.own.pn.bare
    if copy.participant is not None:
        return canonical(work.store, copy.participant)
    return chat if chat.is_user else None
