"""Asking our own phone to upload a file again that the media hosts have forgotten.

Source: docs/protocol/messages.md, "Media retry".
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from dataclasses import dataclass, field

from ..crypto import RandomBytes
from ..errors import MediaError
from ..media import RetryResult, open_retry_answer, seal_retry_request
from ..model import AddressingMode, Message, MessageKey
from ..stanza.media import MediaRetryNotification, RetrySubject, media_retry_receipt
from ..store import Database, UnitOfWork
from ..wire import Jid, Node
from .clock import SYSTEM_CLOCK, Clock
from .queries import Queries
from .work import own_addresses

log = logging.getLogger(__name__)

MAX_PATHS = 1000
"""Files whose new place is remembered."""

MAX_SEALED = 16 * 1024
"""Bytes of an answer that are looked at; a path has a few hundred."""

_WORDS = {
    RetryResult.GENERAL_ERROR: "the phone could not upload it again",
    RetryResult.NOT_FOUND: "the phone does not have it any more",
    RetryResult.DECRYPTION_ERROR: "the phone could not read the request for it",
}


class RetryFailed(MediaError):
    """The phone did not upload a file again.

    Attributes:
        result: what it answered; None when it did not answer in time.
    """

    def __init__(self, result: RetryResult | None, message: str) -> None:
        super().__init__(message)
        self.result = result


@dataclass(eq=False, slots=True)
class _Request:
    """A question on its way; any number of callers may wait for its answer."""

    key: MessageKey
    media_key: bytes = field(repr=False)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    path: str = ""
    result: RetryResult = RetryResult.GENERAL_ERROR
    waiting: int = 0


class MediaRetries:
    """The questions of one account to its phone; there is one at a time for each message.

    Args:
        timeout_s: how long to wait for the phone, which may be switched off.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        *,
        timeout_s: float,
        clock: Clock = SYSTEM_CLOCK,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._timeout_s = timeout_s
        self._clock = clock
        self._random_bytes = random_bytes
        self._running: dict[MessageKey, _Request] = {}
        self._paths: OrderedDict[MessageKey, str] = OrderedDict()

    def known_path(self, key: MessageKey) -> str | None:
        """Where the phone has put a message's file since; None when it was not asked."""
        return self._paths.get(key)

    async def ask(self, message: Message, media_key: bytes) -> str:
        """The new direct path of a message's file.

        Raises:
            RetryFailed: the phone has no such file, or did not answer in time.
            MediaError: the media key is unusable.
            ConnectionClosed: the phone can't be asked now.
        """
        request = self._running.get(message.key)
        is_new = request is None
        if request is None:
            request = self._running[message.key] = _Request(message.key, media_key)
        request.waiting += 1
        try:
            if is_new:
                await self._begin(request)
            if not await self._clock.wait(request.answered, self._timeout_s):
                raise RetryFailed(None, f"the phone did not answer within {self._timeout_s:g} s")
        finally:
            request.waiting -= 1
            if not request.waiting and self._running.get(message.key) is request:
                del self._running[message.key]
        if not request.path:
            raise RetryFailed(request.result, _WORDS[request.result])
        return request.path

    async def _begin(self, request: _Request) -> None:
        """Send a question; when that fails, it fails for all who wait."""
        try:
            await self._send(request)
        except BaseException:
            request.answered.set()
            raise

    async def _send(self, request: _Request) -> None:
        sealed = seal_retry_request(request.media_key, request.key.id, self._random_bytes)

        def read(store: UnitOfWork) -> tuple[Jid, RetrySubject]:
            credentials = store.devices.get()
            if credentials is None or credentials.pn is None:
                raise RetryFailed(None, "the account is not linked any more")
            return own_addresses(credentials).pn, _subject(store, request.key)

        own, subject = await self._database.read(self._session_id, read)
        receipt: Node = media_retry_receipt(request.key.id, own, sealed, subject)
        self._queries.link.send(receipt)
        log.info("asked the phone to upload a file again")

    def resolve(self, answer: MediaRetryNotification) -> None:
        """Hand the phone's answer to whoever waits for it; nobody may."""
        for request in [one for one in self._running.values() if one.key.id == answer.message_id]:
            if answer.sealed is None:
                request.result = _RESULTS.get(answer.error, RetryResult.GENERAL_ERROR)
            elif not self._open(request, answer):
                continue
            request.answered.set()
            # Whoever asks from now on begins anew.
            self._running.pop(request.key, None)

    def _open(self, request: _Request, answer: MediaRetryNotification) -> bool:
        """Read an answer; False when it is none to this question."""
        sealed = answer.sealed
        if sealed is None or len(sealed.ciphertext) > MAX_SEALED:
            return False
        try:
            opened = open_retry_answer(request.media_key, request.key.id, sealed)
        except MediaError as exc:
            # Not the end of the question: whoever could forge answers could else prevent them.
            log.warning("ignored an answer about a file: %s", exc)
            return False
        request.result = opened.result
        request.path = opened.direct_path or ""
        if request.path:
            self._paths[request.key] = request.path
            self._paths.move_to_end(request.key)
            while len(self._paths) > MAX_PATHS:
                self._paths.popitem(last=False)
        return True


_RESULTS = {2: RetryResult.NOT_FOUND, 3: RetryResult.DECRYPTION_ERROR}
"""By the code of an `<error>`."""


def _subject(store: UnitOfWork, key: MessageKey) -> RetrySubject:
    """The message as its stanza named it: by hidden ids, where these are known and used."""
    chat = key.chat
    if chat.is_user:
        return RetrySubject(store.addresses.lid_of(chat) or chat, key.from_me)
    group = store.groups.get(chat) if chat.is_group else None
    by_number = group is not None and group.addressing is AddressingMode.PN
    lid = None if by_number else store.addresses.lid_of(key.sender)
    return RetrySubject(chat, key.from_me, lid or key.sender)
