"""Groups come back as they were, whatever they hold."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from waport.errors import InvalidInput
from waport.model import AddressingMode, Group, GroupMember, MemberRole
from waport.store import Database, UnitOfWork
from waport.wire import Jid

ANN = Jid.parse("15550001111@s.whatsapp.net")
ANN_LID = Jid.parse("100000000000001@lid")
BOB_LID = Jid.parse("100000000000002@lid")
JID = Jid.parse("120363000000000001@g.us")
OTHER = Jid.parse("120363000000000002@g.us")

FULL = Group(
    jid=JID,
    subject='Käse & "Wein" 🧀\0\ud800',
    subject_at=1,
    subject_by=ANN,
    created_at=2,
    creator=ANN_LID,
    description="line\nline",
    description_id="3EB0",
    description_at=3,
    description_by=BOB_LID,
    addressing=AddressingMode.PN,
    members=(
        GroupMember(ANN_LID, ANN, ANN_LID, MemberRole.SUPERADMIN, "the boss"),
        GroupMember(ANN, ANN, None, MemberRole.ADMIN),
        GroupMember(ANN, None, ANN_LID),
        GroupMember(BOB_LID),
    ),
    size=5,
    is_announcement=True,
    is_locked=True,
    expiration_s=2**32 - 1,
    needs_approval=True,
    only_admins_add=True,
    only_admins_link=True,
    only_admins_share_history=True,
    is_community=True,
    parent=OTHER,
    is_default_subgroup=True,
    needs_ack=True,
    flags=("hidden_group", "support"),
    is_suspended=True,
    is_left=True,
    is_truncated=True,
    notices=("1", "2"),
    participants_version="17",
    info_version="18",
    fetched_at=2**62,
)


def test_the_full_group_leaves_no_field_as_it_is_by_default() -> None:
    plain = Group(OTHER)
    assert [f.name for f in fields(Group) if getattr(FULL, f.name) == getattr(plain, f.name)] == []


@pytest.mark.parametrize("group", [FULL, Group(JID)], ids=["full", "plain"])
async def test_a_group_comes_back_as_it_was(database: Database, group: Group) -> None:
    assert await database.read("s", lambda work: work.groups.get(JID)) is None
    await database.write("s", lambda work: work.groups.put(group))
    assert await database.read("s", lambda work: work.groups.get(JID)) == group
    assert await database.read("else", lambda work: work.groups.get(JID)) is None


async def test_the_last_state_of_a_group_counts_until_it_is_deleted(database: Database) -> None:
    smaller = replace(FULL, members=FULL.members[:1], subject="")

    def job(work: UnitOfWork) -> list[list[Group]]:
        seen = []
        for group in (Group(OTHER), FULL, smaller):
            work.groups.put(group)
            seen.append(work.groups.all())
        work.groups.delete(OTHER)
        work.groups.delete(OTHER)
        return [*seen, work.groups.all()]

    assert await database.write("s", job) == [
        [Group(OTHER)],
        [FULL, Group(OTHER)],
        [smaller, Group(OTHER)],
        [smaller],
    ]
    assert await database.read("else", lambda work: work.groups.all()) == []


async def test_a_member_whose_address_would_be_read_as_another_is_refused(
    database: Database,
) -> None:
    for member in (GroupMember(Jid("1 2", "lid")), GroupMember(ANN, lid=Jid("1:2", "lid"))):
        with pytest.raises(InvalidInput):
            await database.write(
                "s", lambda work, m=member: work.groups.put(Group(JID, members=(m,)))
            )
    assert await database.read("s", lambda work: work.groups.all()) == []


MEMBER = [str(ANN_LID), None, 1, "", ""]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        "[" * 100_000,
        {"addressing": "dove"},
        {"members": 5},
        {"members": [7]},
        {"members": [MEMBER[:4]]},
        {"members": [[*MEMBER, ""]]},
        {"members": [["nobody", *MEMBER[1:]]]},
        {"members": [[str(ANN_LID), 2, 1, "", ""]]},
        {"members": [[str(ANN_LID), "nobody", 1, "", ""]]},
        {"members": [[str(ANN_LID), None, {}, "", ""]]},
        {"members": [[*MEMBER[:3], "king", ""]]},
        {"members": [[*MEMBER[:3], [], ""]]},
        {"members": [[*MEMBER[:4], 5]]},
        {"subject": None},
        {"flags": "hidden"},
        {"flags": [5]},
        {"size": "5"},
        {"size": True},
        {"size": 1.5},
        {"is_left": 1},
        {"creator": "nobody"},
        {"parent": 5},
    ],
    ids=str,
)
async def test_a_row_that_makes_no_sense_counts_as_none(
    database: Database, data: str | dict[str, Any]
) -> None:
    if isinstance(data, dict):
        data = json.dumps({"addressing": "lid", "members": [MEMBER]} | data)
    await database.write("s", lambda work: work.groups.put(Group(JID)))
    await database.write(
        "s", lambda work: work.groups._db.run(f"UPDATE groups SET data = '{data}'")
    )
    await database.write("s", lambda work: work.groups.put(Group(OTHER)))
    assert await database.read("s", lambda work: work.groups.get(JID)) is None
    assert await database.read("s", lambda work: work.groups.all()) == [Group(OTHER)]
