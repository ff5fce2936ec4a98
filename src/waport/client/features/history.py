"""Asking the own phone for history that it did not send by itself.

Source: docs/protocol/app-state.md, "On demand".
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError as ProtobufError

from ...crypto import RandomBytes
from ...errors import DecodeError, InvalidInput, QueryTimeout, RateLimited, WhatsAppError
from ...model import OlderHistory
from ...model.contents import TargetKey
from ...proto import pb
from ...stanza.contents.fields import parse_jid
from ...stanza.history import FullAnswer, full_history_request
from ...stanza.peer import TimeUnit, history_request
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..fanout import canonical
from ..history_requests import HistoryRequests, Waiter
from ..peer import Peer

TIMEOUT_S: Final = 10.0
"""How long the phone has for an answer."""

MAX_FAILURES: Final = 10
"""Requests in a row that may stay without an answer; then the phone is left alone."""

COOL_DOWN_S: Final = 7200.0

USUAL_COUNT: Final = 50

_NOTHING_LEFT: Final = 1
"""`EndOfHistoryTransferType`: the phone has no more messages of the chat."""


@dataclass(frozen=True, slots=True)
class _Oldest:
    """From where older messages are asked for."""

    target: TargetKey
    timestamp: int
    own_lid: Jid | None
    is_complete: bool


class HistoryRefused(WhatsAppError):
    """The phone does not send its history; the text says why."""


class History:
    """What can be asked of the phone about old messages."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        peer: Peer,
        requests: HistoryRequests,
        clock: Clock = SYSTEM_CLOCK,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._peer = peer
        self._requests = requests
        self._clock = clock
        self._random_bytes = random_bytes
        self._failures = 0
        self._failed_at = 0.0

    async def fetch_older(
        self, chat: Jid, count: int = USUAL_COUNT, *, timeout_s: float = TIMEOUT_S
    ) -> OlderHistory:
        """Have the phone send messages from before the oldest one that is known; they are stored.

        Args:
            count: how many are wanted.
            timeout_s: for the answer.

        Raises:
            InvalidInput: no message of the chat is known, or the count is out of range.
            QueryTimeout: the phone did not answer; it may be offline.
            RateLimited: it did not answer so often that it is left alone for a while.
            ConnectionClosed, CryptoError, QueryError: not sent.
            DecodeError, MediaError: what came could not be used.
        """
        oldest = await self._database.read(self._session_id, lambda store: _oldest(store, chat))
        if oldest.is_complete:
            return OlderHistory(0, is_complete=True)
        self._check_patience()
        # The field is named after milliseconds, and phones are said to read seconds: the other
        # one is tried where nothing comes.
        waiter = Waiter()
        with contextlib.ExitStack() as waits:  # a slow phone may still answer the first one
            for unit in (TimeUnit.SECONDS, TimeUnit.MILLISECONDS):
                request = history_request(
                    oldest.target, oldest.timestamp, count, unit=unit, account_lid=oldest.own_lid
                )
                request_id = await self._peer.send(request)
                waits.enter_context(self._requests.waiting(request_id, waiter))
                if await self._clock.wait(waiter.came, timeout_s):
                    break
            else:
                self._failures += 1
                self._failed_at = self._clock.monotonic()
                raise QueryTimeout("the phone did not send older messages")
        self._failures = 0
        if waiter.failure is not None:
            raise waiter.failure
        if not isinstance(waiter.outcome, OlderHistory):
            raise DecodeError("the phone answers something else than was asked")
        return waiter.outcome

    async def request_older(self, chat: Jid, count: int = USUAL_COUNT) -> bool:
        """Ask for older messages without waiting for them; False when the phone has none.

        Raises:
            InvalidInput: no message of the chat is known, or the count is out of range.
            ConnectionClosed, CryptoError, QueryError, QueryTimeout: not sent.
        """
        oldest = await self._database.read(self._session_id, lambda store: _oldest(store, chat))
        if oldest.is_complete:
            return False
        await self._peer.send(
            history_request(oldest.target, oldest.timestamp, count, account_lid=oldest.own_lid)
        )
        return True

    async def request_full(
        self, *, since: int = 0, days: int = 0, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Have the phone send all of its history anew; returns once it has agreed.

        Args:
            since: Unix seconds, where it should begin; 0 for the beginning.
            days: how many days from there; 0 for all.

        Raises:
            HistoryRefused: the phone does not.
            InvalidInput: a number is out of range.
            QueryTimeout: it did not answer; it may be offline.
            ConnectionClosed, CryptoError, QueryError: not sent.
            DecodeError, MediaError: it came at once, and could not be used.
        """
        name = self._random_bytes(8).hex().upper()
        request = full_history_request(name, since=since, days=days)
        waiter = Waiter()
        with self._requests.waiting(await self._peer.send(request), waiter):
            if not await self._clock.wait(waiter.came, timeout_s):
                raise QueryTimeout("the phone did not say whether it sends its history")
        if waiter.failure is not None:
            raise waiter.failure
        # What comes at once without a word is an answer, too.
        if isinstance(waiter.outcome, FullAnswer) and waiter.outcome.failure:
            raise HistoryRefused(waiter.outcome.failure)

    def _check_patience(self) -> None:
        if self._failures < MAX_FAILURES:
            return
        if self._clock.monotonic() - self._failed_at < COOL_DOWN_S:
            raise RateLimited(429, "the phone does not answer")
        self._failures = 0


def _oldest(store: UnitOfWork, jid: Jid) -> _Oldest:
    chat = canonical(store, jid)
    credentials = store.devices.get()
    end = store.history.marks(chat).history_end
    oldest = store.history.oldest(chat)
    if oldest is None:
        raise InvalidInput("no message of this chat is known")
    return _Oldest(
        TargetKey(oldest.key.id, _phone_name(store, chat), oldest.key.from_me),
        oldest.timestamp,
        None if credentials is None or credentials.lid is None else credentials.lid.bare,
        end == _NOTHING_LEFT,
    )


def _phone_name(store: UnitOfWork, chat: Jid) -> Jid:
    """How the phone names a chat in its history; else as it is named here."""
    header = store.history.kept_one("chat", str(chat))
    if header is None:
        return chat
    try:
        return parse_jid(pb.Conversation.FromString(header).id) or chat
    except ProtobufError:
        return chat
