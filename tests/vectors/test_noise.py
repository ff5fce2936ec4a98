"""Handshakes and frames of independent implementations (tests/vectors/noise.json)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waport.connection import Connection, HandshakeCompleted, NodeReceived
from waport.crypto import KeyPair, agree
from waport.errors import CertificateError, CryptoError, HandshakeError
from waport.noise import (
    PROLOGUE,
    XX,
    ClientHandshake,
    FrameReader,
    IntroReader,
    ServerHandshake,
    SymmetricState,
    TransportCipher,
    encode_frame,
    intro,
)
from waport.wire import Node

Case = dict[str, Any]

VECTORS = json.loads((Path(__file__).parent / "noise.json").read_text(encoding="utf-8"))

every_handshake = pytest.mark.parametrize(
    "case", VECTORS["handshakes"], ids=lambda case: case["name"]
)

REJECTED_CHECKS = {
    "intermediate signed by another root": "root signature",
    "leaf signed by another key": "leaf signature",
    "leaf details changed after signing": "leaf signature",
    "leaf key differs from the server static key": "leaf key",
    "leaf expired": "leaf validity",
    "intermediate expired": "intermediate validity",
    "leaf not valid yet": "leaf validity",
    "chain without leaf": "missing part",
    "server static ciphertext changed": None,
    "certificate ciphertext changed": None,
    "intermediate details changed after signing": "root signature",
    "leaf signature bit changed": "leaf signature",
    "chain without intermediate": "missing part",
    "intermediate issuer serial is not 0": "intermediate issuer serial",
    "server ephemeral is all zero": None,
}
"""Which check refuses each case; `None`: the handshake fails before the certificates are read."""


def pair(keys: Case) -> KeyPair:
    return KeyPair(bytes.fromhex(keys["private"]), bytes.fromhex(keys["public"]))


def ephemeral_of(keys: Case) -> Callable[[int], bytes]:
    """Randomness that gives the recorded ephemeral key, and zeros for anything else."""
    private = bytes.fromhex(keys["ephemeral"]["private"])
    return lambda size: private if size == 32 else bytes(size)


def client_of(case: Case) -> ClientHandshake:
    return ClientHandshake(
        pair(case["client"]["static"]),
        bytes.fromhex(case.get("client_payload", "")),
        bytes.fromhex(case["root"]["public"]),
        ephemeral_of(case["client"]),
    )


def connection_of(case: Case) -> Connection:
    return Connection(
        static=pair(case["client"]["static"]),
        payload=bytes.fromhex(case.get("client_payload", "")),
        root_key=bytes.fromhex(case["root"]["public"]),
        routing_info=bytes.fromhex(case.get("routing_info", "")),
        random_bytes=ephemeral_of(case["client"]),
    )


def text_form(node: Node) -> Case:
    """A decoded node in the form of the vectors, with texts given as content as their bytes."""
    content: Case | None = None
    if isinstance(node.content, bytes):
        content = {"kind": "bytes", "hex": node.content.hex()}
    elif node.content is not None:
        content = {"kind": "nodes", "items": [text_form(child) for child in node.content]}
    attrs = [[key, str(value)] for key, value in node.attrs.items()]
    return {"tag": node.tag, "attrs": attrs, "content": content}


@every_handshake
def test_the_symmetric_state_follows_every_step(case: Case) -> None:
    state = SymmetricState(bytes.fromhex(case["pattern"]))
    for step in case["steps"]:
        operation = step["op"]
        if operation == "authenticate":
            state.mix_hash(bytes.fromhex(step["data"]))
        elif operation == "mix_key":
            state.mix_key(bytes.fromhex(step["input"]))
        elif operation == "encrypt":
            assert state.encrypt(bytes.fromhex(step["plaintext"])).hex() == step["ciphertext"]
        elif operation == "decrypt":
            assert state.decrypt(bytes.fromhex(step["ciphertext"])).hex() == step["plaintext"]
        else:
            assert operation == "start"
        assert (state.hash.hex(), state.salt.hex(), state.key.hex(), state.counter) == (
            step["hash"],
            step["salt"],
            step["key"],
            step["counter"],
        ), step
    final = case["final"]
    assert state.hash.hex() == final["hash"]
    write_key, read_key = state.split()
    assert write_key.hex() == final["client_write_key"]
    assert read_key.hex() == final["client_read_key"]


@every_handshake
def test_the_key_agreements_give_the_recorded_inputs(case: Case) -> None:
    client, server = case["client"], case["server"]
    inputs = {step["what"]: step["input"] for step in case["steps"] if step["op"] == "mix_key"}
    for what, ours, theirs in (
        ("ee", client["ephemeral"], server["ephemeral"]),
        ("es", client["ephemeral"], server["static"]),
        ("se", client["static"], server["ephemeral"]),
    ):
        assert agree(pair(ours).private, pair(theirs).public).hex() == inputs[what]


@every_handshake
def test_the_client_sends_the_recorded_bytes(case: Case) -> None:
    assert bytes.fromhex(case["pattern"]) == XX + bytes(4)
    assert bytes.fromhex(case["prologue"]) == PROLOGUE
    client = client_of(case)
    hello = client.client_hello()
    assert hello.hex() == case["client_hello"]
    opening = intro(bytes.fromhex(case.get("routing_info", "")))
    assert (opening + encode_frame(hello)).hex() == case["client_hello_wire"]
    (answer,) = FrameReader().feed(bytes.fromhex(case["server_hello_wire"]))
    assert answer.hex() == case["server_hello"]
    finish = client.receive_server_hello(answer, case["now"])
    assert finish.hex() == case["client_finish"]
    assert encode_frame(finish).hex() == case["client_finish_wire"]


@every_handshake
def test_the_server_sends_and_reads_the_recorded_bytes(case: Case) -> None:
    server = ServerHandshake(
        pair(case["server"]["static"]),
        bytes.fromhex(case["cert_chain"]),
        ephemeral_of(case["server"]),
    )
    reader = IntroReader()
    rest = reader.feed(bytes.fromhex(case["client_hello_wire"]))
    assert rest is not None
    assert reader.routing_info.hex() == case.get("routing_info", "")
    (hello,) = FrameReader().feed(rest)
    assert server.receive_client_hello(hello).hex() == case["server_hello"]
    finish = server.receive_client_finish(bytes.fromhex(case["client_finish"]))
    assert finish.static.hex() == case["client"]["static"]["public"]
    assert finish.payload.hex() == case["client_payload"]
    for frame in case["frames"]:
        plaintext = bytes.fromhex(frame["plaintext"])
        (body,) = FrameReader().feed(bytes.fromhex(frame["wire"]))
        if frame["direction"] == "server_to_client":
            assert server.transport.write_counter == frame["counter"]
            assert server.transport.encrypt(plaintext) == body
        else:
            assert server.transport.read_counter == frame["counter"]
            assert server.transport.decrypt(body) == plaintext


@every_handshake
def test_frames_with_high_counters_are_reproduced_and_read(case: Case) -> None:
    far = case["far_counters"]
    key = bytes.fromhex(case["final"][far["key"]])
    cipher = TransportCipher(key, key)
    for item in far["items"]:
        plaintext = bytes.fromhex(item["plaintext"])
        cipher.write_counter = cipher.read_counter = item["counter"]
        body = cipher.encrypt(plaintext)
        assert encode_frame(body).hex() == item["wire"]
        assert cipher.decrypt(body) == plaintext


@every_handshake
def test_a_connection_replays_the_whole_recording(case: Case) -> None:
    connection = connection_of(case)
    unix_now = case["now"]

    def receive(wire: bytes) -> list[Any]:
        return connection.receive_data(wire, now=0.0, unix_now=unix_now)

    connection.start(0.0)
    assert [data.hex() for data in connection.data_to_send()] == [case["client_hello_wire"]]
    assert receive(bytes.fromhex(case["server_hello_wire"])) == [HandshakeCompleted()]
    assert [data.hex() for data in connection.data_to_send()] == [case["client_finish_wire"]]

    for frame in case["frames"]:
        wire = bytes.fromhex(frame["wire"])
        if frame["direction"] == "client_to_server":
            connection.send_stanza(bytes.fromhex(frame["plaintext"]), 0.0)
            assert connection.data_to_send() == [wire]
            continue
        (event,) = receive(wire)
        assert isinstance(event, NodeReceived)
        if "node" in frame:
            assert text_form(event.node) == frame["node"]

    stream = bytes.fromhex(case["chunked"]["stream"])
    events: list[Any] = []
    for length in case["chunked"]["chunk_lengths"]:
        events += receive(stream[:length])
        stream = stream[length:]
    events += receive(stream)
    assert [text_form(event.node) for event in events] == case["chunked"]["nodes"]

    assert case["tampered_frame"]["direction"] == "server_to_client"
    with pytest.raises(CryptoError):
        receive(bytes.fromhex(case["tampered_frame"]["wire"]))


def test_every_rejected_handshake_has_its_check() -> None:
    assert {case["name"] for case in VECTORS["rejected"]} == set(REJECTED_CHECKS)


@pytest.mark.parametrize("case", VECTORS["rejected"], ids=lambda case: case["name"])
def test_a_handshake_to_refuse_is_refused_for_the_right_reason(case: Case) -> None:
    client = client_of(case)
    assert client.client_hello().hex() == case["client_hello"]
    with pytest.raises(HandshakeError) as caught:
        client.receive_server_hello(bytes.fromhex(case["server_hello"]), case["now"])
    check = caught.value.check if isinstance(caught.value, CertificateError) else None
    assert check == REJECTED_CHECKS[case["name"]]


@pytest.mark.parametrize("case", VECTORS["rejected"], ids=lambda case: case["name"])
def test_a_connection_sends_nothing_to_a_server_it_refuses(case: Case) -> None:
    connection = connection_of(case)
    connection.start(0.0)
    assert [data.hex() for data in connection.data_to_send()] == [case["client_hello_wire"]]
    with pytest.raises(HandshakeError):
        connection.receive_data(
            bytes.fromhex(case["server_hello_wire"]), now=0.0, unix_now=case["now"]
        )
    assert connection.data_to_send() == []
    assert not connection.is_open
