"""The least of a server that a client's parts need: device lists, bundles, acks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from waport.client.policy import Close
from waport.client.queries import Queries
from waport.errors import ConnectionClosed
from waport.proto import pb
from waport.stanza.message import MessageAck
from waport.stanza.prekeys import key_node, signed_key_node
from waport.wire import Jid, Node, decode_stanza

from .account import Peer
from .clock import TIMEOUT_S


class FakeServer:
    """Stands in for a `Link` and for the server behind it.

    Attributes:
        peers: the devices that exist, by address without regard to its spelling.
        lids: hidden ids by number.
        sent: the stanzas that came, decoded, IQs left out.
        asked: xmlns of the IQs that came.
        audience: the lists of who sees status posts.
        unlisted: numbers whose device list the server can't tell.
        acks: whether messages are acknowledged, and with which error.
    """

    def __init__(self, queries: Queries, peers: Sequence[Peer], lids: dict[Jid, Jid]) -> None:
        self.queries = queries
        self.peers = {(peer.device.bare, peer.device.device): peer for peer in peers}
        self.lids = lids
        self.sent: list[Node] = []
        self.raw: list[bytes] = []
        self.asked: list[str] = []
        self.ack_error: int | None = 0
        self.phash: str | None = None
        self.is_open = True
        self.ended: Close | None = None
        self.audience: list[Node] = []
        self.without_bundle: set[tuple[Jid, int]] = set()
        self.unlisted: set[Jid] = set()
        self._news = asyncio.Event()
        queries.attach(self)  # type: ignore[arg-type]

    @property
    def messages(self) -> list[Node]:
        """The messages among the stanzas that came."""
        return [node for node in self.sent if node.tag == "message"]

    async def arrived(self, count: int) -> None:
        """Wait until so many messages came."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.messages) < count:
                self._news.clear()
                await self._news.wait()

    def send(self, node: Node) -> None:
        if not self.is_open:
            raise ConnectionClosed("closed")
        if node.tag != "iq":
            self.sent.append(node)
            self._news.set()
            return
        self.asked.append(node.attr("xmlns"))
        reply = Node("iq", {"id": node.attr("id"), "type": "result"}, self._answer(node))
        asyncio.get_running_loop().call_soon(self.queries.resolve, reply)

    def send_stanza(self, stanza: bytes) -> None:
        if not self.is_open:
            raise ConnectionClosed("closed")
        node = decode_stanza(stanza)
        self.raw.append(stanza)
        self.sent.append(node)
        self._news.set()
        if self.ack_error is not None:
            ack = MessageAck(node.attr("id"), 1_700_000_000, self.ack_error, self.phash)
            asyncio.get_running_loop().call_soon(self.queries.resolve_ack, ack)

    def transmit(self, stanza: bytes) -> None:
        """The same for what stands in the send queue: what can't leave waits there."""
        with contextlib.suppress(ConnectionClosed):
            self.send_stanza(stanza)

    def _answer(self, node: Node) -> list[Node]:
        if node.get("xmlns") == "status":
            return [Node("privacy", {}, self.audience)]
        if node.get("xmlns") == "usync":
            users = node.child("usync").child("list").children("user")
            return [Node("usync", {}, [Node("list", {}, [self._user(u) for u in users])])]
        users = node.child("key").children("user")
        return [Node("list", {}, [self._bundle(user) for user in users])]

    def _number(self, jid: Jid) -> Jid:
        by_lid = {lid: pn for pn, lid in self.lids.items()}
        return by_lid.get(jid.bare, jid.bare)

    def _user(self, user: Node) -> Node:
        jid = user.jid("jid")
        pn = self._number(jid)
        if pn in self.unlisted:
            error = Node("error", {"code": "500"})
            return Node("user", {"jid": jid}, [Node("devices", {}, [error])])
        numbers = sorted(number for owner, number in self.peers if owner == pn)
        if not numbers:
            return Node("user", {"jid": jid}, [Node("devices")])
        index = pb.ADVKeyIndexList(
            rawId=5, timestamp=1_700_000_000, currentIndex=50, validIndexes=range(50)
        )
        signed = pb.ADVSignedKeyIndexList(details=index.SerializeToString())
        devices = []
        for number in numbers:
            device = Node("device", {"id": str(number)})
            if number:
                device.attrs["key-index"] = str(number)
            devices.append(device)
        content = [
            Node(
                "devices",
                {},
                [
                    Node("device-list", {}, devices),
                    Node("key-index-list", {"ts": "1700000000"}, signed.SerializeToString()),
                ],
            )
        ]
        if pn in self.lids:
            content.append(Node("lid", {"val": self.lids[pn]}))
        return Node("user", {"jid": jid}, content)

    def _bundle(self, user: Node) -> Node:
        jid = user.jid("jid")
        key = (self._number(jid), jid.device)
        peer = self.peers.get(key)
        if peer is None or key in self.without_bundle:
            return Node("user", {"jid": jid}, [Node("error", {"code": "406"})])
        one_time = next(iter(peer.pre_keys.values()))
        return Node(
            "user",
            {"jid": jid},
            [
                Node("registration", {}, peer.registration_id.to_bytes(4, "big")),
                Node("type", {}, b"\x05"),
                Node("identity", {}, peer.identity.public),
                signed_key_node(peer.signed_pre_key),
                key_node(one_time),
            ],
        )
