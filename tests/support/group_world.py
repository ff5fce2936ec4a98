"""An account in a group: what it sends there, and the members who read it."""

from __future__ import annotations

import time
from typing import Any

from waport.client import ClientConfig
from waport.client.devices import Devices
from waport.client.handlers.receipt import receipt_handler
from waport.client.queries import Queries
from waport.client.retries import Retries
from waport.stanza.message import MessageAck
from waport.wire import Jid, Node

from .account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account, Peer
from .groups import CAROL_LID, CAROL_PN, GROUP, LIDS, Member, group
from .handlers import Desk
from .server import FakeServer

OWN_PHONE = OWN_LID.with_device(0)


class GroupWorld:
    """A desk, a fake server, and the members behind it: a phone each, and a companion of Bob's."""

    def __init__(self, account: Account, *, ack_timeout_s: float = 5) -> None:
        self.account = account
        self.queries = Queries(5)
        self.bob = Member(Peer(PEER_PN))
        self.bobs_laptop = Member(Peer(PEER_PN.with_device(3)))
        self.carol = Member(Peer(CAROL_PN))
        self.own_phone = Member(Peer(OWN_PN.with_device(0)))
        self.members = {
            PEER_LID: self.bob,
            PEER_LID.with_device(3): self.bobs_laptop,
            CAROL_LID: self.carol,
            OWN_PHONE: self.own_phone,
        }
        peers = [member.peer for member in self.members.values()]
        self.server = FakeServer(self.queries, [*peers, Peer(OWN_PN)], dict(LIDS))
        self.desk = Desk(account, self.queries, ClientConfig(send_ack_timeout_s=ack_timeout_s))
        self.messages = self.desk.messages
        self.devices = Devices(account.database, SESSION, self.queries)
        self.retries = Retries(account.database, SESSION, self.queries, self.devices)
        self.receipt_handler = receipt_handler(self.retries)

    async def send(self, words: str, *, acknowledged: bool = True) -> Node:
        """Send a text to the group; its stanza."""
        message = await self.messages.send_text(GROUP, words)
        if acknowledged:
            await self.desk.acknowledge(MessageAck(message.key.id, NOW, 0, None), Node("ack"))
        return self.server.messages[-1]

    def told(self, node: Node) -> dict[Jid, Node]:
        """Who gets a part of their own, and that."""
        participants = node.find("participants")
        if participants is None:
            return {}
        return {to.jid("jid"): to.child("enc") for to in participants.children("to")}

    def read(self, node: Node, *readers: Jid) -> set[str]:
        """What devices read in a stanza, their new keys included."""
        texts = set()
        told = self.told(node)
        (enc,) = node.children("enc")
        for address in readers:
            member = self.members[address]
            if address in told:
                member.take_key("us", member.peer.decrypt(told[address]))
            content = member.read("us", enc.data)
            texts.add(content.extendedTextMessage.text or content.conversation)
        return texts

    async def put_group(self, **changes: Any) -> None:
        def job(store: Any) -> None:
            store.groups.put(group(fetched_at=int(time.time()), **changes))
            store.addresses.learn(CAROL_PN, CAROL_LID)

        await self.account.write(job)

    async def receive(self, node: Node) -> None:
        work = await self.account.handle(self.receipt_handler, node)
        for follow_up in work.follow_ups:
            await follow_up()


ALL = (PEER_LID, PEER_LID.with_device(3), CAROL_LID, OWN_PHONE)
"""Everybody who reads in the group."""


def retry(message_id: str, participant: Jid, member: Member, count: int = 1) -> Node:
    """A member's device could not read a message."""
    return Node(
        "receipt",
        {"id": message_id, "from": GROUP, "participant": participant, "type": "retry"},
        [
            Node("retry", {"v": "1", "count": str(count), "id": message_id, "t": str(NOW)}),
            Node("registration", {}, member.peer.registration_id.to_bytes(4, "big")),
        ],
    )
