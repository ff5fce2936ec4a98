from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator

import pytest

from support.clock import TIMEOUT_S, FakeClock
from support.whatsapp import ROOT, VERSION, WhatsApp, Wire
from waport.client.link import LARGE, Link
from waport.client.policy import Cause, Close
from waport.connection import Connection, FrameDropped, connection
from waport.crypto import KeyPair
from waport.errors import ConnectionClosed, InvalidInput
from waport.noise import encode_frame
from waport.pairing import login_payload
from waport.wire import Node, decode_stanza


class Desk:
    """A link, and the server at its other end."""

    def __init__(self, root: bytes = ROOT.public) -> None:
        self.whatsapp = WhatsApp()
        self.clock = FakeClock()
        self.nodes: asyncio.Queue[Node] = asyncio.Queue()
        self.dropped: list[FrameDropped] = []
        self.opened = asyncio.Event()
        self.pings = asyncio.Event()
        self.blocking: asyncio.Event | None = None
        payload = login_payload(user="15550001111", device=1, login_counter=1, version=VERSION)
        connection = Connection(static=KeyPair.generate(), payload=payload, root_key=root)
        self.link = Link(
            self.whatsapp.config(),
            connection,
            on_node=self.on_node,
            on_open=lambda _: self.opened.set(),
            on_keep_alive=self.pings.set,
            on_dropped=self.dropped.append,
            open_carrier=self.whatsapp.open,
            clock=self.clock,
        )
        self.running = asyncio.create_task(self.link.run())

    async def on_node(self, link: Link, node: Node) -> None:
        self.nodes.put_nowait(node)
        if self.blocking is not None:
            await self.blocking.wait()

    async def open(self) -> Wire:
        wire = await self.whatsapp.accept()
        await asyncio.wait_for(self.opened.wait(), TIMEOUT_S)
        return wire

    async def run_down(self) -> Close:
        """Let time pass until the link gives up."""
        while not self.running.done():
            tick = asyncio.create_task(self.clock.pass_by(0.01, 5))
            await asyncio.wait((tick, self.running), return_when=asyncio.FIRST_COMPLETED)
            tick.cancel()
            await asyncio.gather(tick, return_exceptions=True)
        return self.running.result()

    async def ended(self) -> Close:
        return await asyncio.wait_for(asyncio.shield(self.running), TIMEOUT_S)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    desk.running.cancel()
    await asyncio.gather(desk.running, return_exceptions=True)


async def test_stanzas_go_both_ways_in_order(desk: Desk) -> None:
    wire = await desk.open()
    for index in range(20):
        wire.say(Node("in", {"id": str(index)}))
        desk.link.send(Node("out", {"id": str(index)}))
    assert [(await wire.hear()).get("id") for _ in range(20)] == [str(n) for n in range(20)]
    got = [(await desk.nodes.get()).get("id") for _ in range(20)]
    assert got == [str(n) for n in range(20)]


async def test_frames_may_come_in_pieces_or_together(desk: Desk) -> None:
    wire = await desk.open()
    pieces: list[bytes] = []
    wire.send_raw = pieces.append  # type: ignore[method-assign]
    wire.say(Node("a"))
    wire.say(Node("b"))
    data = b"".join(pieces)
    del wire.send_raw
    for byte in data[:10]:
        wire.send_raw(bytes((byte,)))
    wire.send_raw(data[10:])
    assert [(await desk.nodes.get()).tag for _ in range(2)] == ["a", "b"]


async def test_large_stanzas_are_read_in_a_thread_and_in_their_turn(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = await desk.open()
    threads: dict[str, bool] = {}

    def noted(data: bytes) -> Node:
        node = decode_stanza(data)
        threads[node.tag] = threading.current_thread() is threading.main_thread()
        return node

    monkeypatch.setattr(connection, "decode_stanza", noted)
    wire.say(Node("large", {}, os.urandom(LARGE)))
    wire.say(Node("small"))
    # However the server divides it.
    pieces: list[bytes] = []
    send_raw, wire.send_raw = wire.send_raw, pieces.append  # type: ignore[method-assign]
    wire.say(Node("divided", {}, os.urandom(LARGE)))
    for start in range(0, len(pieces[0]), LARGE // 2):
        send_raw(pieces[0][start : start + LARGE // 2])
    tags = ["large", "small", "divided"]
    assert [(await desk.nodes.get()).tag for _ in tags] == tags
    assert threads == {"large": False, "small": True, "divided": False}


async def test_a_large_frame_that_is_not_genuine_ends_the_connection(desk: Desk) -> None:
    wire = await desk.open()
    wire.send_raw(encode_frame(os.urandom(LARGE)))
    assert (await desk.ended()).cause is Cause.LOST


async def test_nothing_can_be_sent_before_the_handshake_or_after_the_end(desk: Desk) -> None:
    with pytest.raises(ConnectionClosed):
        desk.link.send(Node("early"))
    await desk.open()
    desk.link.close(Close(Cause.REPLACED, "replaced"))
    with pytest.raises(ConnectionClosed, match="replaced"):
        desk.link.send_stanza(b"\x00")
    assert (await desk.ended()).cause is Cause.REPLACED


async def test_a_stanza_that_can_not_be_encoded_costs_nothing(desk: Desk) -> None:
    wire = await desk.open()
    with pytest.raises(InvalidInput):
        desk.link.send(Node("bad", {"x": "\ud800"}))
    desk.link.send(Node("good"))
    assert (await wire.hear()).tag == "good"


async def test_what_is_queued_leaves_before_the_close(desk: Desk) -> None:
    wire = await desk.open()
    desk.link.send(Node("ack"))
    desk.link.close(Close(Cause.STOPPED, "stopped"))
    assert [node.tag for node in await wire.closed()] == ["ack"]


async def test_closing_in_the_middle_of_a_send_leaves_no_gap(desk: Desk) -> None:
    wire = await desk.open()
    reached, gate = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await gate.wait()

    wire.gate = wait
    for name in ("one", "two", "three"):
        desk.link.send(Node(name))
    await asyncio.wait_for(reached.wait(), TIMEOUT_S)
    desk.link.send(Node("four"))
    wire.gate = None
    desk.link.close(Close(Cause.STOPPED, "stopped"))
    # Each frame once and in turn: the server counts them, and reads none after a gap.
    assert [node.tag for node in await wire.closed()] == ["one", "two", "three", "four"]


async def test_the_first_reason_counts(desk: Desk) -> None:
    wire = await desk.open()
    desk.link.close(Close(Cause.LOGGED_OUT, "first"))
    desk.link.close(Close(Cause.LOST, "second"))
    wire.hang_up()
    assert (await desk.ended()).detail == "first"


async def test_nothing_is_handled_after_the_end(desk: Desk) -> None:
    wire = await desk.open()
    desk.blocking = asyncio.Event()
    pieces: list[bytes] = []
    wire.send_raw = pieces.append  # type: ignore[method-assign]
    wire.say(Node("a"))
    wire.say(Node("b"))
    del wire.send_raw
    wire.send_raw(b"".join(pieces))
    assert (await desk.nodes.get()).tag == "a"
    desk.link.close(Close(Cause.STOPPED, "stopped"))
    desk.blocking.set()
    await desk.ended()
    assert desk.nodes.empty()


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionClosed("unreachable"), Cause.LOST),
        (ConnectionClosed("upgrade answered 403", will_retry=False), Cause.REFUSED),
    ],
)
async def test_a_connect_that_fails_says_whether_trying_again_may_help(
    error: ConnectionClosed, cause: Cause
) -> None:
    desk = Desk()
    desk.whatsapp.refusals = [error]
    close = await desk.ended()
    assert (close.cause, close.detail) == (cause, error.reason)
    assert not desk.link.was_open


async def test_a_connect_that_hangs_can_be_given_up() -> None:
    desk = Desk()
    desk.whatsapp.is_hanging = True
    desk.link.close(Close(Cause.STOPPED, "stopped"))
    assert (await desk.ended()).cause is Cause.STOPPED


async def test_a_server_with_another_root_is_untrusted_and_hears_nothing_more() -> None:
    desk = Desk(root=KeyPair.generate().public)
    with pytest.raises(EOFError):
        await desk.whatsapp.accept()
    assert (await desk.ended()).cause is Cause.UNTRUSTED


@pytest.mark.parametrize("data", [b"\x00\x00\x00", b"\x00\x00\x03abc", b"\x00\x00\x02\x1a\x00"])
async def test_a_broken_handshake_ends_the_connection(desk: Desk, data: bytes) -> None:
    wire = await asyncio.wait_for(desk.whatsapp._arrived.get(), TIMEOUT_S)
    await wire._data()
    wire.send_raw(data)
    close = await desk.ended()
    assert (close.cause, desk.link.was_open) == (Cause.LOST, False)
    with pytest.raises(EOFError):
        await wire._data()  # nothing more was said


async def test_a_server_that_says_nothing_in_the_handshake_is_dead(desk: Desk) -> None:
    await asyncio.wait_for(desk.whatsapp._arrived.get(), TIMEOUT_S)
    assert (await desk.run_down()).cause is Cause.DEAD


async def test_a_quiet_line_is_pinged_and_a_dead_one_is_given_up(desk: Desk) -> None:
    await desk.open()
    while not desk.pings.is_set():
        await desk.clock.pass_by(0.01, 5)
    desk.link.send(Node("iq"))
    assert (await desk.run_down()).cause is Cause.DEAD


@pytest.mark.parametrize("jump_s", [3600, -3600])
async def test_a_calendar_that_jumps_makes_the_server_prove_itself(
    desk: Desk, jump_s: float
) -> None:
    wire = await desk.open()
    desk.clock._unix += jump_s
    await desk.clock.pass_by(0.01, 5)
    await asyncio.wait_for(desk.pings.wait(), TIMEOUT_S)
    desk.pings.clear()
    # An answer is enough; the jump is told once.
    wire.say(Node("iq"))
    await desk.nodes.get()
    await desk.clock.pass_by(0.01, 5)
    await desk.clock.sleeping(0.01, 5)
    assert not desk.pings.is_set()
    assert desk.link.received_at == desk.clock.unix() - 5


async def test_a_machine_that_slept_finds_out_that_the_server_is_gone(desk: Desk) -> None:
    await desk.open()
    desk.clock._unix += 3600
    started = desk.clock.monotonic()
    await desk.clock.pass_by(0.01, 5)
    await asyncio.wait_for(desk.pings.wait(), TIMEOUT_S)
    desk.link.send(Node("iq"))
    assert (await desk.run_down()).cause is Cause.DEAD
    assert desk.clock.monotonic() - started <= 30


async def test_a_stream_that_ends_and_a_socket_that_closes_are_losses(desk: Desk) -> None:
    wire = await desk.open()
    wire.say_bytes(b"\x02")
    assert (await desk.ended()).cause is Cause.LOST


async def test_a_dropped_frame_is_reported_and_the_next_one_is_read(desk: Desk) -> None:
    wire = await desk.open()
    wire.say_bytes(b"\x00\xf8")
    wire.say(Node("next"))
    assert (await desk.nodes.get()).tag == "next"
    assert [frame.size for frame in desk.dropped] == [2]


async def test_cancelling_a_link_closes_its_socket(desk: Desk) -> None:
    wire = await desk.open()
    desk.running.cancel()
    await asyncio.gather(desk.running, return_exceptions=True)
    assert await wire.closed() == []
    assert not desk.link.is_open
