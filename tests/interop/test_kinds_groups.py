"""Three Baileys clients and ours in a group whose members change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from interop.kinds.talks import fresh
from interop.kinds.world import Person, make_group, wait_invited, wait_members
from support.linked import Linked
from waport.errors import NotAuthorized
from waport.model import GroupChanged, MessageUndecryptable
from waport.model.group import GroupChangeKind
from waport.wire import Jid

if TYPE_CHECKING:
    from .conftest import Admin, Launch

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("kinds-groups")]


async def heard(us: Linked, kind: GroupChangeKind, member: Jid) -> GroupChanged:
    """Wait until we have heard what happened to a member."""
    return await us.events.until(
        GroupChanged,
        lambda event: event.change.kind is kind and member in event.change.members,
    )


async def say(sender: Person | Linked, group: Jid, readers: Sequence[Person | Linked]) -> str:
    """Write to the group; these have read it then."""
    text = fresh("said")
    if isinstance(sender, Linked):
        await sender.client.messages.send_text(group, text)
    else:
        await sender.client.send_text(str(group), text)
    for reader in readers:
        if reader is sender:
            continue
        if isinstance(reader, Linked):
            assert (await reader.wait_text(text)).key.chat == group
        else:
            assert (await reader.client.wait_text(text)).chat == str(group)
    return text


async def all_say(group: Jid, people: Sequence[Person | Linked]) -> list[str]:
    """Everybody writes, and everybody else reads it."""
    return [await say(person, group, people) for person in people]


async def wait_still(admin: Admin, person: Person, sender: Person) -> None:
    """What would have come to somebody until now has come."""
    text = fresh("still there?")
    await admin.send(sender.jid.user, str(person.lid), text)
    await person.client.wait_text(text)


def read_in(person: Person, group: Jid) -> list[str]:
    """What somebody has read in the group, own messages left out."""
    return [
        message.text or ""
        for message in person.client.received()
        if message.chat == str(group) and not message.from_me
    ]


async def people(baileys: Launch, names: str, **options: Any) -> tuple[Person, Person, Person]:
    """Alice, Bob and Carol."""
    alice, bob, carol = [
        await Person.of(await baileys(f"{names} {name}", **options))
        for name in ("Alice", "Bob", "Carol")
    ]
    return alice, bob, carol


@pytest.mark.parametrize("is_ours", [False, True], ids=["their group", "our group"])
async def test_who_joins_can_not_read_back_and_who_is_removed_can_not_read_on(
    baileys: Launch, admin: Admin, ours: Linked, unique_name: str, is_ours: bool
) -> None:
    alice, bob, carol = await people(baileys, unique_name)
    if is_ours:
        created = await ours.client.groups.create("Friends", [alice.jid, bob.jid])
        group = created.group.jid
        for person in (alice, bob):
            await wait_invited(person.client, group)
    else:
        group = await make_group(alice.client, [bob], ours)
    before = len(read_in(bob, group))
    first = await all_say(group, [alice, bob, ours])

    if is_ours:
        await ours.client.groups.add(group, [carol.jid])
    else:
        await alice.client.call("groupParticipantsUpdate", str(group), [str(carol.lid)], "add")
        await heard(ours, GroupChangeKind.ADD, carol.lid)
    await wait_invited(carol.client, group)
    for person in (alice, bob):
        await wait_members(person.client, group, "add", carol.lid)
    second = await all_say(group, [alice, bob, ours, carol])

    if is_ours:
        await ours.client.groups.remove(group, [bob.jid])
    else:
        await alice.client.call("groupParticipantsUpdate", str(group), [str(bob.lid)], "remove")
        await heard(ours, GroupChangeKind.REMOVE, bob.lid)
    for person in (alice, bob, carol):
        await wait_members(person.client, group, "remove", bob.lid)
    third = await all_say(group, [alice, ours, carol])

    await wait_still(admin, bob, carol)
    alice_1, bob_1, ours_1 = first
    alice_2, bob_2, ours_2, carol_2 = second
    alice_3, ours_3, carol_3 = third
    assert read_in(bob, group)[before:] == [alice_1, ours_1, alice_2, ours_2, carol_2]
    assert read_in(carol, group) == [alice_2, bob_2, ours_2, alice_3, ours_3]
    theirs = [alice_1, bob_1, alice_2, bob_2, carol_2, alice_3, carol_3]
    assert ours.texts(group)[-len(theirs) :] == theirs
    assert ours.events.of(MessageUndecryptable) == []
    members = {member.jid for member in (await ours.client.groups.info(group)).members}
    assert members == {alice.lid, carol.lid, ours.lid}


async def test_our_ciphertexts_open_for_members_alone(
    baileys: Launch, ours: Linked, driver: Any, unique_name: str
) -> None:
    """Even with the ciphertext in hand a former or a new member has no key for it."""
    alice, bob, carol = await people(baileys, unique_name, report_plaintext=True)
    group = await make_group(alice.client, [bob], ours)
    early = await send(ours, group, [alice, bob])

    await alice.client.call("groupParticipantsUpdate", str(group), [str(carol.lid)], "add")
    await heard(ours, GroupChangeKind.ADD, carol.lid)
    await wait_invited(carol.client, group)
    await send(ours, group, [alice, bob, carol])
    with pytest.raises(driver.DriverError):
        await carol.client.open_sealed(bob.client.sealed(early))

    # A member whose copy was lost could read this one.
    await bob.client.faults(ignore=["message"])
    middle = await send(ours, group, [alice, carol])
    await bob.client.open_sealed(carol.client.sealed(middle))
    await bob.client.faults(ignore=[])

    await alice.client.call("groupParticipantsUpdate", str(group), [str(bob.lid)], "remove")
    await heard(ours, GroupChangeKind.REMOVE, bob.lid)
    late = await send(ours, group, [alice, carol])
    with pytest.raises(driver.DriverError):
        await bob.client.open_sealed(carol.client.sealed(late))


async def send(us: Linked, group: Jid, readers: Sequence[Person]) -> str:
    """Write to the group; these have read it then. The message id."""
    message = await us.client.messages.send_text(group, fresh("ours"))
    for reader in readers:
        await reader.client.wait_message(message.key.id)
    return message.key.id


async def test_we_read_as_long_as_we_are_members(
    baileys: Launch, admin: Admin, ours: Linked, unique_name: str
) -> None:
    alice, bob, carol = await people(baileys, unique_name)
    made = await alice.client.call("groupCreate", "Friends", [str(bob.lid), str(carol.lid)])
    group = Jid.parse(made["id"])
    for person in (bob, carol):
        await wait_invited(person.client, group)
    await all_say(group, [alice, bob, carol])

    us = [str(ours.lid)]
    await alice.client.call("groupParticipantsUpdate", str(group), us, "add")
    for person in (bob, carol):
        await wait_members(person.client, group, "add", ours.lid)
    said = await all_say(group, [alice, bob, carol, ours])

    await alice.client.call("groupParticipantsUpdate", str(group), us, "remove")
    for person in (bob, carol):
        await wait_members(person.client, group, "remove", ours.lid)
    await heard(ours, GroupChangeKind.REMOVE, ours.lid)
    await all_say(group, [alice, bob, carol])
    await admin.send(alice.jid.user, str(ours.lid), "still there?")
    await ours.wait_text("still there?")
    assert ours.texts(group) == said[:3]
    assert ours.events.of(MessageUndecryptable) == []
    with pytest.raises(NotAuthorized):
        await ours.client.messages.send_text(group, "let me in")
