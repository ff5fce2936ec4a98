from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from waport.connection import FrameDropped, HandshakeCompleted, NodeReceived, StreamEnded
from waport.errors import (
    CertificateError,
    ConnectionClosed,
    CryptoError,
    DecodeError,
    HandshakeError,
    InvalidInput,
    WhatsAppError,
)
from waport.noise import encode_frame
from waport.wire import Node

if TYPE_CHECKING:
    from .conftest import Link

ACTIVE = Node("iq", {"id": "1.2-1", "xmlns": "passive", "type": "set"}, [Node("active")])
SUCCESS = Node("success", {"t": "1750568560"})


def assert_closed(link: Link) -> None:
    """Nothing goes in or out any more."""
    assert not link.connection.is_open
    assert link.connection.data_to_send() == []
    assert link.connection.next_deadline() is None
    assert link.connection.check_timers(link.now + 10_000) == []
    with pytest.raises(ConnectionClosed):
        link.receive(b"\x00")
    with pytest.raises(ConnectionClosed):
        link.send(ACTIVE)
    with pytest.raises(ConnectionClosed):
        link.connection.start(link.now)


# --- the good way ---------------------------------------------------------------------------------


def test_the_handshake_opens_the_connection(fresh: Link) -> None:
    assert not fresh.connection.is_open
    answer = fresh.start()
    assert not fresh.connection.is_open
    assert fresh.receive(answer) == [HandshakeCompleted()]
    assert fresh.connection.is_open
    fresh.finish()


def test_nodes_travel_both_ways(link: Link) -> None:
    link.send(ACTIVE)
    assert link.sent_nodes() == [ACTIVE]
    assert link.receive(link.frame(SUCCESS)) == [NodeReceived(SUCCESS)]


def test_the_handshake_survives_any_cut(make_link: type[Link]) -> None:
    size = len(make_link().start())
    for cut in range(1, size, 7):
        link = make_link()
        answer = link.start()
        assert link.receive(answer[:cut]) == []
        assert link.receive(answer[cut:]) == [HandshakeCompleted()]


def test_several_frames_in_one_message_keep_their_order(link: Link) -> None:
    nodes = [Node("ib", {"n": str(number)}) for number in range(5)]
    data = b"".join(link.frame(node) for node in nodes)
    assert link.receive(data) == [NodeReceived(node) for node in nodes]


def test_a_frame_in_single_bytes_is_one_node(link: Link) -> None:
    frame = link.frame(SUCCESS)
    for position in range(len(frame) - 1):
        assert link.receive(frame[position : position + 1]) == []
    assert link.receive(frame[-1:]) == [NodeReceived(SUCCESS)]


def test_a_frame_behind_the_server_hello_is_read_with_the_new_keys(fresh: Link) -> None:
    """A fast server's first node may arrive together with its handshake message."""
    answer = fresh.start()
    assert fresh.receive(answer[:-1]) == []
    # The server derives its keys from the client's answer, so the test lets it peek at one made
    # from the same ephemeral keys.
    twin = type(fresh)()
    twin.handshake = fresh.handshake
    twin.connection.start(twin.now)
    twin.connection.data_to_send()
    twin.receive(answer)
    twin.finish()
    data = answer[-1:] + fresh.frame(SUCCESS) + fresh.frame(ACTIVE)
    assert fresh.receive(data) == [
        HandshakeCompleted(),
        NodeReceived(SUCCESS),
        NodeReceived(ACTIVE),
    ]


def test_outgoing_frames_are_handed_out_once_and_in_order(link: Link) -> None:
    nodes = [Node("ib", {"n": str(number)}) for number in range(3)]
    for node in nodes:
        link.send(node)
    assert link.sent_nodes() == nodes
    assert link.connection.data_to_send() == []


def test_an_encoded_stanza_is_sent_as_it_is(link: Link) -> None:
    link.connection.send_stanza(b"\x00\xf8\x01\x02", link.now)
    (frame,) = link.sent_frames()
    assert link.server.decrypt(frame) == b"\x00\xf8\x01\x02"


def test_a_compressed_stanza_is_inflated(link: Link) -> None:
    stanza = bytes.fromhex(
        "02789cfbc125c9f158f01703b3d81b0996a81f8c3f18df3002004ca4076c",
    )
    (event,) = link.receive(link.frame(stanza))
    assert isinstance(event, NodeReceived)
    assert event.node.child("active") == Node("active")


def test_an_empty_message_changes_nothing(link: Link) -> None:
    assert link.receive(b"") == []


# --- the end of the stream ------------------------------------------------------------------------


@pytest.mark.parametrize("stanza", [b"\x00\xf8\x01\x02", b"\x02"], ids=["xmlstreamend", "mark"])
def test_the_server_can_end_the_stream(link: Link, stanza: bytes) -> None:
    data = link.frame(SUCCESS) + link.frame(stanza) + link.frame(ACTIVE)
    assert link.receive(data) == [NodeReceived(SUCCESS), StreamEnded()]
    assert_closed(link)


def test_a_closed_socket_discards_the_unfinished_frame(link: Link) -> None:
    assert link.receive(link.frame(SUCCESS)[:-1]) == []
    link.connection.close("connection lost")
    assert_closed(link)
    with pytest.raises(ConnectionClosed) as caught:
        link.send(ACTIVE)
    assert caught.value.reason == "connection lost"


def test_the_first_reason_for_closing_stays(link: Link) -> None:
    link.connection.close("first")
    link.connection.close("second")
    with pytest.raises(ConnectionClosed, match="first"):
        link.send(ACTIVE)


def test_unsent_frames_are_dropped_on_close(link: Link) -> None:
    link.send(ACTIVE)
    link.connection.close()
    assert link.connection.data_to_send() == []


# --- wrong calls ----------------------------------------------------------------------------------


def test_nothing_is_sent_or_received_before_the_start(fresh: Link) -> None:
    with pytest.raises(ConnectionClosed):
        fresh.receive(b"\x00\x00\x00")
    with pytest.raises(ConnectionClosed):
        fresh.send(ACTIVE)
    assert fresh.connection.data_to_send() == []


def test_no_node_is_sent_during_the_handshake(fresh: Link) -> None:
    fresh.start()
    with pytest.raises(ConnectionClosed):
        fresh.send(ACTIVE)
    with pytest.raises(ConnectionClosed):
        fresh.connection.send_stanza(b"\x00\xf8\x01\x02", fresh.now)


def test_a_connection_starts_once(link: Link) -> None:
    with pytest.raises(InvalidInput):
        link.connection.start(link.now)


def test_a_node_that_cannot_be_encoded_uses_no_counter(link: Link) -> None:
    with pytest.raises(WhatsAppError):
        link.send(Node(""))
    link.send(ACTIVE)
    assert link.sent_nodes() == [ACTIVE]


def test_a_stanza_too_long_for_a_frame_is_refused_and_the_connection_goes_on(link: Link) -> None:
    with pytest.raises(InvalidInput):
        link.connection.send_stanza(bytes(2**24 - 16), link.now)
    link.send(ACTIVE)
    assert link.sent_nodes() == [ACTIVE]


def test_the_connection_closes_before_its_counter_wraps(link: Link) -> None:
    cipher = link.connection._cipher
    assert cipher is not None
    cipher.write_counter = link.server.read_counter = 2**32 - 1
    link.send(ACTIVE)
    assert link.sent_nodes() == [ACTIVE]
    with pytest.raises(ConnectionClosed, match="counter"):
        link.send(ACTIVE)
    assert_closed(link)


# --- bad input: the connection ends ---------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"\x1a\x00", b"\x12\x02\x0a\x00", b"<html>"], ids=lambda body: body.hex()
)
def test_a_bad_server_hello_ends_the_connection(fresh: Link, body: bytes) -> None:
    fresh.start()
    with pytest.raises(HandshakeError):
        fresh.receive(encode_frame(body))
    assert_closed(fresh)


def test_a_bad_certificate_ends_the_connection_without_a_client_finish(
    make_link: type[Link],
) -> None:
    link = make_link(leaf_key=bytes(32))
    answer = link.start()
    with pytest.raises(CertificateError) as caught:
        link.receive(answer)
    assert caught.value.check == "leaf key"
    assert_closed(link)


def test_a_changed_handshake_ciphertext_ends_the_connection(fresh: Link) -> None:
    answer = bytearray(fresh.start())
    answer[-1] ^= 1
    with pytest.raises(HandshakeError):
        fresh.receive(bytes(answer))
    assert_closed(fresh)


def test_a_frame_above_the_limit_ends_the_connection(make_link: type[Link]) -> None:
    link = make_link(max_frame=1000).open()
    with pytest.raises(DecodeError):
        link.receive(b"\x00\x03\xe9")
    assert_closed(link)


@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_frame_shorter_than_a_tag_ends_the_connection(link: Link, size: int) -> None:
    with pytest.raises(DecodeError):
        link.receive(encode_frame(bytes(size)))
    assert_closed(link)


def test_a_changed_frame_ends_the_connection(link: Link) -> None:
    frame = bytearray(link.frame(SUCCESS))
    frame[5] ^= 1
    with pytest.raises(CryptoError):
        link.receive(bytes(frame))
    assert_closed(link)


def test_a_repeated_frame_ends_the_connection(link: Link) -> None:
    frame = link.frame(SUCCESS)
    link.receive(frame)
    with pytest.raises(CryptoError):
        link.receive(frame)
    assert_closed(link)


def test_a_lost_frame_ends_the_connection(link: Link) -> None:
    link.frame(SUCCESS)
    with pytest.raises(CryptoError):
        link.receive(link.frame(ACTIVE))
    assert_closed(link)


def test_a_second_handshake_message_ends_the_connection(fresh: Link) -> None:
    answer = fresh.start()
    fresh.receive(answer)
    with pytest.raises(CryptoError):
        fresh.receive(answer)
    assert_closed(fresh)


# --- bad input: the frame is dropped alone --------------------------------------------------------


@pytest.mark.parametrize(
    "stanza",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00", id="flag only"),
        pytest.param(b"\x00\xf8", id="truncated"),
        pytest.param(b"\x00\xf8\x01\xf0", id="invalid token"),
        pytest.param(b"\x00\xf8\x01\x02\x00", id="bytes left over"),
        pytest.param(b"\x02\x78\x9c\xff\xff", id="bad zlib"),
        pytest.param(b"\x02" + zlib.compress(bytes(17 << 20)), id="zip bomb"),
    ],
)
def test_a_frame_that_holds_no_stanza_is_dropped_alone(link: Link, stanza: bytes) -> None:
    data = link.frame(SUCCESS) + link.frame(stanza) + link.frame(ACTIVE)
    first, dropped, last = link.receive(data)
    assert (first, last) == (NodeReceived(SUCCESS), NodeReceived(ACTIVE))
    assert isinstance(dropped, FrameDropped)
    assert dropped.reason
    assert dropped.prefix == stanza[:32].hex()
    assert dropped.size == len(stanza)
    assert link.connection.is_open
    link.send(ACTIVE)
    assert link.sent_nodes() == [ACTIVE]


def test_dropped_frames_are_counted_until_a_good_one(link: Link) -> None:
    def count() -> int:
        (event,) = link.receive(link.frame(b"\x00\xf0"))
        assert isinstance(event, FrameDropped)
        return event.consecutive

    assert [count(), count(), count()] == [1, 2, 3]
    link.receive(link.frame(SUCCESS))
    assert count() == 1
