from __future__ import annotations

from typing import Any

import pytest

from waport.crypto import KeyPair
from waport.errors import DecryptFailure, StanzaError
from waport.model import Ack
from waport.signal import SignedPreKey, generate_pre_keys
from waport.stanza.receipt import (
    MAX_RECEIPT_IDS,
    RetryKeys,
    ack,
    parse_receipt,
    receipt,
    retry_receipt,
)
from waport.wire import SERVER, Jid, Node, decode_stanza, encode_stanza

PEER = Jid("100000000000002", "lid", 3)
OWN = Jid("15550001111", "s.whatsapp.net", 1)
GROUP = Jid("120363000000000000", "g.us")
IDENTITY = KeyPair.generate()
SIGNED = SignedPreKey.create(IDENTITY, 1)


def incoming(tag: str, **attrs: Any) -> Node:
    return Node(tag, {"id": "A1", "from": PEER, **attrs})


# --- acks ----------------------------------------------------------------------------------------


def test_an_ack_copies_what_the_server_needs_to_find_the_stanza() -> None:
    node = incoming("notification", type="devices", participant=OWN, t="5", other="x")
    assert ack(node).attrs == {
        "id": "A1",
        "to": PEER,
        "class": "notification",
        "participant": OWN,
        "type": "devices",
    }


def test_an_ack_of_a_message_names_our_device_and_no_type() -> None:
    node = incoming("message", type="text", recipient=OWN)
    assert ack(node, own=OWN, error=491).attrs == {
        "id": "A1",
        "to": PEER,
        "class": "message",
        "recipient": OWN,
        "from": OWN,
        "error": "491",
    }


def test_a_refresh_is_acked_as_the_sheet_shows() -> None:
    kind = "companion_reg_refresh"
    node = Node("notification", {"from": SERVER, "id": "55", "type": kind})
    attrs = ack(node).attrs
    assert attrs == {"id": "55", "to": SERVER, "class": "notification", "type": kind}
    expected = bytes.fromhex(
        "00f8091b08eed111fa0003150904fc15636f6d70616e696f6e5f7265675f72656672657368"
    )
    assert decode_stanza(expected) == Node("ack", attrs)


def test_a_stanza_without_an_id_can_not_be_acked() -> None:
    with pytest.raises(StanzaError):
        ack(Node("notification", {"from": PEER}))


# --- receipts ------------------------------------------------------------------------------------


def test_a_receipt_names_its_first_message_in_the_id_and_the_others_in_a_list() -> None:
    node = receipt(PEER, ["A", "B", "C"], "read", timestamp=7)
    assert node.attrs == {"id": "A", "to": PEER, "type": "read", "t": "7"}
    assert [item.get("id") for item in node.child("list").children("item")] == ["B", "C"]
    assert receipt(PEER, ["A"]).attrs == {"id": "A", "to": PEER}
    assert receipt(PEER, ["A"]).content is None


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        (None, Ack.DELIVERED),
        ("inactive", Ack.DELIVERED),
        ("read", Ack.READ),
        ("read-self", Ack.READ),
        ("played", Ack.PLAYED),
        ("played-self", Ack.PLAYED),
        ("sender", None),
        ("server-error", None),
        ("brand-new", None),
    ],
)
def test_a_receipt_stands_for_a_level_or_for_none(kind: str | None, level: Ack | None) -> None:
    node = incoming("receipt", **({} if kind is None else {"type": kind}))
    assert parse_receipt(node).level is level
    node.content = [Node("error", {"type": "feature-incapable"})]
    assert parse_receipt(node).level is None


def test_a_list_may_repeat_lack_or_overdo_its_ids() -> None:
    items = [Node("item", {"id": "B"}), Node("item"), Node("item", {"id": "A1"}), Node("x")]
    items += [Node("item", {"id": f"C{index}"}) for index in range(1000)]
    node = incoming("receipt")
    node.content = [Node("list", {}, items)]
    parsed = parse_receipt(node)
    assert parsed.ids[:3] == ("A1", "B", "C0")
    assert len(parsed.ids) <= MAX_RECEIPT_IDS
    assert (parsed.timestamp, parsed.participant) == (0, None)


# --- retries -------------------------------------------------------------------------------------


def asked_for(
    node: Node, *, count: int = 1, reason: DecryptFailure = DecryptFailure.BAD_MAC
) -> Node:
    keys = None
    if count > 1:
        keys = RetryKeys(IDENTITY.public, generate_pre_keys(9, 1)[0], SIGNED, b"identity")
    return retry_receipt(node, count=count, reason=reason, registration_id=4711, keys=keys)


def test_a_request_names_message_counter_and_reason() -> None:
    node = asked_for(incoming("message", t="1750000000"))
    assert node.attrs == {"id": "A1", "to": PEER, "type": "retry"}
    retry, registration = node.children()
    assert retry.attrs == {"v": "1", "count": "1", "id": "A1", "t": "1750000000", "error": "7"}
    assert registration.data == (4711).to_bytes(4, "big")


@pytest.mark.parametrize(
    "reason", [DecryptFailure.UNKNOWN, DecryptFailure.UNSUPPORTED_VERSION, DecryptFailure.DUPLICATE]
)
def test_reasons_that_the_protocol_has_no_number_for_are_left_out(reason: DecryptFailure) -> None:
    assert asked_for(incoming("message"), reason=reason).child("retry").get("error") is None


def test_a_request_goes_where_the_message_came_from() -> None:
    extra: dict[str, Any] = {"participant": PEER, "recipient": OWN, "category": "peer"}
    node = asked_for(incoming("message", **{**extra, "from": GROUP}))
    assert node.attrs == {"id": "A1", "to": GROUP, "type": "retry", **extra}


def test_a_request_with_keys_is_read_by_the_other_side() -> None:
    sent = decode_stanza(encode_stanza(asked_for(incoming("message"), count=2)))
    sent.attrs["from"] = sent.attrs.pop("to")
    request = parse_receipt(sent).retry
    assert request is not None
    assert (request.count, request.registration_id) == (2, 4711)
    assert request.device_identity == b"identity"
    assert request.keys is not None
    assert (request.keys.identity, request.keys.pre_key_id) == (IDENTITY.public, 9)
    assert request.keys.signature == SIGNED.signature


@pytest.mark.parametrize(
    ("tag", "child"),
    [
        ("retry", None),
        ("retry", Node("retry", {"count": "many"})),
        ("registration", None),
        ("registration", Node("registration", {}, b"\x00")),
        ("registration", Node("registration")),
        ("keys", Node("keys")),
        ("keys", Node("keys", {}, [Node("identity", {}, bytes(31))])),
    ],
)
def test_a_malformed_request_is_refused(tag: str, child: Node | None) -> None:
    node = asked_for(incoming("message"), count=2)
    node.attrs["from"] = PEER
    kept = [part for part in node.children() if part.tag != tag]
    node.content = kept if child is None else [*kept, child]
    with pytest.raises(StanzaError):
        parse_receipt(node)
