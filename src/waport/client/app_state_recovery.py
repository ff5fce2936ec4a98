"""Asking the phone for its own copy of a collection that the server's data does not lead to.

The requests stand in the store, so that they outlive connections and restarts; an answer counts
only for the request that it names.

Source: docs/protocol/app-state.md, "Recovery".
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from ..appstate import (
    AppliedSnapshot,
    Collection,
    KeyRing,
    apply_copy,
    parse_copy,
)
from ..errors import AppStateError, ConnectionClosed, DecodeError, MacMismatch, WhatsAppError
from ..proto import pb
from ..stanza.message import IncomingMessage
from ..stanza.peer_state import copy_request, parse_copy_answer
from ..store import Database, UnitOfWork
from ..store.app_state_values import RecoveryRequest
from .app_state_jobs import Outcome
from .app_state_snapshots import Snapshots
from .clock import SYSTEM_CLOCK, Clock
from .peer import Peer
from .threads import in_thread
from .work import FollowUp, Work

log = logging.getLogger(__name__)

ANSWER_S: Final = 60
"""How long the phone has for one copy before another one may be asked for."""

ASK_AGAIN_S: Final = 3600
"""After this time an answer is not waited for any more: it is asked for again."""


@dataclass(frozen=True, slots=True)
class PhoneAnswer:
    """A copy that has come.

    Attributes:
        collection: that it was asked for.
        data: as the phone sent it.
        is_compressed: it is a gzip file.
    """

    collection: Collection
    data: bytes = field(repr=False)
    is_compressed: bool


@dataclass(frozen=True, slots=True)
class Due:
    """Which copy to ask for now, if any.

    Attributes:
        collection: None for none.
        wait_s: seconds until that has to be looked at again; None when nothing is wanted.
    """

    collection: Collection | None = None
    wait_s: int | None = None


class Recoveries:
    """Asks for copies, one at a time, and takes the answers."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        peer: Peer,
        snapshots: Snapshots,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._peer = peer
        self._snapshots = snapshots
        self._clock = clock
        self._answers: list[PhoneAnswer] = []

    # --- asking ------------------------------------------------------------------------------

    async def ask_next(self) -> float | None:
        """Ask for the next copy that is wanted, if it is its turn.

        Returns:
            Seconds until this has to be called again; None when nothing is wanted.

        Raises:
            ConnectionClosed: there is no connection.
        """
        now = int(self._clock.unix())
        due = await self._database.read(self._session_id, lambda store: next_due(store, now))
        if due.collection is None:
            return due.wait_s
        collection = due.collection
        log.warning("asking the phone for its copy of %s", collection)
        try:
            await self._peer.send_made(
                lambda _: copy_request(collection, now), note=partial(_note, collection, now)
            )
        except ConnectionClosed:
            raise
        except WhatsAppError as exc:
            log.warning("the phone was not asked for its copy of %s: %s", collection, exc)
        return ANSWER_S

    # --- answers -----------------------------------------------------------------------------

    def handler(
        self, came: FollowUp
    ) -> Callable[[Work, IncomingMessage, pb.ProtocolMessage], None]:
        """A handler for what the phone answers to requests of ours.

        Args:
            came: goes on with a copy that has come.
        """

        def handle(work: Work, incoming: IncomingMessage, message: pb.ProtocolMessage) -> None:
            answer = parse_copy_answer(message)
            if answer is None or incoming.sender.device:
                return
            asked = [
                collection
                for collection in Collection
                if (wanted := work.store.app_state.collection(collection).recovery) is not None
                and wanted.message_id == answer.request_id
            ]
            if not asked:
                log.warning("the phone answers a request that nobody has made")
                return
            self._answers.append(PhoneAnswer(asked[0], answer.data, answer.is_compressed))
            work.later(came)

        return handle

    def next_answer(self) -> PhoneAnswer | None:
        """A copy that has come and is to be taken in."""
        return self._answers.pop(0) if self._answers else None

    async def take(self, answer: PhoneAnswer) -> Outcome:
        """Put the phone's copy in the place of what is known of a collection.

        Raises:
            DecodeError: it is none, of another collection, or older than what is known.
            MacMismatch, MissingKeys: it is refused.
        """
        keys = await self._database.read(self._session_id, lambda store: store.sync_keys.ring())
        stored = await self._database.read(
            self._session_id, lambda store: store.app_state.collection(answer.collection)
        )
        copy = await in_thread(_open, answer, keys)
        if copy.state.version < stored.state.version:
            raise DecodeError("the phone's copy of a collection is older than ours")
        log.info("%s is as the phone has it", answer.collection)
        return await self._snapshots.put(answer.collection, stored, copy)


def next_due(store: UnitOfWork, now: int) -> Due:
    """Which copy is to be asked for: one at a time, the earliest collection first."""
    wanted: list[tuple[int, Collection]] = []
    for collection in Collection:
        request = store.app_state.collection(collection).recovery
        if request is None:
            continue
        since = now - request.asked_at if request.message_id else ASK_AGAIN_S
        if since < 0:  # asked before the calendar was set back
            since = ASK_AGAIN_S
        if since < ANSWER_S:
            return Due(None, ANSWER_S - since)
        wanted.append((max(ASK_AGAIN_S - since, 0), collection))
    if not wanted:
        return Due()
    wait_s, collection = min(wanted, key=lambda each: each[0])
    return Due(None, wait_s) if wait_s else Due(collection)


def _note(collection: Collection, now: int, store: UnitOfWork, message_id: str) -> None:
    stored = store.app_state.collection(collection)
    request = RecoveryRequest(message_id, now)
    store.app_state.put_collection(collection, replace(stored, recovery=request))


def _open(answer: PhoneAnswer, keys: KeyRing) -> AppliedSnapshot:
    copy = parse_copy(answer.data, is_compressed=answer.is_compressed)
    if copy.collection is not answer.collection:
        raise DecodeError("the phone's copy is of another collection")
    failure: AppStateError | None = None
    for variant in keys.variants():
        try:
            return apply_copy(copy, variant)
        except MacMismatch as exc:
            failure = failure or exc
    assert failure is not None  # there is one variant at least
    raise failure
