from __future__ import annotations

import pytest

from waport.errors import PairingError, StanzaError
from waport.pairing import (
    PairedIdentity,
    pair_success_refusal,
    pair_success_reply,
    parse_pair_success,
)
from waport.wire import SERVER, AttrValue, Jid, Node

PN = Jid("15551234567", "s.whatsapp.net", 3)
LID = Jid("100000000000001", "lid", 3)


def stanza(*, drop: str = "", **device: AttrValue) -> Node:
    """A pair-success without the child named, and with other attributes of the device."""
    attrs: dict[str, AttrValue] = {"jid": PN, "lid": LID, **device}
    children = [
        Node("device-identity", {}, b"container"),
        Node("device", {name: value for name, value in attrs.items() if value != ""}),
        Node("platform", {"name": "android"}),
        Node("biz", {"name": "Corner Shop"}),
    ]
    success = Node("pair-success", {}, [child for child in children if child.tag != drop])
    return Node(
        "iq", {"from": SERVER, "type": "set", "id": "77", "xmlns": "md", "t": "170"}, [success]
    )


def test_pair_success_is_read() -> None:
    success = parse_pair_success(stanza())
    assert success.request_id == "77"
    assert success.identity == b"container"
    assert (success.pn, success.lid) == (PN, LID)
    assert (success.platform, success.business_name) == ("android", "Corner Shop")
    assert success.timestamp == 170


def test_addresses_that_came_as_text_are_read_too() -> None:
    success = parse_pair_success(stanza(jid=str(PN), lid=str(LID)))
    assert (success.pn, success.lid) == (PN, LID)


def test_lid_platform_and_business_may_be_missing() -> None:
    assert parse_pair_success(stanza(lid="")).lid is None
    assert parse_pair_success(stanza(drop="platform")).platform == ""
    assert parse_pair_success(stanza(drop="biz")).business_name == ""


@pytest.mark.parametrize("request_id", [None, ""])
def test_stanza_without_an_id_can_not_be_answered(request_id: str | None) -> None:
    iq = stanza()
    del iq.attrs["id"]
    if request_id is not None:
        iq.attrs["id"] = request_id
    with pytest.raises(StanzaError):
        parse_pair_success(iq)


@pytest.mark.parametrize("missing", ["device-identity", "device"])
def test_missing_child_is_an_internal_error(missing: str) -> None:
    with pytest.raises(PairingError) as caught:
        parse_pair_success(stanza(drop=missing))
    assert (caught.value.code, caught.value.text) == (500, "internal-error")


@pytest.mark.parametrize(
    "device",
    [
        {"jid": ""},
        {"jid": "no address"},
        {"jid": LID},
        {"jid": Jid("15551234567", "s.whatsapp.net")},
        {"jid": Jid("", "s.whatsapp.net", 3)},
        {"jid": Jid("abc", "s.whatsapp.net", 3)},
        {"jid": Jid("15551234567", "s.whatsapp.net", 3, agent=2)},
        {"lid": "no address"},
        {"lid": PN},
        {"lid": Jid("100000000000001", "lid")},
    ],
)
def test_address_that_is_no_companion_is_an_internal_error(device: dict[str, AttrValue]) -> None:
    with pytest.raises(PairingError) as caught:
        parse_pair_success(stanza(**device))
    assert (caught.value.code, caught.value.text) == (500, "internal-error")
    assert "1555" not in caught.value.detail


def test_identity_that_is_not_bytes_is_an_internal_error() -> None:
    iq = stanza()
    iq.child("pair-success").child("device-identity").content = None
    with pytest.raises(PairingError):
        parse_pair_success(iq)


def test_reply_carries_identity_and_key_index() -> None:
    reply = pair_success_reply("77", PairedIdentity(b"account", b"reply", 12, bytes(32)))
    assert reply.attrs == {"to": SERVER, "type": "result", "id": "77"}
    identity = reply.child("pair-device-sign").child("device-identity")
    assert identity.attrs == {"key-index": "12"}
    assert identity.content == b"reply"


def test_refusal_carries_code_and_text_but_no_detail() -> None:
    refusal = pair_success_refusal("77", PairingError(401, "not-authorized", "hmac mismatch"))
    assert refusal.attrs == {"to": SERVER, "type": "error", "id": "77"}
    assert refusal.child("error").attrs == {"code": "401", "text": "not-authorized"}
