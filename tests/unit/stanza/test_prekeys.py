from __future__ import annotations

import hashlib

import pytest

from waport.crypto import KeyPair
from waport.errors import StanzaError
from waport.signal import SignedPreKey, generate_pre_keys
from waport.stanza.prekeys import (
    CountPreKeys,
    FetchBundles,
    FetchDigest,
    KeyDigest,
    RotateSignedPreKey,
    UploadPreKeys,
    key_checksum,
    key_node,
    parse_bundle,
    signed_key_node,
)
from waport.wire import SERVER, Jid, Node, encode_stanza

DEVICE = Jid("15550002222", "s.whatsapp.net", 12)
IDENTITY = KeyPair.generate()
SIGNED = SignedPreKey.create(IDENTITY, 1)


def user(jid: Jid = DEVICE, *, one_time: bool = True) -> Node:
    children = [
        Node("registration", {}, (4711).to_bytes(4, "big")),
        Node("type", {}, b"\x05"),
        Node("identity", {}, IDENTITY.public),
        signed_key_node(SIGNED),
    ]
    if one_time:
        children.append(key_node(generate_pre_keys(7, 1)[0]))
    return Node("user", {"jid": jid}, children)


def reply(*users: Node) -> Node:
    return Node("iq", {"type": "result"}, [Node("list", {}, list(users))])


def test_the_count_query_is_encoded_as_the_sheet_shows() -> None:
    node = CountPreKeys().request()
    attrs = node.attrs
    node.attrs = {
        "id": "1.2-4",
        "xmlns": attrs["xmlns"],
        "type": attrs["type"],
        "to": attrs["to"],
    }
    expected = "00f80a1908ff831b2a4f16cb042911fa0003f801f80141"
    assert encode_stanza(node) == bytes.fromhex(expected)


@pytest.mark.parametrize(("value", "count"), [("807", 807), (None, 0), ("x", 0)])
def test_a_missing_count_is_zero(value: str | None, count: int) -> None:
    node = Node("count", {} if value is None else {"value": value})
    assert CountPreKeys().parse(Node("iq", {}, [node])) == count


def test_an_upload_holds_public_keys_only() -> None:
    keys = generate_pre_keys(1, 3)
    upload = UploadPreKeys(4711, IDENTITY.public, SIGNED, keys)
    node = upload.request()
    assert [child.tag for child in node.children()] == [
        "registration",
        "type",
        "identity",
        "list",
        "skey",
    ]
    stanza = encode_stanza(node)
    for key in keys:
        assert key.pair.public in stanza
        assert key.pair.private not in stanza
    assert not upload.parse(Node("iq", {"type": "result"}))
    low = Node("list", {"count_low": "true"})
    assert upload.parse(Node("iq", {"type": "result"}, [low]))


def test_bundles_are_matched_by_device() -> None:
    other = DEVICE.with_device(13)
    query = FetchBundles([DEVICE, other])
    answers = query.parse(reply(user(other, one_time=False), user()))
    first, second = answers[DEVICE].bundle, answers[other].bundle
    assert first is not None
    assert second is not None
    assert (first.registration_id, first.pre_key_id) == (4711, 7)
    assert (second.pre_key_id, second.pre_key) == (None, None)


def test_a_device_that_was_not_asked_for_is_ignored() -> None:
    assert FetchBundles([DEVICE]).parse(reply(user(DEVICE.with_device(40)))) == {}


def test_one_bad_entry_spoils_nothing_else() -> None:
    other, third = DEVICE.with_device(13), DEVICE.with_device(14)
    gone = Node("user", {"jid": other}, [Node("error", {"code": "406"})])
    broken = user(third)
    assert isinstance(broken.content, list)
    broken.content[2] = Node("identity", {}, b"short")
    answers = FetchBundles([DEVICE, other, third]).parse(reply(gone, broken, user()))
    assert answers[DEVICE].bundle is not None
    assert (answers[other].bundle, answers[other].error) == (None, 406)
    assert answers[third].bundle is None


def test_key_nodes_may_be_wrapped_in_keys() -> None:
    node = user()
    assert isinstance(node.content, list)
    registration, *rest = node.content
    wrapped = Node("user", {"jid": DEVICE}, [registration, Node("keys", {}, rest)])
    assert parse_bundle(wrapped) == parse_bundle(node)


@pytest.mark.parametrize(
    ("position", "child"),
    [
        (0, Node("registration", {}, b"\x00")),
        (1, Node("type", {}, b"\x06")),
        (2, Node("identity", {}, bytes(33))),
        (3, Node("skey", {}, [Node("id", {}, b"\x01")])),
        (4, Node("key", {}, [Node("id", {}, b"\x00\x00\x01"), Node("value", {}, b"")])),
        (4, Node("key")),
    ],
)
def test_a_bundle_with_a_bad_part_is_refused(position: int, child: Node) -> None:
    node = user()
    assert isinstance(node.content, list)
    node.content[position] = child
    with pytest.raises(StanzaError):
        parse_bundle(node)


def digest(**changes: Node) -> Node:
    parts = {
        "registration": Node("registration", {}, (5).to_bytes(4, "big")),
        "type": Node("type", {}, b"\x05"),
        "identity": Node("identity", {}, IDENTITY.public),
        "skey": signed_key_node(SIGNED),
        "list": Node(
            "list", {}, [Node("id", {}, b"\x00\x00\x01"), Node("id", {}, b"\x00\x00\x02")]
        ),
        "hash": Node("hash", {}, bytes(20)),
        **changes,
    }
    return Node("iq", {"type": "result"}, [Node("digest", {}, list(parts.values()))])


def test_a_digest_lists_bare_ids() -> None:
    assert FetchDigest().parse(digest()) == KeyDigest(
        5, IDENTITY.public, SIGNED.id, SIGNED.pair.public, SIGNED.signature, (1, 2), bytes(20)
    )


def test_a_digest_may_lack_its_hash() -> None:
    assert FetchDigest().parse(digest(hash=Node("other"))).checksum == b""


@pytest.mark.parametrize(
    "part",
    [
        Node("registration", {}, b"\x05"),
        Node("identity", {}, bytes(31)),
        Node("skey"),
        Node("list", {}, [Node("id", {}, b"\x00\x01")]),
        Node("list", {}, [Node("id")]),
        Node("hash", {}, [Node("x")]),
    ],
)
def test_a_digest_with_a_bad_part_is_refused(part: Node) -> None:
    with pytest.raises(StanzaError):
        FetchDigest().parse(digest(**{part.tag: part}))


def test_the_checksum_covers_the_public_keys_and_the_signature() -> None:
    one_time = [bytes([1]) * 32, bytes([2]) * 32]
    joined = IDENTITY.public + SIGNED.pair.public + SIGNED.signature + one_time[0] + one_time[1]
    assert key_checksum(IDENTITY.public, SIGNED, one_time) == hashlib.sha1(joined).digest()


def test_a_rotation_brings_the_signed_key_alone() -> None:
    assert RotateSignedPreKey(SIGNED).request() == Node(
        "iq",
        {"to": SERVER, "type": "set", "xmlns": "encrypt"},
        [Node("rotate", {}, [signed_key_node(SIGNED)])],
    )
