"""Whatever is delivered to a phone, it carries on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waport.emulator.link import MediaPlace
from waport.emulator.phone import Phone
from waport.emulator.phone_creation import create_phone
from waport.emulator.phone_pairing import parse_qr
from waport.errors import CorruptRecord, InvalidInput, MediaError, NotFound
from waport.wire import Jid, Node

OWN = Jid("15550001111", "s.whatsapp.net")


class Account:
    jid = OWN
    lid = Jid("100000000000001", "lid")
    name = "Alice"


class Deaf:
    """A link whose server says yes to everything and never anything else."""

    async def query(self, node: Node) -> Node:
        return Node("iq", {"type": "result"})

    async def send(self, node: Node) -> None:
        return None


class NoFiles:
    """A media host that has and takes nothing."""

    async def upload(self, kind: str, body: bytes) -> MediaPlace:
        raise MediaError("full")

    def upload_again(self, kind: str, sha256: bytes) -> MediaPlace | None:
        return None

    async def download(self, direct_path: str) -> bytes:
        raise NotFound(404, "gone")


async def unheard(_name: str, _version: int, _device: int) -> None:
    return None


async def switch_on(state: Mapping[str, object] | None = None) -> Phone:
    return await create_phone(Account(), Deaf(), NoFiles(), state, announce=unheard)


def words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


TAGS = words(
    "message receipt notification ack call ib enc retry keys registration count remove device "
    "link_code_companion_reg link_code_pairing_ref device-identity list item identity "
    "encrypt enc_p enc_iv rmr"
)
JIDS = st.sampled_from(
    [OWN, OWN.with_device(1), Account.lid, Jid("2", "s.whatsapp.net", 3), Jid("1", "g.us")]
)
VALUES = st.one_of(
    JIDS,
    words(
        "1 -1 x retry server-error peer message pkmsg msg encrypt devices 3EB0 companion_hello "
        "companion_finish link_code_companion_reg 99999999999999999999"
    ),
)
NAMES = words(
    "id from to type participant recipient category t class error count value stage jid notify "
    "sender_lid sender_pn"
)
NODES = st.recursive(
    st.builds(Node, TAGS, st.dictionaries(NAMES, VALUES, max_size=6), st.none() | st.binary()),
    lambda inner: st.builds(
        Node, TAGS, st.dictionaries(NAMES, VALUES, max_size=6), st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(NODES, max_size=6))
def test_no_stanza_stops_a_phone(nodes: list[Node]) -> None:
    async def deliver() -> None:
        phone = await switch_on()
        for node in nodes:
            await phone.deliver(node)

    asyncio.run(deliver())


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet="ABCab01+/=,#@1"))
def test_a_qr_text_is_read_or_refused(text: str) -> None:
    try:
        code = parse_qr(text)
    except InvalidInput:
        return
    assert code.ref
    assert {len(code.noise_public), len(code.identity_public), len(code.adv_secret)} == {32}


NOT_A_NUMBER: list[object] = [None, True, -1.5, "zz", ["zz"], {"x": 1}]
NOT_A_TEXT: list[object] = [None, True, 1, ["zz"], {"x": 1}]
NO_HEX: list[object] = [None, 1, "zz", ["zz"], {"x": 1}]
NO_OBJECT: list[object] = [None, 1, "zz", ["zz"], {"x": 1}, {"x": "zz"}]
NO_LIST: list[object] = [None, 1, "zz", ["zz"], [{"id": "x"}], {"x": 1}]
DAMAGE: dict[str, list[object]] = {
    "name": NOT_A_TEXT,
    "signal": NO_OBJECT,
    "signal.identity": [*NO_HEX, "00"],
    "signal.registration_id": NOT_A_NUMBER,
    "signal.signed_pre_key.private": NO_HEX,
    "signal.pre_keys": NO_LIST,
    "signal.sessions": NO_OBJECT,
    "signal.lids": [None, 1, "zz", ["zz"], {"x": 1}],
    "account.raw_id": NOT_A_NUMBER,
    "account.live": NO_LIST,
    "app_state.keys": NO_LIST,
    "app_state.patches.regular": [None, 1, "zz", ["zz"], [1], {}],
    "app_state.files.regular": [None, 1, "zz", ["zz"], [1], [{"version": 1}], {}],
    "app_state.forgotten.regular": NOT_A_NUMBER,
    "app_state.diverged": NO_LIST,
    "sent": NO_LIST,
    "inbox": NO_OBJECT,
    "inbox.messages": NO_LIST,
    "inbox.names": [None, 1, "zz", ["zz"], {"1@s.whatsapp.net": 1}],
}


@lru_cache
def saved_state() -> str:
    return json.dumps(asyncio.run(switch_on()).dump())


@pytest.mark.parametrize("place", DAMAGE)
def test_a_damaged_state_is_an_error(place: str) -> None:
    *path, last = place.split(".")
    for damage in DAMAGE[place]:
        state = json.loads(saved_state())
        holder = state
        for name in path:
            holder = holder[name]
        assert last in holder
        holder[last] = damage
        with pytest.raises(CorruptRecord):
            asyncio.run(switch_on(state))


def test_an_undamaged_state_is_none() -> None:
    state = json.loads(saved_state())
    assert asyncio.run(switch_on(state)).dump() == state
