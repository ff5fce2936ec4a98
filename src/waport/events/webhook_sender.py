"""One POST of one event to one receiver.

The body is exactly the envelope. Beside it go the Standard Webhooks headers: `webhook-id` is the
event's number in the log and the same at every try, so that a receiver can tell a repeat.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final, Self

import h11

from ..errors import ConnectionClosed, InvalidInput, SessionError
from ..store import Delivery
from .http_post import Answer, Endpoint, Guard, Header, Poster
from .signing import Signer
from .websocket import envelope

TIMEOUT_S: Final = 15.0
"""For a whole delivery, redirects included, until the head of the last answer."""
MAX_REDIRECTS: Final = 5
PATIENCE: Final = 6
"""How often an event waits for its file while the account is not connected: about a minute."""
MAX_WAIT_S: Final = 6 * 3600.0
"""No receiver makes us wait longer by `Retry-After`."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OVERLOADED: Final = frozenset({429, 502, 503, 504})
_COMMON: Final[tuple[Header, ...]] = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/plain, */*"),
    (b"user-agent", b"waport"),
)


class Verdict(Enum):
    """What became of a delivery."""

    DONE = "done"
    """The receiver has it; the one that the settings name may also say that it never wants it."""
    GONE = "gone"
    """A webhook of the API says that it wants nothing any more (410)."""
    REFUSED = "refused"
    """The receiver answered something else: try this event again later."""
    UNREACHABLE = "unreachable"
    """The receiver is down or overloaded: nothing would get through to it now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one post.

    Attributes:
        verdict: what it means.
        status: the HTTP status behind it; None without an answer.
        why: a word for the log.
        wait_s: the receiver asks for a pause of at least that (`Retry-After`).
    """

    verdict: Verdict
    status: int | None
    why: str = field(default="", compare=False)
    wait_s: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        return f"status {self.status}" if not self.why else f"status {self.status}, {self.why}"


@dataclass(frozen=True, slots=True)
class Receiver:
    """How a receiver is spoken to: headers for it alone, and who signs, the newest secret first."""

    headers: tuple[Header, ...] = ()
    signers: tuple[Signer, ...] = ()


Complete = Callable[[str, str, str], Awaitable[str]]


class WebhookSender:
    """Posts events.

    Args:
        secret: signs what goes to the receivers of the settings (`whsec_...`); None: nothing does.
        api_key: sent to them as `x-api-key`, printable ASCII; None sends none.
        receiver_of: a webhook of the API by its number; None when it is gone.
        clock: Unix time in seconds.
        timeout_s: for one delivery.
        guard: says where webhooks of the API may lead to.
        complete: makes of a session's id, an event's name and what is logged of it what goes out;
            raises SessionError or ConnectionClosed when it can't do so now.

    Raises:
        InvalidInput: the key cannot stand in a header.
    """

    def __init__(
        self,
        secret: str | None = None,
        api_key: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
        timeout_s: float = TIMEOUT_S,
        receiver_of: Callable[[int], Receiver | None] = lambda _: None,
        guard: Guard | None = None,
        complete: Complete | None = None,
    ) -> None:
        signers = () if secret is None else (Signer(secret),)
        headers: tuple[Header, ...] = ()
        if api_key is not None:
            if not (api_key.isascii() and api_key.isprintable()):
                raise InvalidInput("a webhook key is printable ASCII")
            headers = ((b"x-api-key", api_key.encode()),)
        self._own = Receiver(headers, signers)
        self._receiver_of = receiver_of
        self._complete = complete
        self._poster = Poster(guard)
        self._clock = clock
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._poster.close()

    async def send(self, url: str, delivery: Delivery) -> Outcome:
        """Post an event and judge the answer. Errors of the network are a verdict, too."""
        receiver = self._receiver_of(delivery.webhook) if delivery.webhook else self._own
        if receiver is None:
            return Outcome(Verdict.REFUSED, None, "the webhook is gone")
        data = delivery.data
        if self._complete is not None:
            try:
                data = await self._complete(delivery.session_id, delivery.kind, data)
            except (SessionError, ConnectionClosed) as exc:
                if delivery.refusals < PATIENCE:
                    return Outcome(Verdict.REFUSED, None, f"without its file: {exc}")
        text = envelope(delivery.session_id, delivery.kind, data)
        body = text.encode("utf-8", "replace")
        headers = self._headers_of(receiver, delivery, body)
        is_guarded = bool(delivery.webhook)
        try:
            # One limit over everything: a receiver that dribbles bytes gets no more time.
            async with asyncio.timeout(self._timeout_s):
                outcome = await self._post(url, body, headers, is_guarded=is_guarded)
        except (h11.ProtocolError, InvalidInput, OSError) as exc:
            why = str(exc) or type(exc).__name__
            return Outcome(Verdict.UNREACHABLE, None, why)
        if outcome.status == 410 and delivery.webhook:
            return Outcome(Verdict.GONE, 410)
        return outcome

    def _headers_of(self, receiver: Receiver, delivery: Delivery, body: bytes) -> list[Header]:
        now = int(self._clock())
        event_id = f"evt_{delivery.event_id}"
        headers = [
            *_COMMON,
            *receiver.headers,
            (b"webhook-id", event_id.encode()),
            (b"webhook-timestamp", b"%d" % now),
        ]
        if receiver.signers:
            text = body.decode()
            signatures = (signer.sign(event_id, now, text) for signer in receiver.signers)
            headers.append((b"webhook-signature", " ".join(signatures).encode()))
        return headers

    async def _post(
        self, url: str, body: bytes, headers: list[Header], *, is_guarded: bool
    ) -> Outcome:
        endpoint = Endpoint.of(url)
        answer = await self._poster.post(endpoint, headers, body, is_guarded=is_guarded)
        for _ in range(MAX_REDIRECTS):
            if answer.status not in _REDIRECTS or not answer.location:
                break
            try:
                endpoint = endpoint.follow(answer.location)
            except InvalidInput as exc:
                return Outcome(Verdict.REFUSED, answer.status, str(exc))
            answer = await self._poster.post(endpoint, headers, body, is_guarded=is_guarded)
        return _judge(answer, self._clock())


def _judge(answer: Answer, now: float) -> Outcome:
    status = answer.status
    if 200 <= status < 300 or status == 410:
        return Outcome(Verdict.DONE, status)
    verdict = Verdict.UNREACHABLE if status in _OVERLOADED else Verdict.REFUSED
    return Outcome(verdict, status, wait_s=_wait_s(answer.retry_after, now))


def _wait_s(retry_after: bytes | None, now: float) -> float:
    """The pause that `Retry-After` asks for: seconds, or a time. Nothing of it is believed blindly.

    Source: RFC 9110, section 10.2.3.
    """
    if not retry_after:
        return 0.0
    text = retry_after.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_WAIT_S)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
    return min(max(moment - now, 0.0), MAX_WAIT_S)
