"""The media hosts of one account, and which URLs on them a message may point to."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from ..errors import ConnectionClosed, MediaError, QueryError, QueryTimeout, StanzaError
from ..media import MediaKind, upload_token
from ..stanza.media import MediaConn, MediaHost
from .clock import SYSTEM_CLOCK, Clock

log = logging.getLogger(__name__)

DEFAULT_HOST = "mmg.whatsapp.net"
"""Serves downloads when the server does not say who does."""

_MEDIA_DOMAIN = ".whatsapp.net"
_DIRECT_PATH = re.compile(r"/(?!/)[\x21-\x7e]{0,4095}")
_NOT_IN_PATHS = re.compile(r"[\\#\"<>^`{|}]")


class MediaGone(MediaError):
    """The media servers no longer know the file: only the phone can upload it again.

    Attributes:
        status: what they answered, 401, 403, 404 or 410.
    """

    def __init__(self, status: int, detail: str = "") -> None:
        text = f"the media servers answered {status}"
        super().__init__(f"{text}; {detail}" if detail else text)
        self.status = status


class MediaTooLarge(MediaError):
    """The file is larger than may be.

    Attributes:
        limit: bytes that were allowed.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"the file is larger than {limit} bytes")
        self.limit = limit


class TransferFailed(MediaError):
    """No media host took or gave the file; nothing is wrong with the file itself.

    Attributes:
        status: the last HTTP status, None when there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class MediaReference:
    """What a message says of its file.

    Attributes:
        kind: what the file is.
        direct_path: path and query on any media host.
        url: used when there is no direct path.
        media_key: 32 bytes; None for media that is not encrypted, as in newsletters.
        file_sha256: of the plaintext.
        file_enc_sha256: of the file as it is stored.
        file_length: bytes of the plaintext, as claimed.
    """

    kind: MediaKind
    direct_path: str | None
    url: str | None = None
    media_key: bytes | None = field(default=None, repr=False)
    file_sha256: bytes | None = None
    file_enc_sha256: bytes | None = None
    file_length: int | None = None


class MediaHosts:
    """Remembers the hosts and the upload token for as long as the server says.

    Args:
        ask: fetches them, usually `FetchMediaConn` over the account's connection.
        clock: the time.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[MediaConn]], clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._conn: MediaConn | None = None
        self._good_until = 0.0

    async def current(self) -> MediaConn:
        """Hosts and token for an upload.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: they could not be asked for.
        """
        async with self._lock:
            if self._conn is None or self._clock.monotonic() >= self._good_until:
                return await self._fetch()
            return self._conn

    async def renew(self, refused: MediaConn) -> MediaConn:
        """Hosts and token after a host refused these; asks only if nobody else has since.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed, StanzaError: they could not be asked for.
        """
        async with self._lock:
            if self._conn is not None and self._conn is not refused:
                return self._conn
            return await self._fetch()

    async def for_download(self, refused: MediaConn | None = None) -> MediaConn:
        """As `current` or `renew`; the well-known host when nobody can be asked."""
        try:
            return await (self.current() if refused is None else self.renew(refused))
        except (QueryError, QueryTimeout, ConnectionClosed, StanzaError) as exc:
            log.warning("could not ask for the media hosts: %s", type(exc).__name__)
            return refused or MediaConn("", 0, 0, (MediaHost(DEFAULT_HOST),))

    async def _fetch(self) -> MediaConn:
        asked_at = self._clock.monotonic()
        self._conn = await self._ask()
        self._good_until = asked_at + self._conn.lifetime_s
        return self._conn


def upload_url(host: MediaHost, folder: str, auth: str, file_hash: bytes) -> str:
    """Where a file is posted to.

    Source: docs/protocol/messages.md, "Media upload".
    """
    token = upload_token(file_hash)
    return f"https://{host.hostname}{folder}/{token}?auth={quote(auth, safe='')}&token={token}"


def is_direct_path(path: str) -> bool:
    """Whether a text is a path on a media host and nothing else."""
    return _DIRECT_PATH.fullmatch(path) is not None and _NOT_IN_PATHS.search(path) is None


def download_urls(reference: MediaReference, conn: MediaConn) -> list[str]:
    """Where a file may be had, in the order to try.

    Raises:
        MediaError: the message names no place, or one outside of the media hosts.

    Source: docs/protocol/messages.md, "Media download".
    """
    if reference.direct_path:
        if not is_direct_path(reference.direct_path):
            raise MediaError("the direct path is unusable")
        tail = reference.direct_path
        tail += ("&" if "?" in tail else "?") + _download_query(reference)
        hosts = [host for host in conn.hosts if host.gives(reference.kind)] or conn.hosts
        return [f"https://{host.hostname}{tail}" for host in hosts]
    if reference.url:
        return [_checked_url(reference.url, conn)]
    raise MediaError("the message does not say where its file is")


def _download_query(reference: MediaReference) -> str:
    stored = reference.file_enc_sha256
    hash_part = f"hash={base64.urlsafe_b64encode(stored).decode('ascii')}&" if stored else ""
    return f"{hash_part}mms-type={reference.kind.mms_type}&__wa-mms="


def _checked_url(url: str, conn: MediaConn) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise MediaError("the file's URL is unusable") from exc
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme != "https" or parts.username is not None or not is_direct_path(path):
        raise MediaError("the file's URL is unusable")
    listed = {known.hostname.lower() for known in conn.hosts}
    if parts.netloc.lower() not in listed and not (
        host.endswith(_MEDIA_DOMAIN) and port in (None, 443)
    ):
        raise MediaError("the file's URL does not lead to a media host")
    return f"https://{parts.netloc}{path}"
