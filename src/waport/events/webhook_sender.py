"""One POST of one event to one receiver.

The body is exactly the envelope. Beside it go the Standard Webhooks headers: `webhook-id` is the
event's number in the log and the same at every try, so that a receiver can tell a repeat.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import httpx
from standardwebhooks.webhooks import Webhook

from ..store import Delivery
from .websocket import envelope

TIMEOUT_S: Final = 30.0
"""For a whole delivery, redirects included."""
MAX_REDIRECTS: Final = 5
MAX_ANSWER_BYTES: Final = 65_536
"""More of an answer is not read; the connection is closed instead."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OVERLOADED: Final = frozenset({429, 502, 503, 504})


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
    """The verdict, and the HTTP status behind it (None without an answer)."""

    verdict: Verdict
    status: int | None


class WebhookSender:
    """Posts events.

    Args:
        secret: signs the deliveries (`whsec_...`); None sends them unsigned.
        api_key: sent as `x-api-key`; None sends none.
        client: the HTTP client; it must not follow redirects by itself.
        clock: Unix time in seconds.
        timeout_s: for one delivery.
    """

    def __init__(
        self,
        secret: str | None = None,
        api_key: str | None = None,
        *,
        client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._webhook = None if secret is None else Webhook(secret)
        self._api_key = api_key
        self._client = client or httpx.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )
        self._clock = clock
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, url: str, delivery: Delivery) -> Outcome:
        """Post an event and judge the answer. Errors of the network are a verdict, too."""
        body = envelope(delivery.session_id, delivery.kind, delivery.data)
        try:
            # One limit over everything: a receiver that dribbles bytes gets no more time.
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(url, body, self._headers(delivery, body))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError):
            return Outcome(Verdict.UNREACHABLE, None)
        if 200 <= status < 300 or status == 410:
            return Outcome(Verdict.DONE, status)
        if status in _OVERLOADED:
            return Outcome(Verdict.UNREACHABLE, status)
        return Outcome(Verdict.REFUSED, status)

    def _headers(self, delivery: Delivery, body: str) -> dict[str, str]:
        now = int(self._clock())
        event_id = f"evt_{delivery.event_id}"
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/plain, */*",
            "user-agent": "waport",
            "webhook-id": event_id,
            "webhook-timestamp": str(now),
        }
        if self._webhook is not None:
            moment = datetime.fromtimestamp(now, UTC)
            headers["webhook-signature"] = self._webhook.sign(event_id, moment, body)
        if self._api_key is not None:
            headers["x-api-key"] = self._api_key
        return headers

    async def _post(self, url: str, body: str, headers: dict[str, str]) -> int:
        content = body.encode("utf-8", "replace")
        status = 0
        for _ in range(MAX_REDIRECTS + 1):
            async with self._client.stream(
                "POST", url, content=content, headers=headers
            ) as response:
                size = 0
                async for chunk in response.aiter_raw():
                    size += len(chunk)
                    if size > MAX_ANSWER_BYTES:
                        break
                status = response.status_code
                target = response.headers.get("location")
            if status not in _REDIRECTS or not target:
                break
            following = urljoin(url, target)
            if _origin(following) != _origin(url):
                # The key was meant for the receiver that the operator named.
                headers = {name: value for name, value in headers.items() if name != "x-api-key"}
            url = following
        return status


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
