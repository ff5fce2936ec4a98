"""A group of the account under test, and members who read and write in it with sender keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from waport.model import AddressingMode, Group, GroupMember, MemberRole
from waport.proto import pb
from waport.signal import (
    SenderKeyRecord,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    distribution_message,
    encrypt_group,
    pad,
    parse_distribution,
    unpad,
)
from waport.wire import Jid, Node

from .account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Peer

GROUP = Jid("120363000000000001", "g.us")
CAROL_PN = Jid("15550003333", "s.whatsapp.net")
CAROL_LID = Jid("100000000000003", "lid")
DAVE_PN = Jid("15550004444", "s.whatsapp.net")
"""Somebody who is no member."""
DAVE_LID = Jid("100000000000004", "lid")
LIDS = {PEER_PN: PEER_LID, CAROL_PN: CAROL_LID, OWN_PN.bare: OWN_LID.bare}


def group(
    *, fetched_at: int, mode: AddressingMode = AddressingMode.LID, **changes: object
) -> Group:
    """A group of ourselves, the peer and Carol; the peer is its creator."""
    roles = {PEER_PN: MemberRole.SUPERADMIN}
    members = tuple(
        GroupMember(
            jid=lid if mode is AddressingMode.LID else pn,
            pn=pn,
            lid=lid,
            role=roles.get(pn, MemberRole.MEMBER),
        )
        for pn, lid in LIDS.items()
    )
    values: dict[str, object] = {
        "subject": "Friends",
        "addressing": mode,
        "members": members,
        "size": len(members),
        **changes,
    }
    return Group(GROUP, fetched_at=fetched_at, **values)  # type: ignore[arg-type]


@dataclass
class Member:
    """A member's device: what it was told by others, and its own sender key."""

    peer: Peer
    known: dict[str, SenderKeyRecord] = field(default_factory=dict)
    own: SenderKeyRecord = field(default_factory=create_sender_key)

    def take_key(self, author: str, message: pb.Message) -> None:
        """Keep the sender key that a pairwise message brought."""
        told = message.senderKeyDistributionMessage
        assert told.groupId == str(GROUP)
        distribution = parse_distribution(told.axolotlSenderKeyDistributionMessage)
        self.known[author] = accept_distribution(self.known.get(author), distribution)

    def read(self, author: str, body: bytes) -> pb.Message:
        """Read a group message."""
        self.known[author], padded = decrypt_group(self.known.get(author), body)
        return pb.Message.FromString(unpad(padded))

    def write(
        self,
        content: pb.Message,
        message_id: str,
        *,
        with_key: bool,
        source: Jid = GROUP,
        participant: Jid | None = None,
    ) -> Node:
        """A group message as the server delivers it to the account.

        Args:
            with_key: the sender key comes along.
        """
        encs = []
        if with_key:
            key = pb.Message()
            key.senderKeyDistributionMessage.groupId = str(source)
            key.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage = (
                distribution_message(self.own)
            )
            ciphertext = self.peer.encrypt(key.SerializeToString())
            encs.append(Node("enc", {"v": "2", "type": ciphertext.type}, ciphertext.body))
        self.own, body = encrypt_group(self.own, pad(content.SerializeToString()))
        encs.append(Node("enc", {"v": "2", "type": "skmsg"}, body))
        author = participant or LIDS[self.peer.device.bare].with_device(self.peer.device.device)
        attrs = {
            "from": source,
            "participant": author,
            "id": message_id,
            "t": str(NOW),
            "type": "text",
            "notify": "Bob",
        }
        return Node("message", attrs, encs)  # type: ignore[arg-type]
