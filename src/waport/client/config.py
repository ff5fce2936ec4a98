"""What a client needs to know beyond its account; the upper rooms fill it from the settings."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..noise import WHATSAPP_ROOT_KEY
from ..pairing import ClientVersion, DeviceProfile
from .addresses import AllowList

WHATSAPP_URL = "wss://web.whatsapp.com/ws/chat"
WHATSAPP_WEB = "https://web.whatsapp.com"
ORIGIN = "https://web.whatsapp.com"
USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/138.0.0.0 Safari/537.36"
)
"""What a browser on Linux sends; the web client is what we speak as."""


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """What a client needs to know about files.

    Attributes:
        folder: for temporary files, made when it is needed; None means the system's. It should not
            lie in memory: a file passes through it whole.
        max_bytes: the largest file that is uploaded or downloaded.
        url_max_bytes: the largest file that is fetched by a URL.
        url_timeout_s: for fetching it.
        retry_timeout_s: how long a download waits for the phone to upload a file again.
        link_preview: texts get a preview of the first link in them.
        outbound_allow: what URLs may lead to besides public addresses.
    """

    folder: Path | None = None
    max_bytes: int = 2 * 1024**3
    url_max_bytes: int = 100 * 1024**2
    url_timeout_s: float = 60.0
    retry_timeout_s: float = 60.0
    link_preview: bool = True
    outbound_allow: AllowList = field(default_factory=AllowList)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Settings of one client.

    Attributes:
        websocket_url: where to connect to.
        web_url: the site whose `sw.js` names the current client version.
        noise_root_key: 32 bytes that the server's certificate chain must lead to.
        tls: how TLS is checked, media hosts included; None means the usual authorities.
        proxy: outbound proxy URL for the WebSocket and the media hosts; None connects directly.
        version: pins the client version; None reads it from `web_url`.
        profile: how the device presents itself on the phone.
        connect_timeout_s: for the WebSocket to open.
        query_timeout_s: for an answer to an IQ.
        send_ack_timeout_s: how long a send waits for the server's ack before it answers pending.
        backoff_base_s: the first delay before reconnecting; it doubles with each failure.
        backoff_cap_s: the longest delay.
        retries_before_lost: failed tries in a row before `connection_lost` is told; 0 is never.
        mark_seen: answer every incoming message with a read receipt.
        ban_wait_cap_s: a temporary ban is waited out at most this long at a time.
        media: about files.
        mex_ids: ids of GraphQL queries that are to be used instead of those of the table
            (`stanza/mex_table.py`), by the queries' names.
    """

    websocket_url: str = WHATSAPP_URL
    web_url: str = WHATSAPP_WEB
    noise_root_key: bytes = field(default=WHATSAPP_ROOT_KEY, repr=False)
    tls: ssl.SSLContext | None = None
    proxy: str | None = field(default=None, repr=False)
    version: ClientVersion | None = None
    profile: DeviceProfile = field(default_factory=DeviceProfile)
    connect_timeout_s: float = 20.0
    query_timeout_s: float = 60.0
    send_ack_timeout_s: float = 10.0
    backoff_base_s: float = 3.0
    backoff_cap_s: float = 300.0
    retries_before_lost: int = 0
    mark_seen: bool = False
    ban_wait_cap_s: float = 86_400.0
    media: MediaConfig = field(default_factory=MediaConfig)
    mex_ids: Mapping[str, str] = field(default_factory=dict)
