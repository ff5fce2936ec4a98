"""Requests that may be made again without being carried out again: the `Idempotency-Key` header.

A request is known by its caller, its path and its key. It is remembered before it is carried out
and its answer before that leaves, so that a crash at any moment leaves nothing in doubt but this:
whether a request without an answer was carried out. Then it is carried out again; the messages that
it sends have ids that follow from the key, so that each is sent once. What can't be done twice
without harm is not done again but refused.

Source: draft-ietf-httpapi-idempotency-key-header: 422 for a key that comes with another body, 409
while the first request is still being answered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from starlette.types import Message, Send

from ..client.derived_ids import DerivedIds, deriving_from
from ..crypto import sha256
from ..errors import StoreError
from ..model import ApiKey
from ..store import KeptRequest
from .envelope import RawHeaders
from .errors import HttpError
from .fingerprints import fingerprint_of
from .json_body import JsonTop
from .kept_answers import AnswerStore, KeptAnswer
from .routes import Operation

log = logging.getLogger(__name__)

MAX_KEY: Final = 255
"""Characters of a key."""
MAX_ANSWER: Final = 262_144
"""Bytes of an answer that is kept; what only reads is asked again beyond that."""
REPLAYED: Final = (b"idempotent-replayed", b"true")
"""The header of an answer that was given before."""

ONCE: Final = frozenset(
    {
        "createGroup",
        "createChannel",
        "makeApiKey",
        "makeWebhook",
        "rotateWebhookSecret",
        "resendDeadLetters",
        "runClientMethod",
        "runChatMethod",
        "runGroupMethod",
        "runMessageMethod",
        "takeCallback",
    }
)
"""Operations of which a second time would make a second thing. Everything else sends messages of
derived ids, sets something to a value, or only reads."""

Run = Callable[[Send], Awaitable[None]]
"""Carries a request out, and sends its answer."""


def read_key(given: Sequence[bytes]) -> bytes | None:
    """The key of a request; None without one. Quotes around it are no part of it.

    Args:
        given: every such header.

    Raises:
        HttpError: 400, there are several, or it is empty, too long, or no visible ASCII text.
    """
    if not given:
        return None
    key = given[0].strip()
    if len(key) >= 2 and key.startswith(b'"') and key.endswith(b'"'):
        key = key[1:-1]
    is_text = all(0x20 <= byte < 0x7F for byte in key)
    if len(given) > 1 or not is_text or not 0 < len(key) <= MAX_KEY:
        raise HttpError(
            400,
            "validation_error",
            f"Idempotency-Key must be one text of 1 to {MAX_KEY} ASCII characters",
        )
    return key


class Repeats:
    """Answers requests that may be made again.

    Args:
        store: remembers them.
        clock_ms: Unix milliseconds.
    """

    def __init__(
        self,
        store: AnswerStore,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._running: set[bytes] = set()

    async def answer(
        self,
        key: bytes,
        caller: ApiKey,
        operation: Operation,
        parameters: Mapping[str, str],
        body: JsonTop,
        send: Send,
        run: Run,
        *,
        is_small: bool,
    ) -> None:
        """Carry a request out, or give the answer that it had.

        Args:
            key: its Idempotency-Key.
            parameters: of its path.
            is_small: its body is hashed at once.
            run: carries it out.

        Raises:
            HttpError: 409, it is being answered, or may not be done a second time; 422, the key
                came with another body before.
            StoreError: it could not be remembered; it was not carried out.
        """
        digest = _digest(key, caller, operation, parameters)
        if digest in self._running:
            raise HttpError(
                409,
                "idempotency_key_in_use",
                "A request with this Idempotency-Key is still being answered",
            )
        self._running.add(digest)
        try:
            fingerprint = await fingerprint_of(body, is_small=is_small)
            known = await self._store.claim(digest, fingerprint, self._clock_ms())
            if known.fingerprint != fingerprint:
                raise HttpError(
                    422,
                    "idempotency_key_reused",
                    "This Idempotency-Key was used with another body",
                )
            if known.status is not None:
                await _replay(known, key, send)
                return
            if known.is_repeat and operation.name in ONCE:
                raise HttpError(
                    409,
                    "idempotency_outcome_unknown",
                    "The server ended while it carried this request out: see whether it was done",
                )
            seed = sha256(b"waport ids" + digest + known.created_ms.to_bytes(8, "big"))
            ids = DerivedIds(seed, is_repeat=known.is_repeat)
            answer = _Answering(send, lambda answer: self._end(digest, key, operation, ids, answer))
            with deriving_from(ids):
                await run(answer.send)
        finally:
            self._running.discard(digest)

    async def _end(
        self,
        digest: bytes,
        key: bytes,
        operation: Operation,
        ids: DerivedIds,
        answer: _Answering,
    ) -> None:
        """Keep an answer, or forget the request, before the answer leaves."""
        is_once = operation.name in ONCE
        try:
            if answer.status < 400 or (answer.status >= 500 and is_once):
                if not answer.is_too_long:
                    await self._store.keep(digest, answer.status, answer.kept().seal(key))
                elif is_once:
                    await self._store.keep(digest, answer.status, None)
            elif not (ids.is_used or ids.is_repeat):
                await self._store.forget(digest)  # nothing was done, so that it may be mended
        except StoreError as exc:
            # It was done all the same, and the caller must know.
            log.error("an answer could not be kept: %s", exc)


class _Answering:
    """Holds an answer back until it is whole, or longer than what is kept.

    Args:
        send: where it goes.
        end: called before any of it leaves.
    """

    def __init__(self, send: Send, end: Callable[[_Answering], Awaitable[None]]) -> None:
        self._send = send
        self._end = end
        self._held: list[Message] = []
        self._size = 0
        self._has_left = False
        self.status = 500
        self.is_too_long = False

    async def send(self, message: Message) -> None:
        """Take a piece of the answer."""
        if self._has_left:
            await self._send(message)
            return
        self._held.append(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self._size += len(message.get("body", b""))
        self.is_too_long = self._size > MAX_ANSWER
        if message.get("more_body", False) and not self.is_too_long:
            return
        await self._end(self)
        self._has_left = True
        held, self._held = self._held, []
        for each in held:
            await self._send(each)

    def kept(self) -> KeptAnswer:
        """What was held back."""
        start, *pieces = self._held
        headers: RawHeaders = list(start.get("headers", []))
        return KeptAnswer(headers, b"".join(piece.get("body", b"") for piece in pieces))


async def _replay(known: KeptRequest, key: bytes, send: Send) -> None:
    """Give an answer once more.

    Raises:
        HttpError: 409, it was too long to be kept.
    """
    if known.answer is None or known.status is None:
        raise HttpError(
            409,
            "idempotency_answer_not_kept",
            "This was done before; its answer was too long to be kept",
        )
    answer = KeptAnswer.open(key, known.answer)
    headers = [*answer.headers, REPLAYED]
    await send({"type": "http.response.start", "status": known.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _digest(
    key: bytes, caller: ApiKey, operation: Operation, parameters: Mapping[str, str]
) -> bytes:
    """What a request is known by; not by the spelling of its path."""
    parts = [caller.id, operation.path, *(f"{name}={parameters[name]}" for name in parameters)]
    return sha256(b"\0".join([*(part.encode() for part in parts), key]))
