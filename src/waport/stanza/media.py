"""Where files are uploaded to and downloaded from, and asking the phone for one again.

Source: docs/protocol/messages.md, "Media hosts" and "Media retry".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..errors import StanzaError
from ..media import MediaKind, SealedRetry
from ..wire import AttrValue, Jid, Node
from .query import Query, iq_set

DEFAULT_TTL_S = 300
MAX_TTL_S = 7 * 86_400
MAX_HOSTS = 32

_HOSTNAME = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(:\d{1,5})?"
)


@dataclass(frozen=True, slots=True)
class MediaHost:
    """A server for files.

    Attributes:
        hostname: with `:PORT` when it is not 443.
        upload: the kinds that it takes; empty means every kind.
        download: the kinds that it gives; empty means every kind.
    """

    hostname: str
    upload: frozenset[str] = frozenset()
    download: frozenset[str] = frozenset()

    def takes(self, kind: MediaKind) -> bool:
        """Whether files of this kind may be uploaded here."""
        return _allows(self.upload, kind)

    def gives(self, kind: MediaKind) -> bool:
        """Whether files of this kind may be downloaded here."""
        return _allows(self.download, kind)


def _allows(names: frozenset[str], kind: MediaKind) -> bool:
    return not names or kind.value in names or kind.mms_type in names


@dataclass(frozen=True, slots=True)
class MediaConn:
    """The answer to `FetchMediaConn`.

    Attributes:
        auth: goes into upload URLs.
        ttl_s: how long the list of hosts is good.
        auth_ttl_s: how long `auth` is good.
        hosts: at least one, in the order to try them.
    """

    auth: str = field(repr=False)
    ttl_s: int
    auth_ttl_s: int
    hosts: tuple[MediaHost, ...]

    @property
    def lifetime_s(self) -> int:
        """Seconds after which to ask again."""
        return min(self.ttl_s, self.auth_ttl_s)


@dataclass(frozen=True, slots=True)
class FetchMediaConn(Query[MediaConn]):
    """The media hosts of this account, and a token for uploads."""

    def request(self) -> Node:
        """An empty `media_conn` in the `w:m` namespace."""
        return iq_set("w:m", Node("media_conn"))

    def parse(self, reply: Node) -> MediaConn:
        """Hosts whose name is unusable are left out.

        Raises:
            StanzaError: no token, or no host that can be used.
        """
        conn = reply.child("media_conn")
        nodes = conn.children("host")[:MAX_HOSTS]
        nodes.sort(key=lambda node: node.get("type") != "primary")
        hosts = []
        for node in nodes:
            hostname = node.get("hostname") or ""
            if _HOSTNAME.fullmatch(hostname):
                hosts.append(MediaHost(hostname, _kinds(node, "upload"), _kinds(node, "download")))
        if not hosts:
            raise StanzaError("media_conn", "no usable host")
        return MediaConn(conn.attr("auth"), _ttl(conn, "ttl"), _ttl(conn, "auth_ttl"), tuple(hosts))


def _kinds(host: Node, direction: str) -> frozenset[str]:
    listing = host.find(direction)
    return frozenset() if listing is None else frozenset(c.tag for c in listing.children())


def _ttl(conn: Node, name: str) -> int:
    return min(max(conn.get_int(name, DEFAULT_TTL_S), 0), MAX_TTL_S)


@dataclass(frozen=True, slots=True)
class RetrySubject:
    """Which message's file is asked for.

    Attributes:
        chat: as the message's stanza named it.
        from_me: this account wrote it.
        participant: the author in a group.
    """

    chat: Jid
    from_me: bool
    participant: Jid | None = None


def media_retry_receipt(
    message_id: str, own: Jid, sealed: SealedRetry, subject: RetrySubject | None
) -> Node:
    """Ask our own phone to upload a file again.

    Args:
        message_id: of the message that carries the file.
        own: this account.
        sealed: the encrypted request.
        subject: the message; None for a history blob, which belongs to no chat.
    """
    attrs: dict[str, AttrValue] = {"id": message_id, "to": own.bare, "type": "server-error"}
    content = [
        Node(
            "encrypt",
            {},
            [Node("enc_p", {}, sealed.ciphertext), Node("enc_iv", {}, sealed.iv)],
        )
    ]
    if subject is None:
        attrs["category"] = "peer"
        return Node("receipt", attrs, content)
    rmr: dict[str, AttrValue] = {
        "jid": subject.chat,
        "from_me": "true" if subject.from_me else "false",
    }
    if subject.participant is not None:
        rmr["participant"] = subject.participant
    return Node("receipt", attrs, [*content, Node("rmr", rmr)])


@dataclass(frozen=True, slots=True)
class MediaRetryNotification:
    """The answer that a `mediaretry` notification brings.

    Attributes:
        message_id: the message that was asked about.
        subject: chat and author; None when it does not say.
        sealed: the phone's encrypted answer; None on an error.
        error: 2, the phone has no such file any more; 3, it could not read the request; else 0.
    """

    message_id: str
    subject: RetrySubject | None
    sealed: SealedRetry | None
    error: int


def parse_media_retry(node: Node) -> MediaRetryNotification:
    """Read a `mediaretry` notification.

    Raises:
        StanzaError: no id, or neither an answer nor an error.
    """
    message_id = node.attr("id")
    rmr = node.find("rmr")
    chat = rmr.get_jid("jid") if rmr is not None else None
    subject = None
    if rmr is not None and chat is not None:
        subject = RetrySubject(chat, rmr.get("from_me") == "true", rmr.get_jid("participant"))
    error = node.find("error")
    if error is not None:
        return MediaRetryNotification(message_id, subject, None, error.get_int("code", 0) or 0)
    encrypt = node.child("encrypt")
    sealed = SealedRetry(encrypt.child("enc_p").data, encrypt.child("enc_iv").data)
    return MediaRetryNotification(message_id, subject, sealed, 0)
