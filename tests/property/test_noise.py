"""Arbitrary, cut and changed input to frames, handshakes and connections."""

from __future__ import annotations

import contextlib
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from waport.connection import Connection, FrameDropped, NodeReceived
from waport.crypto import KeyPair
from waport.errors import (
    CertificateError,
    CryptoError,
    DecodeError,
    HandshakeError,
    ProtocolError,
    WhatsAppError,
)
from waport.noise import (
    CertificateDetails,
    ClientHandshake,
    FrameReader,
    IntroReader,
    ServerHandshake,
    TransportCipher,
    build_chain,
    encode_frame,
    intro,
    verify_chain,
)
from waport.wire import Node, encode_stanza

NOW = 1_800_000_000
ROOT, INTERMEDIATE, SERVER, CLIENT = (
    KeyPair.from_private(bytes((number,)) * 32) for number in range(1, 5)
)
CHAIN = build_chain(ROOT, INTERMEDIATE, SERVER.public, NOW - 1, NOW + 1)


def fixed(size: int) -> bytes:
    return b"\x21" * size


def new_client() -> ClientHandshake:
    return ClientHandshake(CLIENT, b"payload", ROOT.public, fixed)


def new_server() -> ServerHandshake:
    return ServerHandshake(SERVER, CHAIN, fixed)


CLIENT_HELLO = new_client().client_hello()
SERVER_HELLO = new_server().receive_client_hello(CLIENT_HELLO)
CLIENT_FINISH = new_client().receive_server_hello(SERVER_HELLO, NOW)


def mutations(original: bytes) -> st.SearchStrategy[bytes]:
    """`original` with bytes replaced, a piece cut out, or something inserted; never unchanged."""

    def apply(change: tuple[int, int, bytes]) -> bytes:
        start, size, replacement = change
        return original[:start] + replacement + original[start + size :]

    positions = st.integers(0, len(original))
    return (
        st.tuples(positions, st.integers(0, 40), st.binary(max_size=40))
        .map(apply)
        .filter(lambda changed: changed != original)
    )


def cuts(data: bytes, positions: list[int]) -> list[bytes]:
    edges = [0, *sorted(position % (len(data) + 1) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


positions = st.lists(st.integers(0, 10_000), max_size=20)


@given(bodies=st.lists(st.binary(max_size=300), max_size=10), where=positions)
def test_frames_come_back_whole_wherever_the_stream_is_cut(
    bodies: list[bytes], where: list[int]
) -> None:
    reader = FrameReader()
    stream = b"".join(map(encode_frame, bodies))
    frames = [frame for piece in cuts(stream, where) for frame in reader.feed(piece)]
    assert frames == bodies
    assert reader.pending == 0


@given(pieces=st.lists(st.binary(max_size=200), max_size=10), limit=st.integers(0, 1000))
def test_a_frame_reader_keeps_to_its_limit_on_any_input(pieces: list[bytes], limit: int) -> None:
    reader = FrameReader(max_frame=limit)
    with contextlib.suppress(DecodeError):
        for piece in pieces:
            for frame in reader.feed(piece):
                assert len(frame) <= limit
            assert reader.pending <= limit + 3


@given(routing_info=st.binary(max_size=50), rest=st.binary(max_size=50), where=positions)
def test_an_intro_is_taken_off_wherever_it_is_cut(
    routing_info: bytes, rest: bytes, where: list[int]
) -> None:
    reader = IntroReader()
    out = [reader.feed(piece) for piece in cuts(intro(routing_info) + rest, where)]
    assert b"".join(piece or b"" for piece in out) == rest
    assert reader.routing_info == routing_info


@given(pieces=st.lists(st.binary(max_size=30), max_size=5))
def test_any_opening_is_read_or_refused(pieces: list[bytes]) -> None:
    reader = IntroReader()
    with contextlib.suppress(HandshakeError):
        for piece in pieces:
            reader.feed(piece)


@given(
    serial=st.integers(0, 2**32 - 1),
    issuer_serial=st.integers(0, 2**32 - 1),
    key=st.binary(max_size=200),
    not_before=st.integers(0, 2**64 - 1),
    not_after=st.integers(0, 2**64 - 1),
)
def test_certificate_details_come_back_as_they_were(
    serial: int, issuer_serial: int, key: bytes, not_before: int, not_after: int
) -> None:
    details = CertificateDetails(serial, issuer_serial, key, not_before, not_after)
    assert CertificateDetails.decode(details.encode()) == details


@given(data=st.binary(max_size=100))
def test_any_certificate_details_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        CertificateDetails.decode(data)


@settings(max_examples=200)
@given(chain=mutations(CHAIN) | st.binary(max_size=200))
def test_no_other_chain_is_accepted_with_other_signed_content(chain: bytes) -> None:
    # Changes that leave both certificates as they are (an unknown field) are no forgery.
    with contextlib.suppress(CertificateError):
        verify_chain(chain, SERVER.public, ROOT.public, NOW)
        assert SERVER.public in chain
    try:
        verify_chain(chain, CLIENT.public, ROOT.public, NOW)
    except CertificateError:
        return
    raise AssertionError("a chain vouched for a key that it was not made for")


@settings(max_examples=200)
@given(body=mutations(SERVER_HELLO) | st.binary(max_size=200))
def test_a_client_refuses_or_survives_any_server_hello(body: bytes) -> None:
    client = new_client()
    with contextlib.suppress(HandshakeError):
        client.receive_server_hello(body, NOW)
        # Only a change outside of what is hashed and encrypted gets here: the keys are the same.
        assert client.transport.encrypt(b"x")


@settings(max_examples=200)
@given(hello=mutations(CLIENT_HELLO) | st.binary(max_size=200), finish=st.binary(max_size=100))
def test_a_server_refuses_or_survives_any_client(hello: bytes, finish: bytes) -> None:
    server = new_server()
    with contextlib.suppress(HandshakeError):
        server.receive_client_hello(hello)
        server.receive_client_finish(finish)


@settings(max_examples=200)
@given(finish=mutations(CLIENT_FINISH) | st.binary(max_size=200))
def test_a_server_takes_no_other_identity_from_a_changed_finish(finish: bytes) -> None:
    server = new_server()
    server.receive_client_hello(CLIENT_HELLO)
    with contextlib.suppress(HandshakeError):
        assert server.receive_client_finish(finish).static == CLIENT.public


@given(body=st.binary(max_size=100))
def test_a_cipher_refuses_any_frame_that_is_not_genuine(body: bytes) -> None:
    cipher = TransportCipher(bytes(32), bytes(range(32)))
    try:
        cipher.decrypt(body)
    except (DecodeError, CryptoError):
        return
    raise AssertionError("a random frame passed for a genuine one")


@settings(max_examples=200)
@given(data=st.binary(max_size=300), where=positions)
def test_a_connection_survives_any_first_bytes(data: bytes, where: list[int]) -> None:
    connection = Connection(static=CLIENT, payload=b"", root_key=ROOT.public)
    connection.start(0.0)
    with contextlib.suppress(WhatsAppError):
        for piece in cuts(data, where):
            connection.receive_data(piece, now=0.0, unix_now=NOW)


@settings(max_examples=200)
@given(
    stanzas=st.lists(
        st.binary(max_size=60) | mutations(encode_stanza(Node("iq", {"id": "1"}, [Node("ping")]))),
        max_size=5,
    ),
    tail=st.binary(max_size=60),
    where=positions,
)
def test_an_open_connection_drops_bad_stanzas_and_ends_on_bad_frames(
    stanzas: list[bytes], tail: bytes, where: list[int]
) -> None:
    connection = Connection(static=CLIENT, payload=b"", root_key=ROOT.public, random_bytes=fixed)
    connection.start(0.0)
    server = new_server()
    server.receive_client_hello(CLIENT_HELLO)
    connection.receive_data(encode_frame(SERVER_HELLO), now=0.0, unix_now=NOW)
    server.receive_client_finish(connection.data_to_send()[-1][3:])
    data = b"".join(encode_frame(server.transport.encrypt(stanza)) for stanza in stanzas)
    count = 0
    for piece in cuts(data, where):
        if not connection.is_open:
            return
        for event in connection.receive_data(piece, now=0.0, unix_now=NOW):
            count += isinstance(event, NodeReceived | FrameDropped)
    if not connection.is_open:
        return
    assert count == len(stanzas)
    with contextlib.suppress(ProtocolError, CryptoError):
        connection.receive_data(tail, now=0.0, unix_now=NOW)
