from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.account import NOW, PEER_LID, PEER_PN, Peer, stanza, text
from support.client import ClientWorld
from support.clock import FakeClock
from support.link import FakeLink
from waport.client import offline
from waport.client.background import Background
from waport.client.offline import BATCH_PAUSE_S, SILENCE_S, OfflineQueue
from waport.model import MessageAdded
from waport.signal import PreKeyBundle, generate_pre_keys
from waport.stanza.receipt import receipt
from waport.wire import SERVER, Jid, Node


class Desk:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.background = Background()
        self.link: Any = FakeLink()
        self.told: list[int] = []
        self.queue = OfflineQueue(
            self.background, lambda progress: self.told.append(progress.percent), self.clock
        )

    def preview(self, count: str = "3") -> None:
        self.queue.on_preview(self.link, Node("offline_preview", {"count": count}))

    def stanza(self, **attrs: str) -> None:
        self.queue.on_stanza(self.link, Node("message", dict(attrs)))

    def batches(self) -> int:
        return sum(node.find("offline_batch") is not None for node in self.link.sent)

    def receipts(self) -> list[Node]:
        return [node for node in self.link.sent if node.tag == "receipt"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    desk.queue.stop()
    await desk.background.cancel()


def ids(node: Node) -> list[str]:
    listing = node.find("list")
    items = [] if listing is None else listing.children("item")
    return [node.attr("id"), *(item.attr("id") for item in items)]


async def test_an_announced_backlog_is_asked_for_at_once(desk: Desk) -> None:
    desk.preview()
    (node,) = desk.link.sent
    assert node.child("offline_batch").get("count") == "200"


@pytest.mark.parametrize("count", ["0", "", "x", "-4"])
async def test_an_empty_backlog_is_not_asked_for(desk: Desk, count: str) -> None:
    desk.preview(count)
    desk.stanza(offline="0")
    assert desk.link.sent == []
    assert desk.clock.asked() == []


async def test_it_is_told_how_far_a_backlog_has_come(desk: Desk) -> None:
    desk.preview("0")
    assert desk.told == []
    desk.preview(str(2 * offline.BATCH))
    assert desk.told == [0]
    for _ in range(offline.BATCH - 1):
        desk.stanza(offline="0")
    assert desk.told == [0]
    for _ in range(offline.BATCH + 1):
        desk.stanza(offline="0")
    assert desk.told == [0, 50, 99]
    desk.queue.finish()
    assert desk.told == [0, 50, 99, 100]
    # Nothing more is told of a connection that is gone; the next backlog begins anew.
    desk.preview("7")
    desk.queue.stop()
    desk.queue.finish()
    assert desk.told[4:] == [0]


async def test_the_first_stanza_of_each_batch_leads_to_one_more_request(desk: Desk) -> None:
    desk.preview()
    desk.stanza(offline="0")
    desk.stanza(offline="1")
    await desk.clock.sleeping(BATCH_PAUSE_S)
    desk.stanza(offline="2")
    assert desk.batches() == 1
    desk.clock.advance(BATCH_PAUSE_S)
    await desk.link.has_sent(2)
    desk.stanza(offline="3")
    await desk.clock.pass_by(BATCH_PAUSE_S)
    await desk.link.has_sent(3)
    assert desk.batches() == 3


async def test_live_stanzas_lead_to_no_request(desk: Desk) -> None:
    desk.preview()
    desk.stanza()
    await desk.clock.sleeping(SILENCE_S)
    assert BATCH_PAUSE_S not in desk.clock.asked()


async def test_delivery_receipts_are_joined_until_the_end(desk: Desk) -> None:
    assert not desk.queue.hold(receipt(PEER_LID, ["live"]))
    desk.preview()
    other = Jid("100000000000003", "lid", 4)
    for index in range(300):
        assert desk.queue.hold(receipt(PEER_LID, [f"A{index}"]))
    assert desk.queue.hold(receipt(other, ["B0"], "inactive"))
    assert desk.queue.hold(receipt(PEER_LID, ["A0"]))
    for kind in ("sender", "read", "retry", "peer_msg", "hist_sync"):
        assert not desk.queue.hold(receipt(PEER_LID, ["C"], kind))
    assert not desk.queue.hold(Node("ack", {"id": "D", "to": PEER_LID}))
    assert desk.receipts() == []
    desk.queue.finish()
    first, second, third = desk.receipts()
    assert (len(ids(first)), len(ids(second))) == (256, 44)
    assert ids(first)[:2] == ["A0", "A1"]
    assert (third.jid("to"), third.get("type"), ids(third)) == (other, "inactive", ["B0"])
    assert not desk.queue.hold(receipt(PEER_LID, ["live"]))
    await desk.background.cancel()
    assert desk.clock.asked() == []


async def test_a_long_backlog_is_answered_in_between(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "MAX_HELD", 3)
    desk.preview()
    for index in range(7):
        desk.queue.hold(receipt(PEER_LID, [f"A{index}"]))
    assert [len(ids(node)) for node in desk.receipts()] == [3, 3]


async def test_silence_ends_a_backlog_without_an_end_marker(desk: Desk) -> None:
    desk.preview()
    desk.queue.hold(receipt(PEER_LID, ["A"]))
    await desk.clock.sleeping(SILENCE_S)
    desk.stanza(offline="0")
    await desk.clock.pass_by(SILENCE_S)
    await desk.clock.sleeping(SILENCE_S)  # something came meanwhile: once more
    assert desk.receipts() == []
    desk.clock.advance(SILENCE_S)
    await desk.link.has_sent(3)
    assert len(desk.receipts()) == 1
    assert not desk.queue.hold(receipt(PEER_LID, ["B"]))


async def test_what_was_held_back_dies_with_the_connection(desk: Desk) -> None:
    desk.preview()
    desk.queue.hold(receipt(PEER_LID, ["A"]))
    desk.stanza(offline="0")
    desk.queue.stop()
    desk.queue.finish()
    await desk.background.cancel()
    assert desk.receipts() == []
    assert desk.clock.asked() == []


async def test_a_backlog_is_stored_in_order_and_answered_by_one_receipt(
    world: ClientWorld,
) -> None:
    credentials = await world.link()
    (key,) = generate_pre_keys(500, 1)
    await world.database.write("main", lambda s: s.signal.add_pre_keys([key], uploaded=True))
    peer = Peer(PEER_PN)
    signed = credentials.signed_pre_key
    peer.open(
        PreKeyBundle(
            registration_id=credentials.registration_id,
            identity=credentials.identity.public,
            signed_pre_key_id=signed.id,
            signed_pre_key=signed.pair.public,
            signature=signed.signature,
            pre_key_id=key.id,
            pre_key=key.pair.public,
        )
    )
    wire = await world.log_in()
    wire.say(Node("ib", {"from": SERVER}, [Node("offline_preview", {"count": "3"})]))
    assert (await wire.hear("ib")).find("offline_batch") is not None
    for index in range(3):
        node = stanza(peer.encrypt(text(f"text {index}")), f"M{index}", PEER_LID)
        node.attrs |= {"offline": str(index), "sender_pn": PEER_PN, "t": str(NOW + index)}
        wire.say(node)
    await world.sink.until(MessageAdded, 3)
    wire.say(Node("ib", {"from": SERVER}, [Node("offline", {"count": "3"})]))
    answer = await wire.hear("receipt")
    assert ids(answer) == ["M0", "M1", "M2"]
    assert [e.message.text for e in world.sink.of(MessageAdded)] == ["text 0", "text 1", "text 2"]
    # From now on each message has its own.
    wire.say(stanza(peer.encrypt(text("live")), "M3", PEER_LID))
    assert ids(await wire.hear("receipt")) == ["M3"]
