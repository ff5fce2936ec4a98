"""Damaged contents, encrypted by real sessions of all three kinds: they decrypt, MACs and all."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from fuzz.mutate import mutate
from support import history
from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Peer, text
from support.contents import SAMPLES
from waport.client.encryption import encrypt_for
from waport.proto import pb
from waport.signal import create_sender_key, distribution_message, encrypt_group, pad
from waport.stanza.contents import encode
from waport.store import UnitOfWork
from waport.wire import Jid, Node

from .damage import damage_message
from .scene import Scene, logged_in
from .watch import Growth

GROUP = Jid("120363000000000000", "g.us")
MAX_GROWTH = 20_000
ROUND = 800
BATCH = 20
RENEWED = 60
"""Messages of one session; then its writer begins another one."""

Type = pb.ProtocolMessage


def protocols() -> Sequence[pb.Message]:
    """Machinery of every kind."""
    chats = [history.chat(PEER_PN, [history.said("H1"), history.noted("H2", "GROUP_CREATE", "x")])]
    blob = history.piece("RECENT", conversations=chats, pushnames=[pb.Pushname(id="1@lid")])
    notice = history.inline(blob)
    keys = pb.AppStateSyncKeyShare(
        keys=[
            pb.AppStateSyncKey(
                keyId=pb.AppStateSyncKeyId(keyId=bytes(6)),
                keyData=pb.AppStateSyncKeyData(keyData=bytes(32), timestamp=1),
            )
        ]
    )
    wanted = pb.AppStateSyncKeyRequest(keyIds=[pb.AppStateSyncKeyId(keyId=bytes(6))])
    answers = pb.PeerDataOperationRequestResponseMessage(stanzaId="3EB0FF")
    result = answers.peerDataOperationResult.add()
    result.placeholderMessageResendResponse.webMessageInfoBytes = history.said(
        "H3"
    ).SerializeToString()
    mappings = pb.LIDMigrationMappingSyncMessage(encodedMappingPayload=b"\x0a\x06\x08\x01\x10\x02")
    return [
        pb.Message(protocolMessage=each)
        for each in (
            Type(type=Type.HISTORY_SYNC_NOTIFICATION, historySyncNotification=notice),
            Type(type=Type.APP_STATE_SYNC_KEY_SHARE, appStateSyncKeyShare=keys),
            Type(type=Type.APP_STATE_SYNC_KEY_REQUEST, appStateSyncKeyRequest=wanted),
            Type(
                type=Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
                peerDataOperationRequestResponseMessage=answers,
            ),
            Type(type=Type.LID_MIGRATION_MAPPING_SYNC, lidMigrationMappingSyncMessage=mappings),
        )
    ]


def contents() -> list[pb.Message]:
    """Contents of every kind, from the vectors and from our own codec."""
    text_ = (Path(__file__).parents[1] / "vectors" / "proto.json").read_text(encoding="utf-8")
    cases = json.loads(text_)["messages"]
    captured = [
        pb.Message.FromString(bytes.fromhex(case["bytes"]))
        for case in cases
        if case["type"] == "Message"
    ]
    return [*captured, *map(encode, SAMPLES.values()), *protocols()]


class Writer:
    """A device that writes damaged messages.

    Args:
        address: as stanzas name it.
        answered: the account has written back, so that its messages are no first ones any more.
    """

    def __init__(self, scene: Scene, device: Jid, address: Jid, *, answered: bool) -> None:
        self.scene = scene
        self.address = address
        self.peer = Peer(device)
        self.sender_key = create_sender_key()
        self._answered = answered
        self._count = 0

    async def ready(self) -> None:
        """Begin a session now and then; the old one is worn out or lost."""
        self._count += 1
        if self._count % RENEWED != 1:
            return
        self.peer.record = None
        self.peer.open(await self.scene.bundle())
        if not self._answered:
            return
        first = self.peer.encrypt(text(f"first {self.address} {self._count}"))
        self.send(first.type, first.body)
        assert await self.scene.is_alive()

        def job(store: UnitOfWork) -> Node:
            answer = encrypt_for(store, self.address, text("and you?"))
            return Node("enc", {"type": answer.type}, answer.body)

        self.peer.decrypt(await self.scene.database.write(SESSION, job))

    def group_is_new(self) -> bool:
        """Whether the group has to be given the key (again)."""
        return self._count % 10 == 1

    def send(self, kind: str, body: bytes, **attrs: str | Jid) -> None:
        """One message with this ciphertext."""
        enc = Node("enc", {"v": "2", "type": kind}, body)
        self.scene.wire.say(
            Node(
                "message",
                {"from": self.address, "id": self.scene.fresh_id(), "t": str(NOW), **attrs},
                [enc],
            )
        )

    def write(self, content: bytes, chosen: random.Random) -> None:
        """A content for the account alone."""
        padded = pad(content)
        if chosen.random() < 0.03:
            padded = mutate(padded, chosen)
        ciphertext = self.peer.encrypt(padded, padded=False)
        attrs: dict[str, str | Jid] = {}
        if self.address.user == OWN_LID.user:
            attrs = {"category": "peer"} if chosen.random() < 0.5 else {"recipient": PEER_LID}
        self.send(ciphertext.type, ciphertext.body, **attrs)

    def write_group(self, content: bytes, *, has_key: bool) -> None:
        """A content for a group; at times the key comes along."""
        self.sender_key, body = encrypt_group(self.sender_key, pad(content))
        encs = [Node("enc", {"v": "2", "type": "skmsg"}, body)]
        if has_key:
            told = pb.Message()
            inner = told.senderKeyDistributionMessage
            inner.groupId = str(GROUP)
            inner.axolotlSenderKeyDistributionMessage = distribution_message(self.sender_key)
            ciphertext = self.peer.encrypt(told.SerializeToString())
            encs.insert(0, Node("enc", {"v": "2", "type": ciphertext.type}, ciphertext.body))
        attrs = {"from": GROUP, "participant": self.address, "t": str(NOW)}
        self.scene.wire.say(Node("message", {**attrs, "id": self.scene.fresh_id()}, encs))


def wrapped(message: pb.Message, chosen: random.Random) -> pb.Message:
    """As it is, or as own devices and disappearing chats send it."""
    outer = pb.Message()
    match chosen.randrange(6):
        case 0:
            outer.deviceSentMessage.destinationJid = str(PEER_PN)
            outer.deviceSentMessage.message.CopyFrom(message)
        case 1:
            outer.ephemeralMessage.message.CopyFrom(message)
        case _:
            return message
    return outer


async def barrage(scene: Scene, chosen: random.Random, count: int) -> None:
    """Damaged contents from all sides."""
    samples = contents()
    own = [message for message in samples if message.HasField("protocolMessage")]
    phone = OWN_LID.with_device(0)
    writers = [
        Writer(scene, PEER_PN, PEER_LID, answered=False),
        Writer(
            scene,
            Jid("15550003333", "s.whatsapp.net"),
            Jid("100000000000003", "lid"),
            answered=True,
        ),
        Writer(scene, OWN_PN.with_device(0), phone, answered=True),
        Writer(scene, OWN_PN.with_device(0), phone, answered=False),
    ]
    for start in range(0, count, BATCH):
        if start % 240 == 0:
            writers[2:] = writers[3:] + writers[2:3]  # the phone has one session at a time
        for number in range(BATCH):
            writer = writers[number % 3]
            await writer.ready()
            pool = own if writer.address == phone and chosen.random() < 0.7 else samples
            content = damage_message(wrapped(chosen.choice(pool), chosen), chosen)
            if writer.address != phone and chosen.random() < 0.4:
                writer.write_group(content, has_key=writer.group_is_new())
            else:
                writer.write(content, chosen)
        assert await scene.is_alive()
        scene.clock.advance(60)
        if start % (BATCH * 8) == 0:
            await scene.receives()


async def test_contents_that_decrypt_and_make_no_sense_harm_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    growth = Growth()
    async with logged_in(tmp_path, 21) as scene:
        for _ in range(3):
            await barrage(scene, random.Random(22), ROUND)
            growth.mark()
        await scene.receives()
        unread = scene.log.told["could not read a message: %s"]
        counts, told = dict(scene.counts), dict(scene.log.told)
    assert unread < ROUND * 3 * 0.05, told
    assert counts["events"] > ROUND, counts
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("contents in good ciphertexts", 3 * ROUND))
