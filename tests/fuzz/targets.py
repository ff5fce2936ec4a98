"""What the fuzzer feeds: every reader of bytes from outside, and good inputs to start from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from waport.crypto import KeyPair, sign
from waport.errors import DecryptError, InvalidInput, PairingError, StanzaError, WhatsAppError
from waport.noise import (
    ClientHandshake,
    FrameReader,
    IntroReader,
    ServerHandshake,
    build_chain,
    encode_frame,
    intro,
    verify_chain,
)
from waport.pairing import parse_key_index_list, parse_pair_success, parse_qr, verify_pair_success
from waport.signal import (
    LocalIdentity,
    PreKeyBundle,
    SenderKeyRecord,
    SessionRecord,
    SignedPreKey,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    decrypt_message,
    decrypt_pre_key_message,
    distribution_message,
    encrypt,
    encrypt_group,
    generate_pre_keys,
    pad,
    parse_distribution,
    start_session,
    unpad,
)
from waport.stanza.content import kind_of, parse_content, parse_inline_history
from waport.stanza.message import OwnAddresses, parse_message
from waport.stanza.notification import parse_device_change
from waport.stanza.prekeys import FetchBundles
from waport.stanza.receipt import parse_receipt
from waport.stanza.usync import FetchDevices
from waport.wire import Jid, Node, decode_stanza, encode_stanza


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        read: raises nothing but our own errors, whatever it is given.
        seeds: inputs that it accepts.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Sequence[bytes]


_ALICE, _BOB = KeyPair.generate(), KeyPair.generate()
_SIGNED = SignedPreKey.create(_BOB, 1)
_PRE_KEY = generate_pre_keys(1, 1)[0]
_A, _B = LocalIdentity(_ALICE, 11), LocalIdentity(_BOB, 22)


def _sessions() -> tuple[SessionRecord, SessionRecord, bytes, bytes]:
    """Both records after a first message, that message, and a reply's body."""
    bundle = PreKeyBundle(
        22,
        _BOB.public,
        1,
        _SIGNED.pair.public,
        _SIGNED.signature,
        _PRE_KEY.id,
        _PRE_KEY.pair.public,
    )
    alice, first = encrypt(start_session(_A, bundle), pad(b"\x0a\x02hi"))
    opened = decrypt_pre_key_message(
        _B,
        None,
        first.body,
        signed_pre_key=lambda _: _SIGNED.pair,
        pre_key=lambda _: _PRE_KEY.pair,
    )
    bob, reply = encrypt(opened.record, pad(b"\x0a\x02hi"))
    return alice, bob, first.body, reply.body


_ALICE_RECORD, _BOB_RECORD, _FIRST, _REPLY = _sessions()
_SENDER_KEY = create_sender_key()
_DISTRIBUTION = distribution_message(_SENDER_KEY)
_, _GROUP_MESSAGE = encrypt_group(_SENDER_KEY, pad(b"\x0a\x02hi"))
_GROUP_MEMBER = accept_distribution(None, parse_distribution(_DISTRIBUTION))
_OWN = OwnAddresses(Jid("15550001111", "s.whatsapp.net", 1), Jid("1001", "lid", 1))
_PEER = Jid("1002", "lid", 3)


def _stanza(data: bytes) -> None:
    """Decode, then let everything read the node that reads nodes of its kind."""
    node = decode_stanza(data)
    encode_stanza(node)
    readers: Sequence[Callable[[], object]] = (
        lambda: parse_message(node, _OWN),
        lambda: parse_receipt(node),
        lambda: parse_device_change(node),
        lambda: FetchDevices([_PEER.bare], "1").parse(node),
        lambda: FetchBundles([_PEER]).parse(node),
        lambda: parse_pair_success(node),
    )
    for reader in readers:
        try:
            reader()
        except (StanzaError, PairingError):
            continue


def _group_message(data: bytes) -> None:
    """As it comes, and as if its sender had signed it: most mutations end at the signature."""
    try:
        decrypt_group(_GROUP_MEMBER, data)
    except DecryptError:
        signed = data[:-64]
        private = _SENDER_KEY.states[0].signing_private
        decrypt_group(_GROUP_MEMBER, signed + sign(private, signed))


def _content(data: bytes) -> None:
    kind_of(parse_content(data))


def _handshakes() -> tuple[bytes, bytes, KeyPair, bytes]:
    root, intermediate, static = (KeyPair.generate() for _ in range(3))
    chain = build_chain(root, intermediate, static.public, 0, 2**31)
    return chain, root.public, static, intermediate.public


_CHAIN, _ROOT, _STATIC, _ = _handshakes()
_CLIENT_HELLO = ClientHandshake(_ALICE, b"payload", _ROOT).client_hello()
_SERVER_HELLO = ServerHandshake(_STATIC, _CHAIN).receive_client_hello(_CLIENT_HELLO)


def _server_hello(data: bytes) -> None:
    client = ClientHandshake(_ALICE, b"payload", _ROOT)
    client.client_hello()
    client.receive_server_hello(data, 1_700_000_000)


def _frames(data: bytes) -> None:
    reader = FrameReader(4096)
    for start in range(0, len(data), 7):
        reader.feed(data[start : start + 7])


_MESSAGE_STANZA = encode_stanza(
    Node(
        "message",
        {"from": _PEER, "id": "3EB0AA", "t": "1700000000", "type": "text", "notify": "Bob"},
        [
            Node("enc", {"v": "2", "type": "pkmsg"}, _FIRST),
            Node("device-identity", {}, os.urandom(80)),
        ],
    )
)
_RECEIPT_STANZA = encode_stanza(
    Node(
        "receipt",
        {"from": _PEER, "id": "3EB0AA", "type": "retry"},
        [
            Node("retry", {"count": "1", "id": "3EB0AA", "t": "1", "v": "1"}),
            Node("registration", {}, b"\0\0\0\1"),
        ],
    )
)

TARGETS: Sequence[Target] = (
    Target("stanza decoder", _stanza, (_MESSAGE_STANZA, _RECEIPT_STANZA)),
    Target("frame reader", _frames, (encode_frame(b"hello") + encode_frame(bytes(300)),)),
    Target("intro reader", lambda data: IntroReader().feed(data), (intro(b"\x08\x0d"), intro())),
    Target(
        "client hello",
        lambda data: ServerHandshake(_STATIC, _CHAIN).receive_client_hello(data),
        (_CLIENT_HELLO,),
    ),
    Target("server hello", _server_hello, (_SERVER_HELLO,)),
    Target(
        "certificate chain",
        lambda data: verify_chain(data, _STATIC.public, _ROOT, 1_700_000_000),
        (_CHAIN,),
    ),
    Target(
        "first message",
        lambda data: decrypt_pre_key_message(
            _B,
            _BOB_RECORD,
            data,
            signed_pre_key=lambda _: _SIGNED.pair,
            pre_key=lambda _: _PRE_KEY.pair,
        ),
        (_FIRST,),
    ),
    Target("message", lambda data: decrypt_message(_ALICE_RECORD, data), (_REPLY,)),
    Target("session record", SessionRecord.load, (_ALICE_RECORD.dump(), _BOB_RECORD.dump())),
    Target("sender-key message", _group_message, (_GROUP_MESSAGE,)),
    Target(
        "sender-key distribution",
        lambda data: accept_distribution(_GROUP_MEMBER, parse_distribution(data)),
        (_DISTRIBUTION, _DISTRIBUTION[1:]),
    ),
    Target(
        "sender-key record",
        SenderKeyRecord.load,
        (_SENDER_KEY.dump(), decrypt_group(_GROUP_MEMBER, _GROUP_MESSAGE)[0].dump()),
    ),
    Target("padding", unpad, (pad(b"hello"),)),
    Target("message content", _content, (b"\x0a\x02hi", b"\xa2\x02\x06\x0a\x04\x0a\x02hi")),
    Target("inline history", parse_inline_history, (b"x\x9c\x03\x00\x00\x00\x00\x01",)),
    Target(
        "device identity",
        lambda data: verify_pair_success(data, bytes(32), _ALICE),
        (b"\x0a\x04\x0a\x02\x18\x01\x12\x20" + bytes(32),),
    ),
    Target("key index list", parse_key_index_list, (b"\x0a\x04\x08\x01\x10\x01",)),
    Target(
        "QR text",
        lambda data: parse_qr(data.decode("latin-1")),
        (b"2@REF," + b",".join([b"A" * 43 + b"="] * 3) + b",1",),
    ),
)

EXPECTED = (WhatsAppError, InvalidInput)
"""What a reader may raise."""
