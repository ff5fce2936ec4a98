"""The stanzas by which the server says that the phone linked us, and our answers.

Source: docs/protocol/pairing.md, "Server side", "Checking pair-success", "The answer".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PairingError, StanzaError
from ..wire import SERVER, AttrValue, Jid, Node
from .adv import PairedIdentity, pairing_failed


@dataclass(frozen=True, slots=True)
class PairSuccess:
    """What the server says of the account that we now belong to; nothing of it is verified yet.

    Attributes:
        request_id: the id to answer to.
        identity: the container for `verify_pair_success`.
        pn: our own address by phone number, with device.
        lid: our own hidden address, with device; None from servers that do not tell.
        platform: the phone's platform, such as `android`; may be empty.
        business_name: of a business account, else empty.
        timestamp: the server's clock, Unix seconds; None if it did not tell.
    """

    request_id: str
    identity: bytes
    pn: Jid
    lid: Jid | None
    platform: str
    business_name: str
    timestamp: int | None


def parse_pair_success(iq: Node) -> PairSuccess:
    """Read the `<iq>` around a `<pair-success>`.

    The caller has made sure that it came from the server, while unpaired.

    Raises:
        StanzaError: no id, so it can not be answered, or no `pair-success` in it.
        PairingError: 500; what is required is missing, or an address is none of a companion.
    """
    request_id = iq.attr("id")
    if not request_id:
        raise StanzaError(iq.tag, "pair-success without an id")
    success = iq.child("pair-success")
    try:
        identity = success.child("device-identity").data
        device = success.child("device")
        pn = _companion_address(device.jid("jid"), "s.whatsapp.net")
        has_lid = device.get("lid") is not None
        lid = _companion_address(device.jid("lid"), "lid") if has_lid else None
    except StanzaError as exc:
        raise pairing_failed(str(exc)) from exc
    platform, business = success.find("platform"), success.find("biz")
    return PairSuccess(
        request_id=request_id,
        identity=identity,
        pn=pn,
        lid=lid,
        platform=_name(platform),
        business_name=_name(business),
        timestamp=iq.get_int("t"),
    )


def pair_success_reply(request_id: str, paired: PairedIdentity) -> Node:
    """The answer that hands the server our signed identity. Store everything before sending it."""
    identity = Node("device-identity", {"key-index": str(paired.key_index)}, paired.reply)
    return _answer(request_id, "result", Node("pair-device-sign", {}, [identity]))


def pair_success_refusal(request_id: str, error: PairingError) -> Node:
    """The answer after a check failed; the connection is closed after it."""
    return _answer(
        request_id, "error", Node("error", {"code": str(error.code), "text": error.text})
    )


def _answer(request_id: str, kind: str, child: Node) -> Node:
    attrs: dict[str, AttrValue] = {"to": SERVER, "type": kind, "id": request_id}
    return Node("iq", attrs, [child])


def _companion_address(jid: Jid, server: str) -> Jid:
    # Device 0 is the phone itself, which never links to itself.
    is_account = jid.server == server and jid.user.isascii() and jid.user.isdigit()
    if not is_account or jid.agent or jid.device == 0:
        raise StanzaError("device", f"not a companion's address at {server}")
    return jid


def _name(node: Node | None) -> str:
    return "" if node is None else node.get("name") or ""
