"""Which client version to claim: WhatsApp's web page says, and refuses older ones."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from pathlib import Path

import httpx

from ..errors import InvalidInput
from ..pairing import DEFAULT_VERSION, ClientVersion, find_client_revision
from .clock import SYSTEM_CLOCK, Clock
from .config import USER_AGENT
from .threads import in_thread

log = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 5.0
MAX_PAGE = 8 * 1024 * 1024
MAX_AGE_S = 24 * 3600
"""A version read longer ago than this is read again (docs/protocol/transport.md, "Version")."""

RETRY_AFTER_S = 300.0
"""After a failed read the page is left alone this long."""


class VersionSource:
    """The client version of a whole process; every session asks here.

    Args:
        web_url: the site whose `sw.js` is read.
        cache: a file that keeps the last good version over restarts; None keeps it in memory.
        pinned: always this one.
        tls: how TLS is checked; None means the system's authorities.
        proxy: outbound proxy URL.
        clock: the time.
    """

    def __init__(
        self,
        web_url: str,
        *,
        cache: Path | None = None,
        pinned: ClientVersion | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._url = web_url.rstrip("/") + "/sw.js"
        self._cache = cache
        self._pinned = pinned
        self._tls = tls
        self._proxy = proxy
        self._clock = clock
        self._lock = asyncio.Lock()
        self._version, self._read_at = self._load()
        self._failed_at = float("-inf")
        self._tries = 0

    async def current(self) -> ClientVersion:
        """The version to claim now; never raises, and waits 5 seconds at most."""
        if self._pinned is not None:
            return self._pinned
        if not self._is_fresh():
            await self._read(force=False)
        return self._version

    async def refresh(self) -> ClientVersion:
        """Read the page anew, because the server refused what we claimed."""
        if self._pinned is not None:
            return self._pinned
        await self._read(force=True)
        return self._version

    def _is_fresh(self) -> bool:
        # A time in the future is one that somebody has put back since: worth nothing.
        return 0 <= self._clock.unix() - self._read_at <= MAX_AGE_S

    async def _read(self, *, force: bool) -> None:
        tries = self._tries
        async with self._lock:
            if self._tries != tries:
                return  # another session has just tried
            failed_lately = self._clock.monotonic() - self._failed_at < RETRY_AFTER_S
            if not force and failed_lately:
                return
            try:
                page = await self._fetch()
            except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as exc:
                log.warning("could not read the client version: %s", type(exc).__name__)
                revision = None
            else:
                revision = find_client_revision(page)
                if revision is None:
                    log.warning("the page does not name a client version")
            self._tries += 1
            if revision is None:
                self._failed_at = self._clock.monotonic()
                return
            self._version = ClientVersion.of_revision(revision)
            self._read_at = self._clock.unix()
            self._save()

    async def _fetch(self) -> bytes:
        headers = {"User-Agent": USER_AGENT, "sec-fetch-site": "none"}
        page = bytearray()
        tls = self._tls
        if tls is None:
            # In a thread, since reading the authorities takes a while.
            tls = await in_thread(httpx.create_ssl_context)
        async with (
            asyncio.timeout(FETCH_TIMEOUT_S),
            httpx.AsyncClient(verify=tls, proxy=self._proxy) as client,
            client.stream("GET", self._url, headers=headers) as response,
        ):
            response.raise_for_status()
            async for part in response.aiter_bytes():
                page += part
                if len(page) > MAX_PAGE:
                    break
        return bytes(page)

    def _load(self) -> tuple[ClientVersion, float]:
        if self._cache is None:
            return DEFAULT_VERSION, 0.0
        try:
            saved = json.loads(self._cache.read_text(encoding="utf-8"))
            version = ClientVersion.parse(str(saved["version"]))
            return max(version, DEFAULT_VERSION), float(saved["read_at"])
        except FileNotFoundError:
            return DEFAULT_VERSION, 0.0
        except (OSError, ArithmeticError, ValueError, KeyError, TypeError, InvalidInput):
            log.warning("the cached client version is unreadable; using the default")
            return DEFAULT_VERSION, 0.0

    def _save(self) -> None:
        if self._cache is None:
            return
        text = json.dumps({"version": str(self._version), "read_at": int(self._read_at)})
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            self._cache.write_text(text, encoding="utf-8")
        except OSError as exc:
            log.warning("could not cache the client version: %s", exc.strerror)
