"""Who may not begin chats with strangers, and who wants none: tokens decide."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from waport.crypto import hmac_sha256
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.emulator.mex_table import IDS
from waport.emulator.tokens import BUCKET_S, expired_before, salted_token
from waport.wire import Jid, Node

Linked = Callable[..., Awaitable[Any]]


def message(name: str, to: Jid, *more: Node, **attrs: str) -> Node:
    enc = Node("enc", {"v": "2", "type": "msg"}, b"\x33cipher")
    entries = [Node("to", {"jid": to}, [enc])]
    content = [Node("participants", {}, entries), *more]
    return Node("message", {"id": name, "to": to.bare, "type": "text", **attrs}, content)


async def error(client: Any, node: Node) -> str | None:
    await client.send(node)
    ack = await client.expect("ack", lambda n: n.get("id") == node.get("id"))
    code: str | None = ack.get("error")
    return code


def account_of(emulator: Emulator, name: str) -> Account:
    account = emulator.directory.by_name(name)
    assert account is not None
    return account


async def token_from(giver: Any, receiver: Any, make_iq: Any, **attrs: str) -> bytes:
    """Let one client give another a token; the bytes that come."""
    wish = {"jid": str(receiver.lid.bare), "type": "trusted_contact", **attrs}
    await giver.query(make_iq("set", "privacy", Node("tokens", {}, [Node("token", wish)])))
    told = await receiver.expect("notification", lambda n: n.get("type") == "privacy_token")
    assert told.jid("sender_lid") == giver.lid.bare
    value: bytes = told.child("tokens").child("token").data
    return value


def tctoken(value: bytes) -> Node:
    return Node("tctoken", {}, value)


async def mex(client: Any, make_iq: Any, operation: str) -> Any:
    query = Node("query", {"query_id": IDS[operation]}, b'{"variables":{}}')
    answer = await client.query(make_iq("get", "w:mex", query))
    (found,) = json.loads(answer.child("result").data)["data"].values()
    return found


async def mex_news(client: Any, operation: str) -> Any:
    def fits(node: Node) -> bool:
        update = node.find("update")
        return update is not None and update.get("op_name") == operation

    told = await client.expect("notification", fits)
    (data,) = json.loads(told.child("update").data)["data"].values()
    return data


@pytest.fixture
async def http(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=emulator.admin_url) as client:
        yield client


async def test_a_restricted_account_begins_chats_only_with_a_token(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob, eve = [await linked(emulator, name) for name in ("Alice", "Bob", "Eve")]
    emulator.restrictions.restrict(account_of(emulator, "Alice"))
    assert await error(alice, message("A1", bob.lid)) == "463"
    assert await error(alice, message("A1", bob.jid, tctoken(b"made up"))) == "463"
    of_eve = await token_from(eve, alice, make_iq)
    assert await error(alice, message("A1", bob.lid, tctoken(of_eve))) == "463"
    assert not [n for n in await bob.settled() if n.tag == "message"]
    of_bob = await token_from(bob, alice, make_iq)
    assert await error(alice, message("A1", bob.lid, tctoken(of_bob))) is None
    copy = await bob.expect("message")
    assert copy.find("tctoken") is None, "a token is used up"
    # They are no strangers any more, in either direction; nor are those it knew before.
    assert await error(alice, message("A2", bob.jid)) is None
    assert await error(bob, message("B1", alice.lid)) is None
    assert await error(eve, message("E1", alice.lid)) is None, "others may write to it"
    assert await error(alice, message("A3", eve.lid)) is None, "and then it may answer"


async def test_older_tokens_stay_good_until_their_time_is_over(
    linked: Linked, make_iq: Any
) -> None:
    now = [1_800_000_000.0]
    async with Emulator(EmulatorOptions(plain=True), now=lambda: now[0]) as emulator:
        alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
        tokens: list[bytes] = []
        for offset in (-5 * BUCKET_S, 0, 10):
            value = bytes([len(tokens)]) * 32
            emulator.restrictions.give(bob, alice, int(now[0]) + offset, value)
            tokens.append(value)
        emulator.restrictions.restrict(alice)

        def refusal(value: bytes) -> int | None:
            return emulator.restrictions.refusal(alice, bob, message("A1", bob.lid, tctoken(value)))

        assert [refusal(value) for value in tokens] == [463, None, None]
        now[0] += 4 * BUCKET_S
        assert [refusal(value) for value in tokens] == [463, 463, 463]


def test_the_time_of_a_token_is_counted_in_weeks() -> None:
    # The example of the page: the bucket of now, and three before it.
    assert expired_before(10 * BUCKET_S + 5) == 7 * BUCKET_S
    assert expired_before(11 * BUCKET_S - 1) == 7 * BUCKET_S


def test_a_salted_token_is_the_published_value() -> None:
    value = salted_token(b"\x01" * 32, Jid("100000000000001", "lid", 7))
    assert value.hex() == "b91d75952d416a1d29611f980a1c5c324d4cf17891902974a50fa51f684db3f4"


async def test_a_salted_token_passes_once_the_phone_has_made_the_salt(
    emulator: Emulator, linked: Linked, http: httpx.AsyncClient
) -> None:
    alice, bob, eve = [await linked(emulator, name) for name in ("Alice", "Bob", "Eve")]
    account = account_of(emulator, "Alice")
    emulator.restrictions.restrict(account)

    def salted(salt: bytes, to: Any) -> Node:
        return Node("cstoken", {}, hmac_sha256(salt, str(to.lid.bare).encode()))

    assert await error(alice, message("A1", bob.lid, salted(b"", bob))) == "463"
    assert (await http.post(f"/accounts/{account.number}/token-salt")).status_code == 200
    told = await alice.expect("notification", lambda n: n.get("type") == "server_sync")
    assert told.child("collection").get("name") == "regular_high"
    salt = emulator.phone_of(account).tokens.salt
    assert len(salt) == 32
    assert await error(alice, message("A1", bob.lid, salted(salt, eve))) == "463"
    assert await error(alice, message("A1", bob.jid, salted(salt, bob))) is None
    assert (await bob.expect("message")).find("cstoken") is None


async def test_who_is_capped_begins_only_so_many_chats(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    others = [await emulator.create_account(name=f"Other {n}") for n in range(3)]
    account = account_of(emulator, "Alice")
    assert await mex(alice, make_iq, "FetchNewChatMessageCappingInfo") == {"capping_status": "NONE"}
    emulator.restrictions.cap(account, 2)
    told = await mex_news(alice, "MessageCappingInfoNotification")
    assert (told["total_quota"], told["used_quota"], told["capping_status"]) == (2, 0, "NONE")
    codes = [await error(alice, message(f"A{n}", other.lid)) for n, other in enumerate(others)]
    assert codes == [None, None, "475"]
    assert await error(alice, message("A3", others[0].jid)) is None, "that is no new chat"
    found = await mex(alice, make_iq, "FetchNewChatMessageCappingInfo")
    assert (found["total_quota"], found["used_quota"]) == (2, 2)
    assert found["capping_status"] == "CAPPED"
    assert int(found["cycle_end_timestamp"]) > int(found["cycle_start_timestamp"])
    emulator.restrictions.cap(account, None)
    assert await error(alice, message("A4", others[2].lid)) is None


async def test_an_account_hears_of_its_restriction_and_can_ask(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    account = account_of(emulator, "Alice")
    free = {
        "is_active": False,
        "enforcement_type": "DEFAULT",
        "time_enforcement_ends": "0",
    }
    assert await mex(alice, make_iq, "FetchReachoutTimelock") == free
    emulator.restrictions.restrict(account, 2_000_000_000)
    bound = {
        "is_active": True,
        "enforcement_type": "WEB_COMPANION_ONLY",
        "time_enforcement_ends": "2000000000",
    }
    assert await mex_news(alice, "NotificationUserReachoutTimelockUpdate") == bound
    assert await mex(alice, make_iq, "FetchReachoutTimelock") == bound
    emulator.restrictions.lift(account)
    assert await mex_news(alice, "NotificationUserReachoutTimelockUpdate") == free
    emulator.restrictions.restrict(account, 1_000_000_000)
    assert await mex(alice, make_iq, "FetchReachoutTimelock") == free, "it is over"
    bob = await emulator.create_account(name="Bob")
    assert await error(alice, message("A1", bob.lid)) is None


async def test_a_guarded_account_is_shown_and_written_to_only_with_its_token(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    jpeg = Node("picture", {"type": "image"}, b"\xff\xd8\xff picture")
    await bob.query(make_iq("set", "w:profile:picture", jpeg))
    await bob.query(make_iq("set", "status", Node("status", {}, b"about Bob")))
    emulator.restrictions.guard(account_of(emulator, "Bob"), is_guarded=True)

    async def picture(inside: list[Node], beside: list[Node]) -> str | None:
        attrs = {"to": Jid("", "s.whatsapp.net"), "type": "get", "xmlns": "w:profile:picture"}
        wish = Node("picture", {"type": "image", "query": "url"}, inside)
        answer = await alice.query(Node("iq", {**attrs, "target": bob.lid.bare}, [wish, *beside]))
        refusal = answer.find("error")
        return None if refusal is None else refusal.get("code")

    async def looked_up(*token: Node) -> list[tuple[str, str | None]]:
        query = Node("query", {}, [Node("status"), Node("picture"), Node("lid")])
        users = Node("list", {}, [Node("user", {"jid": bob.lid.bare}, list(token))])
        question = Node("usync", {"sid": "1", "mode": "query"}, [query, users])
        answer = await alice.query(make_iq("get", "usync", question))
        (user,) = answer.child("usync").child("list").children("user")
        return [(node.tag, node.get("code")) for node in user.children()]

    async def sees_presence(*token: Node) -> bool:
        await alice.send(Node("presence", {"type": "subscribe", "to": bob.lid.bare}, list(token)))
        return any(node.tag == "presence" for node in await alice.settled())

    assert await picture([], []) == "401"
    assert await looked_up() == [("status", "401"), ("lid", None)]
    assert not await sees_presence()
    assert await error(alice, message("A1", bob.lid)) == "463"
    token = tctoken(await token_from(bob, alice, make_iq))
    assert await picture([token], []) is None
    assert await picture([], [token]) is None, "so does Baileys"
    assert await looked_up(token) == [("status", None), ("picture", None), ("lid", None)]
    assert await sees_presence(token)
    assert await error(alice, message("A1", bob.lid, token)) is None
    assert await picture([], []) is None, "now they know each other"


async def test_tokens_belong_into_chats_with_others_only(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    token = tctoken(b"token")
    group = emulator.directory.groups.create(alice.jid.user, "Friends", 1, "lid")
    for name, node in (
        ("A1", message("A1", alice.jid.bare, token)),
        ("A2", message("A2", alice.jid.bare, token, category="peer")),
        ("A3", message("A3", group.jid, token)),
        ("A4", message("A4", Jid("status", "broadcast"), token)),
    ):
        assert await error(alice, node) == "479", name
    assert await error(alice, message("A5", bob.lid, token)) is None


async def test_nobody_is_told_of_a_token_for_oneself(
    emulator: Emulator, linked: Linked, make_iq: Any
) -> None:
    alice = await linked(emulator, "Alice")
    wish = {"jid": str(alice.lid.bare), "type": "trusted_contact", "t": "1"}
    answer = await alice.query(make_iq("set", "privacy", Node("tokens", {}, [Node("token", wish)])))
    assert answer.get("type") == "result"
    assert not [n for n in await alice.settled() if n.get("type") == "privacy_token"]


async def test_limits_are_set_and_shown_by_the_admin_api(
    emulator: Emulator, linked: Linked, http: httpx.AsyncClient
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    base = f"/accounts/{alice.jid.user}"
    limits = (await http.get(f"{base}/limits")).json()
    assert limits == {
        "restricted": False,
        "ends": None,
        "new_chats": None,
        "guarded": False,
        "tokens": {},
    }
    for path, body in (
        ("restriction", {"restricted": True, "ends": 2_000_000_000}),
        ("cap", {"new_chats": 5}),
        ("guard", {"guarded": True}),
    ):
        limits = (await http.post(f"{base}/{path}", json=body)).json()
    assert (limits["restricted"], limits["ends"]) == (True, 2_000_000_000)
    assert (limits["new_chats"], limits["guarded"]) == ({"total": 5, "used": 0}, True)
    given = await http.post(
        f"/accounts/{bob.jid.user}/tokens", json={"to": alice.jid.user, "t": 1_700_000_000}
    )
    assert given.status_code == 200
    told = await alice.expect("notification", lambda n: n.get("type") == "privacy_token")
    assert told.child("tokens").child("token").get("t") == "1700000000"
    for path, body in (("restriction", {}), ("cap", {}), ("guard", {})):
        limits = (await http.post(f"{base}/{path}", json=body)).json()
    assert limits["tokens"] == {bob.jid.user: 1}
    assert (limits["restricted"], limits["new_chats"], limits["guarded"]) == (False, None, False)
    assert (await http.post(f"{base}/cap", json={"new_chats": -1})).status_code == 400
    assert (await http.post("/accounts/15550000000/guard", json={})).status_code == 404


async def test_tokens_and_limits_survive_a_restart(tmp_path: Path) -> None:
    options = EmulatorOptions(plain=True, state=str(tmp_path))
    async with Emulator(options) as emulator:
        alice, bob = [await emulator.create_account(name=name) for name in ("Alice", "Bob")]
        emulator.restrictions.restrict(alice, 2_000_000_000, "BIZ_QUALITY")
        emulator.restrictions.cap(alice, 3)
        emulator.restrictions.guard(alice, is_guarded=True)
        alice.notices.add("20601218")
        alice.status_audience = ("whitelist", (bob.number,))
        phone = emulator.phone_of(alice)
        taken = asyncio.Event()
        take = phone.tokens.on_notification

        def watched(node: Node) -> None:
            take(node)
            taken.set()

        phone.tokens.on_notification = watched  # type: ignore[method-assign]
        await emulator.phone_of(bob).tokens.give(alice.lid)
        await phone.make_token_salt()
        async with asyncio.timeout(5):
            await taken.wait()
        salt = phone.tokens.salt
        held = phone.tokens.conversations()
    async with Emulator(options) as emulator:
        again = emulator.directory.find(alice.number)
        assert again is not None
        assert (again.restriction, again.chat_cap) == (alice.restriction, alice.chat_cap)
        assert (again.tokens, again.notices) == (alice.tokens, alice.notices)
        assert again.is_guarded
        assert again.status_audience == alice.status_audience
        assert again.tokens[bob.number]
        assert emulator.phone_of(again).tokens.salt == salt
        assert emulator.phone_of(again).tokens.conversations() == held
