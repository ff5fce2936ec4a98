"""The stream's own stanzas: success, failure, stream errors, ib, and the queries of a login."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import AttrValue, Jid, Node
from .query import Query, iq_get, iq_set


@dataclass(frozen=True, slots=True)
class Success:
    """`<success>`: the login was accepted.

    Attributes:
        server_time: Unix seconds, None when absent or nonsense.
        lid: own LID with device, None when absent or unreadable.
    """

    server_time: int | None
    lid: Jid | None


@dataclass(frozen=True, slots=True)
class Failure:
    """`<failure>`: the login was refused.

    Attributes:
        reason: 400..599, 0 when absent or unreadable.
        ban_code: why the account is banned for a while (reason 402), else None.
        ban_seconds: for how long, else None.
        raw: the whole node as text, for events; some of its values are sent once only.
    """

    reason: int
    ban_code: int | None
    ban_seconds: int | None
    raw: str


@dataclass(frozen=True, slots=True)
class StreamError:
    """`<stream:error>`.

    Attributes:
        code: 0 when absent or unreadable.
        conflict: the type of its `<conflict>` child, else None.
        unacked: (class, id) of a stanza whose ack the server misses, else None.
        malformed: the server could not parse what we sent.
        raw: the whole node as text.
    """

    code: int
    conflict: str | None
    unacked: tuple[str, str] | None
    malformed: bool
    raw: str


def parse_success(node: Node) -> Success:
    """Source: docs/protocol/transport.md, "success"."""
    server_time = node.get_int("t", None)
    lid = node.get_jid("lid")
    return Success(
        server_time if server_time is not None and server_time > 0 else None,
        lid if lid is not None and lid.is_lid else None,
    )


def parse_failure(node: Node) -> Failure:
    """Source: docs/protocol/transport.md, "failure"."""
    return Failure(
        node.get_int("reason", 0) or 0,
        node.get_int("code", None),
        node.get_int("expire", None),
        node.to_xml(),
    )


def parse_stream_error(node: Node) -> StreamError:
    """Source: docs/protocol/transport.md, "stream:error"."""
    conflict = node.find("conflict")
    ack = node.find("ack")
    unacked = None
    if ack is not None and (stanza_id := ack.get("id")):
        unacked = (ack.get("class") or "", stanza_id)
    return StreamError(
        node.get_int("code", 0) or 0,
        None if conflict is None else conflict.get("type") or "",
        unacked,
        node.find("xml-not-well-formed") is not None,
        node.to_xml(),
    )


class SetActive(Query[None]):
    """Tell the server that the offline queue may come now."""

    def request(self) -> Node:
        """`<iq xmlns="passive"><active/></iq>`."""
        return iq_set("passive", Node("active"))

    def parse(self, reply: Node) -> None:
        """The result is empty."""


class Ping(Query[None]):
    """The keep-alive question; any answer proves life."""

    def request(self) -> Node:
        """A childless `w:p` IQ, as the web client sends it."""
        return iq_get("w:p")

    def parse(self, reply: Node) -> None:
        """The result is empty."""


@dataclass(frozen=True, slots=True)
class CleanDirty(Query[None]):
    """Tell the server that data which it called dirty was refreshed."""

    kind: str
    timestamp: str

    def request(self) -> Node:
        """`<iq xmlns="urn:xmpp:whatsapp:dirty"><clean/></iq>`."""
        clean = Node("clean", {"type": self.kind, "timestamp": self.timestamp})
        return iq_set("urn:xmpp:whatsapp:dirty", clean)

    def parse(self, reply: Node) -> None:
        """The result is empty."""


@dataclass(frozen=True, slots=True)
class RemoveCompanion(Query[None]):
    """Unlink this device from the account."""

    device: Jid

    def request(self) -> Node:
        """`<remove-companion-device reason="user_initiated"/>`."""
        attrs: dict[str, AttrValue] = {"jid": self.device, "reason": "user_initiated"}
        return iq_set("md", Node("remove-companion-device", attrs))

    def parse(self, reply: Node) -> None:
        """The result is empty."""


def unified_session(session_id: str) -> Node:
    """`<ib><unified_session/></ib>`, telemetry that the web client sends."""
    return Node("ib", {}, [Node("unified_session", {"id": session_id})])


def offline_batch(count: int) -> Node:
    """Ask for the next stanzas of the offline queue."""
    return Node("ib", {}, [Node("offline_batch", {"count": str(count)})])
