"""Who hears of a companion that comes or goes, and the hash of a list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from waport.emulator import Emulator
from waport.emulator.notifications import phash
from waport.wire import Jid

Linked = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (
            [
                Jid("15550001111", "s.whatsapp.net"),
                Jid("15550001111", "s.whatsapp.net", 1),
                Jid("15550002222", "s.whatsapp.net"),
            ],
            "2:jotsfOD4",
        ),
        (
            [
                Jid("100000000000001", "lid"),
                Jid("100000000000002", "lid", 33),
                Jid("100000000000002", "lid"),
            ],
            "2:95Kr2zGt",
        ),
    ],
)
def test_phash_gives_the_published_values(devices: list[Jid], expected: str) -> None:
    assert phash(devices) == expected


async def test_a_new_companion_is_announced_to_contacts_and_own_devices(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob, stranger = [await linked(emulator, name) for name in ("Alice", "Bob", "Carol")]
    await emulator.phone_of(emulator.directory.by_name("Alice")).send_text(  # type: ignore[arg-type]
        bob.lid.bare, "hello"
    )
    await alice.ack_all()
    await bob.ack_all()
    second = await linked(emulator, "Alice")
    for listener in (alice, bob):
        notice = await listener.expect("notification", lambda node: node.get("type") == "devices")
        added = notice.child("add")
        assert (notice.jid("from"), notice.jid("lid")) == (alice.jid.bare, alice.lid.bare)
        device = added.child("device")
        assert (device.jid("jid"), device.jid("lid")) == (second.jid, second.lid)
        assert device.get("key-index") == "2"
        by_lid = await listener.expect("notification", lambda node: node.get("type") == "devices")
        assert by_lid.jid("from") == alice.lid.bare
        assert by_lid.child("add").child("device").jid("jid") == second.lid
        assert by_lid.child("add").get("device_hash") == added.get("device_lid_hash")
        assert added.child("key-index-list").data
        assert added.get("device_hash") == phash([alice.jid.bare, alice.jid, second.jid])
        assert added.get("device_lid_hash") == phash([alice.lid.bare, alice.lid, second.lid])
    own = await alice.expect("notification", lambda node: node.get("type") == "account_sync")
    assert len(own.child("devices").children("device")) == 3
    assert [n for n in await stranger.settled() if n.tag == "notification"] == []


async def test_a_notification_comes_again_until_it_is_acked(
    emulator: Emulator, linked: Linked
) -> None:
    alice = await linked(emulator, "Alice")
    await linked(emulator, "Alice")
    first = await alice.expect("notification", lambda node: node.get("type") == "devices")
    await alice.close()
    await alice.log_in()
    again = await alice.expect("notification", lambda node: node.get("type") == "devices")
    assert again.get("id") == first.get("id")
    assert again.get("offline") is not None
    await alice.ack_all()
    await alice.ack(again)
    await alice.settled()
    await alice.close()
    await alice.log_in()
    await alice.expect("ib", lambda node: node.find("offline") is not None)
    kinds = [n.get("type") for n in alice.kept if n.tag == "notification"]
    assert "devices" not in kinds


async def test_a_companion_that_goes_is_announced_to_contacts(
    emulator: Emulator, linked: Linked
) -> None:
    alice, bob = await linked(emulator, "Alice"), await linked(emulator, "Bob")
    account = emulator.directory.by_name("Alice")
    assert account is not None
    await emulator.phone_of(account).send_text(bob.lid.bare, "hello")
    await bob.ack_all()
    assert await emulator.unlink(account) == [1]
    for own, phone in ((alice.jid, account.jid), (alice.lid, account.lid)):
        notice = await bob.expect("notification", lambda node: node.get("type") == "devices")
        removed = notice.child("remove")
        assert (notice.jid("from"), removed.child("device").jid("jid")) == (phone, own)
        assert removed.get("device_hash") == phash([phone])
