"""Two Baileys clients and our own one, known to each other and together in a group.

A module of tests shares one: starting clients takes longer than most tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interop.baileys import Baileys
from interop.kinds.files import THUMBNAIL, Files, as_bytes
from support.linked import Linked
from waport.wire import Jid

SUBJECT = "Friends"
STATUS = "status@broadcast"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a Baileys client.

    Attributes:
        jid: the account by phone number, bare.
        lid: the account by hidden id, bare.
    """

    client: Baileys
    jid: Jid
    lid: Jid

    @classmethod
    async def of(cls, client: Baileys) -> Person:
        """Whoever has paired this client."""
        me = await client.me()
        return cls(client, Jid.parse(me["id"]).bare, Jid.parse(me["lid"]).bare)


@dataclass(frozen=True, slots=True)
class World:
    """Alice and Bob use Baileys. Alice made the group; all three are members.

    Attributes:
        files: to be sent.
    """

    alice: Person
    bob: Person
    us: Linked
    group: Jid
    files: Files


async def lid_of(client: Baileys) -> str:
    """A client's account by hidden id, bare."""
    return str(Jid.parse((await client.me())["lid"]).bare)


async def wait_invited(client: Baileys, group: Jid) -> Mapping[str, Any]:
    """The metadata with which a client hears that it is a member."""
    event = await client.wait_event(
        lambda e: e["event"] == "groups.upsert" and any(g["id"] == str(group) for g in e["data"]),
        what=f"group {group}",
    )
    found: Mapping[str, Any] = next(g for g in event["data"] if g["id"] == str(group))
    return found


async def wait_members(client: Baileys, group: Jid, action: str, member: Jid) -> None:
    """Hear that somebody was added, removed, promoted or demoted."""

    def fits(event: Mapping[str, Any]) -> bool:
        if event["event"] != "group-participants.update":
            return False
        data = event["data"]
        named = [p["id"] if isinstance(p, dict) else p for p in data["participants"]]
        return bool(data["id"] == str(group) and data["action"] == action and str(member) in named)

    await client.wait_event(fits, what=f"{action} of {member}")


async def make_group(creator: Baileys, others: Sequence[Person], ours: Linked) -> Jid:
    """A group, once every client knows that it is a member."""
    lids = [str(person.lid) for person in others]
    made = await creator.call("groupCreate", SUBJECT, [*lids, str(ours.lid)])
    group = Jid.parse(made["id"])
    for person in others:
        await wait_invited(person.client, group)
    # Whoever can read this was told of the group before.
    await creator.send_text(str(group), f"welcome to {group.user}")
    for person in others:
        await person.client.wait_text(f"welcome to {group.user}")
    await ours.wait_text(f"welcome to {group.user}")
    return group


async def give_picture(admin: Baileys, group: Jid) -> None:
    """Set a group's picture; Baileys makes no invitation into a group without one."""
    attrs = {"to": "s.whatsapp.net", "target": str(group), "type": "set"}
    picture = {"tag": "picture", "attrs": {"type": "image"}, "content": as_bytes(THUMBNAIL)}
    node = {"tag": "iq", "attrs": attrs | {"xmlns": "w:profile:picture"}, "content": [picture]}
    await admin.call("query", node)


async def make_world(folder: Path, clients: Sequence[Baileys], ours: Linked) -> World:
    """Gather two clients and ours in a group; `folder` is for files."""
    alice, bob = [await Person.of(client) for client in clients]
    group = await make_group(alice.client, [bob], ours)
    await give_picture(alice.client, group)
    return World(alice, bob, ours, group, Files.make(folder))
