from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from waport.crypto import KeyPair, agree
from waport.errors import CertificateError, CryptoError, HandshakeError, InvalidInput
from waport.noise import (
    PROLOGUE,
    XX,
    XX_FALLBACK,
    ClientHandshake,
    ServerHandshake,
    SymmetricState,
    TransportCipher,
)
from waport.proto import pb

if TYPE_CHECKING:
    from .conftest import Certificates

NOW = 1_800_000_000
PAYLOAD = b"client payload"
CLIENT = KeyPair.from_private(bytes(range(32)))

LOW_ORDER_POINTS = [
    bytes(32).hex(),
    (b"\x01" + bytes(31)).hex(),
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]

Change = Callable[[pb.HandshakeMessage], None]


class Peers:
    """A client and a server that have not spoken yet."""

    def __init__(self, certificates: Certificates) -> None:
        chain = certificates.chain().SerializeToString()
        self.client = ClientHandshake(CLIENT, PAYLOAD, certificates.root.public)
        self.server = ServerHandshake(certificates.server, chain)

    def server_hello(self) -> bytes:
        return self.server.receive_client_hello(self.client.client_hello())

    def client_finish(self) -> bytes:
        return self.client.receive_server_hello(self.server_hello(), NOW)


@pytest.fixture
def peers(certificates: Certificates) -> Peers:
    return Peers(certificates)


def changed(body: bytes, change: Change) -> bytes:
    message = pb.HandshakeMessage.FromString(body)
    change(message)
    return message.SerializeToString()


def assert_talk(client: TransportCipher, server: TransportCipher) -> None:
    assert server.decrypt(client.encrypt(b"up")) == b"up"
    assert client.decrypt(server.encrypt(b"down")) == b"down"


def test_both_sides_agree_and_the_server_learns_who_connects(peers: Peers) -> None:
    finish = peers.server.receive_client_finish(peers.client_finish())
    assert finish.static == CLIENT.public
    assert finish.payload == PAYLOAD
    assert_talk(peers.client.transport, peers.server.transport)


def test_the_client_hello_is_the_ephemeral_key_and_nothing_else(certificates: Certificates) -> None:
    secret = bytes.fromhex("30939c5adddec942290b637530898a70f2d32453e5241f30a0550780e7586b47")
    client = ClientHandshake(CLIENT, PAYLOAD, certificates.root.public, lambda size: secret)
    assert client.client_hello().hex() == (
        "12220a20f01e3feed2953d4221feddad1b6baa06ee321666eb0e170d33428905b0057d4e"
    )


def test_each_connection_has_a_fresh_ephemeral_key(certificates: Certificates) -> None:
    hellos = {Peers(certificates).client.client_hello() for _ in range(3)}
    assert len(hellos) == 3


def test_the_transport_exists_only_after_the_handshake(peers: Peers) -> None:
    with pytest.raises(HandshakeError):
        _ = peers.client.transport
    with pytest.raises(HandshakeError):
        _ = peers.server.transport
    peers.client_finish()
    with pytest.raises(HandshakeError):
        _ = peers.server.transport


def test_a_name_longer_than_a_hash_is_hashed() -> None:
    state = SymmetricState(XX_FALLBACK)
    state.mix_hash(PROLOGUE)
    assert state.hash.hex() == "413766ac503c04676506bebddd691cfd5fe1087956a1150b2d235c16bd23512c"


def test_a_short_name_is_padded_with_zeros() -> None:
    state = SymmetricState(XX)
    assert state.hash == state.salt == state.key == XX + bytes(4)
    state.mix_hash(PROLOGUE)
    assert state.hash.hex() == "ffff0c9267310966f1311170c04b38c79504285bf5edf763e5c946492a50a755"


def test_a_client_that_tries_to_resume_is_served_by_fallback(certificates: Certificates) -> None:
    ephemeral = KeyPair.generate()
    chain = certificates.chain().SerializeToString()
    server = ServerHandshake(certificates.server, chain)
    resuming = pb.HandshakeMessage(
        clientHello=pb.HandshakeMessage.ClientHello(
            ephemeral=ephemeral.public, static=b"s" * 48, payload=b"p" * 40
        )
    )
    hello = pb.HandshakeMessage.FromString(
        server.receive_client_hello(resuming.SerializeToString())
    ).serverHello

    state = SymmetricState(XX_FALLBACK)
    state.mix_hash(PROLOGUE)
    state.mix_hash(ephemeral.public)
    state.mix_hash(hello.ephemeral)
    state.mix_key(agree(ephemeral.private, hello.ephemeral))
    static = state.decrypt(hello.static)
    assert static == certificates.server.public
    state.mix_key(agree(ephemeral.private, static))
    assert state.decrypt(hello.payload) == chain
    finish = pb.HandshakeMessage.ClientFinish(static=state.encrypt(CLIENT.public))
    state.mix_key(agree(CLIENT.private, hello.ephemeral))
    finish.payload = state.encrypt(PAYLOAD)
    message = pb.HandshakeMessage(clientFinish=finish).SerializeToString()

    assert server.receive_client_finish(message).static == CLIENT.public
    assert_talk(TransportCipher(*state.split()), server.transport)


def test_fields_of_newer_clients_are_passed_over(peers: Peers) -> None:
    def extend(message: pb.HandshakeMessage) -> None:
        message.clientHello.useExtended = True
        message.clientHello.paddedBytes = bytes(100)

    answer = peers.server.receive_client_hello(changed(peers.client.client_hello(), extend))
    finish = peers.client.receive_server_hello(answer, NOW)
    assert peers.server.receive_client_finish(finish).payload == PAYLOAD


# --- what the client refuses ----------------------------------------------------------------------


def assert_client_refuses(peers: Peers, body: bytes) -> None:
    with pytest.raises(HandshakeError):
        peers.client.receive_server_hello(body, NOW)
    with pytest.raises(HandshakeError):
        _ = peers.client.transport


@pytest.mark.parametrize("body", [b"\xff", b"\x1a\x7f", b"\x1a\x02\x0a\x05", b"<html>"])
def test_an_answer_that_is_no_protobuf_is_refused(peers: Peers, body: bytes) -> None:
    assert_client_refuses(peers, body)


def test_an_answer_without_server_hello_is_refused(peers: Peers) -> None:
    assert_client_refuses(peers, b"")
    assert_client_refuses(peers, peers.client.client_hello())


@pytest.mark.parametrize("field", ["ephemeral", "static", "payload"])
def test_a_server_hello_that_lacks_a_field_is_refused(peers: Peers, field: str) -> None:
    body = changed(peers.server_hello(), lambda m: m.serverHello.ClearField(field))
    with pytest.raises(HandshakeError, match=field):
        peers.client.receive_server_hello(body, NOW)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_server_ephemeral_of_another_length_is_refused(peers: Peers, size: int) -> None:
    def replace(message: pb.HandshakeMessage) -> None:
        message.serverHello.ephemeral = bytes(size)

    assert_client_refuses(peers, changed(peers.server_hello(), replace))


@pytest.mark.parametrize("point", LOW_ORDER_POINTS)
def test_a_low_order_server_ephemeral_is_refused(peers: Peers, point: str) -> None:
    def replace(message: pb.HandshakeMessage) -> None:
        message.serverHello.ephemeral = bytes.fromhex(point)

    body = changed(peers.server_hello(), replace)
    with pytest.raises(HandshakeError, match="low-order"):
        peers.client.receive_server_hello(body, NOW)


def server_hello_with_static(peers: Peers, static: bytes) -> bytes:
    """What a server sends that proves its ephemeral key but then names `static` as its own."""
    hello = pb.HandshakeMessage.FromString(peers.client.client_hello()).clientHello
    ephemeral = KeyPair.generate()
    state = SymmetricState(XX)
    for data in (PROLOGUE, hello.ephemeral, ephemeral.public):
        state.mix_hash(data)
    state.mix_key(agree(ephemeral.private, hello.ephemeral))
    return pb.HandshakeMessage(
        serverHello=pb.HandshakeMessage.ServerHello(
            ephemeral=ephemeral.public, static=state.encrypt(static), payload=bytes(32)
        )
    ).SerializeToString()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_server_static_of_another_length_is_refused(peers: Peers, size: int) -> None:
    body = server_hello_with_static(peers, bytes(size))
    with pytest.raises(HandshakeError, match="server static key of"):
        peers.client.receive_server_hello(body, NOW)


@pytest.mark.parametrize("point", LOW_ORDER_POINTS)
def test_a_low_order_server_static_is_refused(peers: Peers, point: str) -> None:
    body = server_hello_with_static(peers, bytes.fromhex(point))
    with pytest.raises(HandshakeError, match="server static key is a low-order point"):
        peers.client.receive_server_hello(body, NOW)


@pytest.mark.parametrize("field", ["static", "payload"])
@pytest.mark.parametrize("position", [0, -1])
def test_a_changed_server_ciphertext_is_refused(peers: Peers, field: str, position: int) -> None:
    def flip(message: pb.HandshakeMessage) -> None:
        data = bytearray(getattr(message.serverHello, field))
        data[position] ^= 1
        setattr(message.serverHello, field, bytes(data))

    with pytest.raises(HandshakeError, match="authentication"):
        peers.client.receive_server_hello(changed(peers.server_hello(), flip), NOW)


def test_an_empty_server_ciphertext_is_refused(peers: Peers) -> None:
    def empty(message: pb.HandshakeMessage) -> None:
        message.serverHello.payload = b""

    assert_client_refuses(peers, changed(peers.server_hello(), empty))


def test_a_bad_certificate_is_refused_before_our_identity_is_sent(
    certificates: Certificates,
) -> None:
    peers = Peers(certificates)
    peers.server = ServerHandshake(
        certificates.server,
        certificates.chain(leaf={"key": bytes(32)}).SerializeToString(),
    )
    with pytest.raises(CertificateError) as caught:
        peers.client.receive_server_hello(peers.server_hello(), NOW)
    assert caught.value.check == "leaf key"
    with pytest.raises(HandshakeError):
        _ = peers.client.transport


def test_after_a_failure_no_second_answer_is_taken(peers: Peers) -> None:
    good = peers.server_hello()
    with pytest.raises(HandshakeError):
        peers.client.receive_server_hello(b"\xff", NOW)
    with pytest.raises(HandshakeError, match="out of turn"):
        peers.client.receive_server_hello(good, NOW)


def test_a_second_server_hello_is_refused(peers: Peers) -> None:
    hello = peers.server_hello()
    peers.client.receive_server_hello(hello, NOW)
    with pytest.raises(HandshakeError, match="out of turn"):
        peers.client.receive_server_hello(hello, NOW)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_root_key_of_another_length_is_the_callers_mistake(size: int) -> None:
    with pytest.raises(InvalidInput):
        ClientHandshake(CLIENT, PAYLOAD, bytes(size))


def test_a_failed_decryption_leaves_the_state_as_it_was() -> None:
    state = SymmetricState(XX)
    before = (state.hash, state.salt, state.key, state.counter)
    with pytest.raises(CryptoError):
        state.decrypt(bytes(48))
    assert (state.hash, state.salt, state.key, state.counter) == before


# --- what the server refuses ----------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"\xff", b"\x12\x00", b"\x1a\x00"])
def test_a_bad_client_hello_is_refused(peers: Peers, body: bytes) -> None:
    with pytest.raises(HandshakeError):
        peers.server.receive_client_hello(body)


@pytest.mark.parametrize("key", ["", "00" * 31, "00" * 33, *LOW_ORDER_POINTS])
def test_a_client_ephemeral_that_is_no_key_is_refused(peers: Peers, key: str) -> None:
    def replace(message: pb.HandshakeMessage) -> None:
        message.clientHello.ephemeral = bytes.fromhex(key)

    with pytest.raises(HandshakeError):
        peers.server.receive_client_hello(changed(peers.client.client_hello(), replace))


@pytest.mark.parametrize("field", ["static", "payload"])
def test_half_an_attempt_to_resume_is_refused(peers: Peers, field: str) -> None:
    body = changed(peers.client.client_hello(), lambda m: setattr(m.clientHello, field, bytes(48)))
    with pytest.raises(HandshakeError, match="half"):
        peers.server.receive_client_hello(body)


def test_a_second_client_hello_is_refused(peers: Peers) -> None:
    peers.server_hello()
    with pytest.raises(HandshakeError, match="out of turn"):
        peers.server_hello()


def test_a_client_finish_before_the_hello_is_refused(peers: Peers) -> None:
    with pytest.raises(HandshakeError, match="out of turn"):
        peers.server.receive_client_finish(b"")


@pytest.mark.parametrize("body", [b"", b"\xff", b"\x22\x00", b"\x12\x00"])
def test_a_bad_client_finish_is_refused(peers: Peers, body: bytes) -> None:
    good = peers.client_finish()
    with pytest.raises(HandshakeError):
        peers.server.receive_client_finish(body)
    with pytest.raises(HandshakeError):
        peers.server.receive_client_finish(good)
    with pytest.raises(HandshakeError):
        _ = peers.server.transport


@pytest.mark.parametrize("static", ["", "00" * 31, "00" * 33, *LOW_ORDER_POINTS])
def test_a_client_static_that_is_no_key_is_refused(certificates: Certificates, static: str) -> None:
    server = ServerHandshake(certificates.server, b"chain")
    ephemeral = KeyPair.generate()
    hello = pb.HandshakeMessage(
        clientHello=pb.HandshakeMessage.ClientHello(ephemeral=ephemeral.public)
    )
    answer = pb.HandshakeMessage.FromString(
        server.receive_client_hello(hello.SerializeToString())
    ).serverHello
    state = SymmetricState(XX)
    for data in (PROLOGUE, ephemeral.public, answer.ephemeral):
        state.mix_hash(data)
    state.mix_key(agree(ephemeral.private, answer.ephemeral))
    state.decrypt(answer.static)
    state.mix_key(agree(ephemeral.private, certificates.server.public))
    state.decrypt(answer.payload)
    finish = pb.HandshakeMessage(
        clientFinish=pb.HandshakeMessage.ClientFinish(
            static=state.encrypt(bytes.fromhex(static)), payload=bytes(32)
        )
    )
    with pytest.raises(HandshakeError, match="client static key"):
        server.receive_client_finish(finish.SerializeToString())


@pytest.mark.parametrize("field", ["static", "payload"])
def test_a_changed_client_ciphertext_is_refused(peers: Peers, field: str) -> None:
    def flip(message: pb.HandshakeMessage) -> None:
        data = bytearray(getattr(message.clientFinish, field))
        data[0] ^= 1
        setattr(message.clientFinish, field, bytes(data))

    with pytest.raises(HandshakeError, match="authentication"):
        peers.server.receive_client_finish(changed(peers.client_finish(), flip))
