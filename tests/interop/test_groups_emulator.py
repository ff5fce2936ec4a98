"""Groups and status posts among stock clients and phones, with the emulator as their server.

Baileys talks to the emulator alone here; our own client is not involved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .baileys import Baileys
    from .conftest import Admin, Launch

pytestmark = pytest.mark.interop

STATUS = "status@broadcast"
TIMEOUT_S = 30.0


async def call(client: Baileys, method: str, *args: Any) -> Any:
    """Any method of Baileys' socket."""
    return await client.command("call", method=method, args=list(args))


async def lid_of(client: Baileys) -> str:
    lid: str = (await client.me())["lid"]
    user, server = lid.split("@")
    return f"{user.split(':')[0]}@{server}"


async def number_of(client: Baileys) -> str:
    return str((await client.me())["id"]).split("@")[0].split(":")[0]


async def wait_invited(client: Baileys, group: str) -> Mapping[str, Any]:
    """The metadata with which a client hears that it is a member."""
    event = await client.wait_event(
        lambda e: e["event"] == "groups.upsert" and any(g["id"] == group for g in e["data"]),
        what=f"group {group}",
    )
    found: Mapping[str, Any] = next(g for g in event["data"] if g["id"] == group)
    return found


async def wait_change(client: Baileys, group: str, action: str, member: str) -> None:
    """Hear that somebody was added, removed, promoted or demoted."""

    def fits(event: Mapping[str, Any]) -> bool:
        if event["event"] != "group-participants.update":
            return False
        data = event["data"]
        named = [p["id"] if isinstance(p, dict) else p for p in data["participants"]]
        return bool(data["id"] == group and data["action"] == action and member in named)

    await client.wait_event(fits, what=f"{action} of {member}")


async def phone_texts(admin: Admin, account: str, count: int) -> list[str | None]:
    """What a phone has read, from the first message on, once there are so many."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            messages = (await admin.get(f"/accounts/{account}/messages"))["messages"]
            if len(messages) >= count:
                return [message["text"] for message in messages]


def comparable(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without what only the news of it says."""
    news = {"author", "authorPn", "authorUsername"}
    return {name: value for name, value in metadata.items() if name not in news}


async def test_clients_and_phones_talk_in_a_group(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice, bob, carol = clients = [
        await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob", "Carol")
    ]
    lids = [await lid_of(client) for client in clients]
    made = await call(alice, "groupCreate", "Friends", [*lids[1:], dora["jid"]])
    group = made["id"]
    assert made["addressingMode"] == "lid"
    roles = {p["id"]: p.get("admin") for p in made["participants"]}
    assert roles == {lids[0]: "superadmin", lids[1]: None, lids[2]: None, dora["lid"]: None}
    for client in (bob, carol):
        assert comparable(await wait_invited(client, group)) == made
    for client in clients:
        assert await call(client, "groupMetadata", group) == made
        assert await call(client, "groupFetchAllParticipating") == {group: made}

    written: list[str] = []
    for turn in range(2):
        for name, client in zip("abc", clients, strict=True):
            written.append(f"{name} {turn}")
            await client.send_text(group, written[-1])
            for other in clients:
                if other is not client:
                    assert (await other.wait_text(written[-1])).chat == group
        written.append(f"d {turn}")
        await admin.send(dora["phone"], group, written[-1])
        for client in clients:
            message = await client.wait_text(written[-1])
            assert (message.chat, message.key["participant"]) == (group, dora["lid"])
    for name, client in zip("abc", clients, strict=True):
        assert client.texts() == [text for text in written if not text.startswith(name)]
        own_phone = await phone_texts(admin, await number_of(client), len(written))
        assert own_phone == written
        checks = await client.checks()
        assert checks["sender_key"]["passed"] > 0
        assert all(count["refused"] == 0 for count in checks.values())
    assert await phone_texts(admin, dora["phone"], 6) == [t for t in written if t[0] != "d"]


async def test_all_companions_of_all_members_read_along(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    alice = await baileys(f"{unique_name} Alice", push_name=unique_name)
    bob = await baileys(f"{unique_name} Bob")
    group = (await call(alice, "groupCreate", "Friends", [await lid_of(bob)]))["id"]
    await wait_invited(bob, group)
    await bob.send_text(group, "one")
    await alice.wait_text("one")
    second = await baileys(f"{unique_name} second", push_name=unique_name)
    # A companion that is new in the middle is given the next key, and what it missed is no loss.
    await bob.send_text(group, "two")
    for client in (alice, second):
        await client.wait_text("two")
    await alice.send_text(group, "three")
    await bob.wait_text("three")
    seen = await second.wait_text("three")
    assert (seen.chat, seen.from_me) == (group, True)
    await second.send_text(group, "four")
    assert (await alice.wait_text("four")).from_me
    await bob.wait_text("four")
    assert second.texts() == ["two"]
    own_phone = await phone_texts(admin, await number_of(alice), 4)
    assert own_phone == ["one", "two", "three", "four"]


async def test_a_group_of_phone_numbers_works_alike(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    numbers = {
        name: f"{await number_of(c)}@s.whatsapp.net" for name, c in (("a", alice), ("b", bob))
    }
    people = [{"tag": "participant", "attrs": {"jid": j}} for j in (numbers["b"], dora["jid"])]
    wish = {"tag": "addressing_mode_override", "attrs": {"mode": "pn"}}
    create = {"tag": "create", "attrs": {"subject": "Numbers"}, "content": [*people, wish]}
    attrs = {"to": "@g.us", "type": "set", "xmlns": "w:g2"}
    made = await call(alice, "query", {"tag": "iq", "attrs": attrs, "content": [create]})
    group = f"{made['content'][0]['attrs']['id']}@g.us"
    metadata = await wait_invited(bob, group)
    assert (metadata["addressingMode"], metadata["owner"]) == ("pn", numbers["a"])
    assert {p["id"] for p in metadata["participants"]} == {*numbers.values(), dora["jid"]}
    await alice.send_text(group, "one")
    await bob.wait_text("one")
    await bob.send_text(group, "two")
    await alice.wait_text("two")
    await admin.send(dora["phone"], group, "three")
    for client in (alice, bob):
        assert (await client.wait_text("three")).key["participant"] == dora["jid"]
    assert await phone_texts(admin, dora["phone"], 2) == ["one", "two"]


async def test_a_new_member_cannot_read_back_and_a_removed_one_cannot_read_on(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    alice, bob, carol = [
        await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob", "Carol")
    ]
    bob_lid, carol_lid = await lid_of(bob), await lid_of(carol)
    group = (await call(alice, "groupCreate", "Friends", [bob_lid]))["id"]
    await wait_invited(bob, group)
    await alice.send_text(group, "one")
    await bob.wait_text("one")

    (added,) = await call(alice, "groupParticipantsUpdate", group, [carol_lid], "add")
    assert (added["status"], added["jid"]) == ("200", carol_lid)
    assert len((await wait_invited(carol, group))["participants"]) == 3
    await wait_change(bob, group, "add", carol_lid)
    for sender, text, readers in ((alice, "two", (bob, carol)), (bob, "three", (alice, carol))):
        await sender.send_text(group, text)
        for reader in readers:
            await reader.wait_text(text)

    (removed,) = await call(alice, "groupParticipantsUpdate", group, [bob_lid], "remove")
    assert removed["status"] == "200"
    for client in (bob, carol):
        await wait_change(client, group, "remove", bob_lid)
    await alice.send_text(group, "four")
    await carol.wait_text("four")
    assert carol.texts() == ["two", "three", "four"]
    # What would have come to Bob has come before this answer.
    await admin.send(await number_of(carol), bob_lid, "still there?")
    await bob.wait_text("still there?")
    assert bob.texts() == ["one", "two", "still there?"]
    with pytest.raises(Exception, match="forbidden"):
        await call(bob, "groupMetadata", group)


async def test_every_property_that_changes_is_told_and_read_back(
    baileys: Launch, driver: Any, unique_name: str
) -> None:
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    bob_lid = await lid_of(bob)
    group = (await call(alice, "groupCreate", "Friends", [bob_lid]))["id"]
    await wait_invited(bob, group)

    async def told(name: str, value: Any) -> None:
        def fits(event: Mapping[str, Any]) -> bool:
            return event["event"] == "groups.update" and any(
                update["id"] == group and update.get(name) == value for update in event["data"]
            )

        await bob.wait_event(fits, what=f"{name} = {value}")

    await call(alice, "groupUpdateSubject", group, "Frïends")
    await told("subject", "Frïends")
    await call(alice, "groupUpdateDescription", group, "what for")
    await told("desc", "what for")
    await call(alice, "groupUpdateDescription", group, "what else")
    await told("desc", "what else")
    await call(alice, "groupSettingUpdate", group, "announcement")
    await told("announce", True)
    await call(alice, "groupSettingUpdate", group, "locked")
    await told("restrict", True)
    await call(alice, "groupToggleEphemeral", group, 86_400)
    await call(alice, "groupMemberAddMode", group, "admin_add")
    await told("memberAddMode", False)
    await call(alice, "groupJoinApprovalMode", group, "on")
    await told("joinApprovalMode", True)
    await call(alice, "groupParticipantsUpdate", group, [bob_lid], "promote")
    await wait_change(bob, group, "promote", bob_lid)
    metadata = await call(bob, "groupMetadata", group)
    assert metadata == await call(alice, "groupMetadata", group)
    assert (metadata["subject"], metadata["desc"]) == ("Frïends", "what else")
    assert metadata["ephemeralDuration"] == 86_400
    assert [metadata[name] for name in ("announce", "restrict", "joinApprovalMode")] == [True] * 3
    assert metadata["memberAddMode"] is False
    assert [p["admin"] for p in metadata["participants"]] == ["superadmin", "admin"]

    for setting, name in (("not_announcement", "announce"), ("unlocked", "restrict")):
        await call(alice, "groupSettingUpdate", group, setting)
        await told(name, False)
    await call(alice, "groupParticipantsUpdate", group, [bob_lid], "demote")
    await wait_change(bob, group, "demote", bob_lid)
    with pytest.raises(driver.DriverError, match="not-authorized"):
        await call(bob, "groupSettingUpdate", group, "locked")


async def test_a_link_leads_in_and_with_approval_an_admin_decides(
    baileys: Launch, unique_name: str
) -> None:
    alice, bob, carol = [
        await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob", "Carol")
    ]
    carol_lid = await lid_of(carol)
    group = (await call(alice, "groupCreate", "Friends", []))["id"]
    code = await call(alice, "groupInviteCode", group)
    info = await call(bob, "groupGetInviteInfo", code)
    assert (info["id"], info["subject"], info["size"]) == (group, "Friends", 1)
    assert await call(bob, "groupAcceptInvite", code) == group
    await wait_invited(bob, group)
    await wait_change(alice, group, "add", await lid_of(bob))
    await bob.send_text(group, "I am in")
    await alice.wait_text("I am in")

    await call(alice, "groupJoinApprovalMode", group, "on")
    fresh = await call(alice, "groupRevokeInvite", group)
    assert fresh != code
    with pytest.raises(Exception, match="gone"):
        await call(carol, "groupAcceptInvite", code)
    assert await call(carol, "groupAcceptInvite", fresh) is None
    (waiting,) = await call(alice, "groupRequestParticipantsList", group)
    assert (waiting["jid"], waiting["request_method"]) == (carol_lid, "invite_link")
    decided = await call(alice, "groupRequestParticipantsUpdate", group, [carol_lid], "approve")
    assert decided == [{"status": "200", "jid": carol_lid}]
    await wait_invited(carol, group)
    await alice.send_text(group, "welcome")
    await carol.wait_text("welcome")
    await call(carol, "groupLeave", group)
    await wait_change(alice, group, "remove", carol_lid)


async def test_receipts_and_reading_in_a_group_reach_the_author(
    baileys: Launch, unique_name: str
) -> None:
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    bob_lid = await lid_of(bob)
    group = (await call(alice, "groupCreate", "Friends", [bob_lid]))["id"]
    await wait_invited(bob, group)
    name = await alice.send_text(group, "hello")

    def receipts(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Those for our message; one that came early is folded into the message itself."""
        if event["event"] == "message-receipt.update":
            return [u["receipt"] for u in event["data"] if u["key"]["id"] == name]
        if event["event"] == "messages.upsert":
            raws = [m["raw"] for m in event["messages"] if m["key"]["id"] == name]
            return [receipt for raw in raws for receipt in raw.get("userReceipt") or ()]
        return []

    async def seen(kind: str) -> None:
        def fits(event: Mapping[str, Any]) -> bool:
            return any(r["userJid"] == bob_lid and r.get(kind) for r in receipts(event))

        await alice.wait_event(fits, what=kind)

    message = await bob.wait_text("hello")
    await seen("receiptTimestamp")
    await bob.read(message.key)
    await seen("readTimestamp")


async def test_a_group_message_that_cannot_be_read_is_sent_again_to_one_device(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice, bob, carol = [
        await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob", "Carol")
    ]
    people = [await lid_of(bob), await lid_of(carol), dora["lid"]]
    group = (await call(alice, "groupCreate", "Friends", people))["id"]
    for client in (bob, carol):
        await wait_invited(client, group)
    await alice.send_text(group, "one")
    await admin.send(dora["phone"], group, "two")
    for client in (bob, carol):
        await client.wait_text("two")
    await bob.faults(corrupt_in=1)
    await alice.send_text(group, "of alice")
    for client in (bob, carol):
        await client.wait_text("of alice")
    await bob.faults(corrupt_in=1)
    await admin.send(dora["phone"], group, "of dora")
    for client in (bob, carol):
        await client.wait_text("of dora")
    await alice.send_text(group, "last")
    for client in (bob, carol):
        await client.wait_text("last")
        assert client.texts() == ["one", "two", "of alice", "of dora", "last"]
    texts = await phone_texts(admin, dora["phone"], 3)
    assert texts == ["one", "of alice", "last"]


async def test_a_member_that_was_away_gets_all_of_it_in_order(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    people = [await lid_of(bob), dora["lid"]]
    group = (await call(alice, "groupCreate", "Friends", people))["id"]
    await wait_invited(bob, group)
    await alice.send_text(group, "before")
    await bob.wait_text("before")
    await bob.stop()
    expected = []
    for number in range(5):
        await alice.send_text(group, f"alice {number}")
        await admin.send(dora["phone"], group, f"dora {number}")
        expected += [f"alice {number}", f"dora {number}"]
    await call(alice, "groupUpdateSubject", group, "Later")
    bob = await baileys(f"{unique_name} Bob")
    for text in expected:
        await bob.wait_text(text)
    assert bob.texts() == expected
    assert (await call(bob, "groupMetadata", group))["subject"] == "Later"


async def test_a_status_post_reaches_contacts(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice, bob, carol = [
        await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob", "Carol")
    ]
    bob_lid = await lid_of(bob)
    await alice.send_text(bob_lid, "hello")
    await bob.wait_text("hello")
    audience = {"statusJidList": [bob_lid, dora["lid"]]}
    await call(alice, "sendMessage", STATUS, {"text": "my day"}, audience)
    post = await bob.wait_text("my day")
    assert (post.chat, post.key["participant"]) == (STATUS, await lid_of(alice))
    assert await phone_texts(admin, dora["phone"], 1) == ["my day"]
    # A phone shows its posts to everybody it knows: Dora has had to do with Alice alone.
    await admin.send(dora["phone"], STATUS, "mine too")
    assert (await alice.wait_text("mine too")).chat == STATUS
    assert carol.texts() == []
    assert bob.texts() == ["hello", "my day"]
