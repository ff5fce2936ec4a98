"""One POST of one event to one receiver.

The body is exactly the envelope. Beside it go the Standard Webhooks headers: `webhook-id` is the
event's number in the log and the same at every try, so that a receiver can tell a repeat.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Self

import h11
from standardwebhooks.webhooks import Webhook

from ..errors import InvalidInput
from ..store import Delivery
from .http_post import Endpoint, Header, Poster
from .websocket import envelope

TIMEOUT_S: Final = 30.0
"""For a whole delivery, redirects included, until the head of the last answer."""
MAX_REDIRECTS: Final = 5
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
    """The receiver has it, or said that it never wants it (410)."""
    REFUSED = "refused"
    """The receiver answered something else: try this event again later."""
    UNREACHABLE = "unreachable"
    """The receiver is down or overloaded: nothing would get through to it now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, the HTTP status behind it (None without an answer), and a word for the log."""

    verdict: Verdict
    status: int | None
    why: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"status {self.status}" if not self.why else f"status {self.status}, {self.why}"


class WebhookSender:
    """Posts events.

    Args:
        secret: signs the deliveries (`whsec_...`); None sends them unsigned.
        api_key: sent as `x-api-key`, printable ASCII; None sends none.
        clock: Unix time in seconds.
        timeout_s: for one delivery.

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
    ) -> None:
        self._webhook = None if secret is None else Webhook(secret)
        self._headers = _COMMON
        if api_key is not None:
            if not (api_key.isascii() and api_key.isprintable()):
                raise InvalidInput("a webhook key is printable ASCII")
            self._headers += ((b"x-api-key", api_key.encode()),)
        self._poster = Poster()
        self._clock = clock
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._poster.close()

    async def send(self, url: str, delivery: Delivery) -> Outcome:
        """Post an event and judge the answer. Errors of the network are a verdict, too."""
        text = envelope(delivery.session_id, delivery.kind, delivery.data)
        body = text.encode("utf-8", "replace")
        try:
            # One limit over everything: a receiver that dribbles bytes gets no more time.
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, body, self._headers_of(delivery, body))
        except (h11.ProtocolError, InvalidInput, OSError) as exc:
            why = str(exc) or type(exc).__name__
            return Outcome(Verdict.UNREACHABLE, None, why)

    def _headers_of(self, delivery: Delivery, body: bytes) -> list[Header]:
        now = int(self._clock())
        event_id = f"evt_{delivery.event_id}"
        headers = [
            *self._headers,
            (b"webhook-id", event_id.encode()),
            (b"webhook-timestamp", b"%d" % now),
        ]
        if self._webhook is not None:
            signed = self._webhook.sign(event_id, datetime.fromtimestamp(now, UTC), body.decode())
            headers.append((b"webhook-signature", signed.encode()))
        return headers

    async def _post(self, url: str, body: bytes, headers: list[Header]) -> Outcome:
        endpoint = Endpoint.of(url)
        answer = await self._poster.post(endpoint, headers, body)
        for _ in range(MAX_REDIRECTS):
            if answer.status not in _REDIRECTS or not answer.location:
                break
            try:
                endpoint = endpoint.follow(answer.location)
            except InvalidInput as exc:
                return Outcome(Verdict.REFUSED, answer.status, str(exc))
            answer = await self._poster.post(endpoint, headers, body)
        return _judge(answer.status)


def _judge(status: int) -> Outcome:
    if 200 <= status < 300 or status == 410:
        return Outcome(Verdict.DONE, status)
    if status in _OVERLOADED:
        return Outcome(Verdict.UNREACHABLE, status)
    return Outcome(Verdict.REFUSED, status)
