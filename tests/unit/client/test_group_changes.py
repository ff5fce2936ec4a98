"""Changing groups: their members and their properties."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.group_server import EMPTY, Asking, made, person
from support.groups import CAROL_LID, CAROL_PN, DAVE_LID, DAVE_PN, GROUP
from waport.client.features.groups import Groups
from waport.errors import (
    Conflict,
    InvalidInput,
    NotAuthorized,
    NotFound,
    QueryError,
)
from waport.model import AddressingMode, GroupChanged, GroupMember, MemberRole
from waport.model.group import (
    GroupInvitation,
)
from waport.wire import Jid, Node

Call = Callable[[Groups], Awaitable[Any]]


@pytest.fixture
async def room(account: Account) -> Asking:
    """A room in which the numbers of all but Dave are known."""
    room = Asking(account)
    await room.learn_all()
    return room


# --- members --------------------------------------------------------------------------------------


async def test_people_are_added_and_each_has_a_result(room: Asking) -> None:
    before = await room.put(members=(GroupMember(OWN_LID.bare, OWN_PN.bare, OWN_LID.bare),), size=1)
    invited = Node("add_request", {"code": "X7", "expiration": "1700009999"})
    room.server.will(
        Node(
            "add",
            {},
            [
                person(PEER_LID),
                person(DAVE_LID, phone_number=DAVE_PN),
                person(CAROL_LID, invited, error="403"),
                person(Jid("100000000000009", "lid"), Node("membership_approval_request")),
            ],
        )
    )
    results = await room.groups.add(GROUP, [PEER_PN, DAVE_PN, CAROL_PN])
    assert room.asked() == Node(
        "add",
        {},
        [
            person(PEER_LID, phone_number=PEER_PN),
            person(DAVE_PN),
            person(CAROL_LID, phone_number=CAROL_PN),
        ],
    )
    assert [(result.pn, result.code) for result in results] == [
        (PEER_PN, 200),
        (DAVE_PN, 200),
        (CAROL_PN, 403),
        (None, 200),
    ]
    assert [result.is_requested for result in results] == [False, False, False, True]
    # Those who are in stand there at once; the notification says it again.
    known = await room.stored()
    assert known.members == (
        *before.members,
        GroupMember(PEER_LID, PEER_PN, PEER_LID),
        GroupMember(DAVE_LID, DAVE_PN, DAVE_LID),
    )
    assert (known.size, known.participants_version) == (3, "10")
    assert await room.lid_of(DAVE_PN) == DAVE_LID
    assert room.account.sink.recorded == []


async def test_the_notification_of_an_own_change_changes_nothing_more(room: Asking) -> None:
    await room.put()
    room.server.will(Node("add", {}, [person(DAVE_LID, phone_number=DAVE_PN)]))
    await room.groups.add(GROUP, [DAVE_PN])
    before = await room.stored()
    added = Node("add", {"prev_v_id": "10", "v_id": "11"}, [person(DAVE_LID, phone_number=DAVE_PN)])
    attrs = {"from": GROUP, "type": "w:gp2", "id": "N1", "participant": OWN_LID}
    work = await room.account.handle(
        room.groups.handle_notification, Node("notification", attrs, [added])
    )
    assert await room.stored() == replace(before, participants_version="11", notices=("N1",))
    (event,) = room.account.sink.recorded
    assert isinstance(event, GroupChanged)
    assert (event.author, event.change.pns) == (OWN_PN.bare, (DAVE_PN,))
    assert work.follow_ups == []


async def test_a_result_that_notifications_have_overtaken_changes_nothing(
    room: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await room.put()
    later = replace(before, participants_version="12")
    answer = room.server.send

    def overtake(node: Node) -> None:
        room.account.database.submit(SESSION, lambda store: store.groups.put(later))
        answer(node)

    monkeypatch.setattr(room.server, "send", overtake)
    room.server.will(Node("remove", {}, [person(CAROL_LID)]))
    await room.groups.remove(GROUP, [CAROL_PN])
    assert await room.stored() == later


@pytest.mark.parametrize(
    ("named", "mode", "expected"),
    [
        (CAROL_PN, AddressingMode.LID, CAROL_LID),
        (CAROL_LID, AddressingMode.LID, CAROL_LID),
        (CAROL_LID.with_device(3), AddressingMode.PN, CAROL_PN),
        (CAROL_PN, AddressingMode.PN, CAROL_PN),
        (DAVE_PN, AddressingMode.LID, DAVE_PN),
        (DAVE_LID, AddressingMode.PN, DAVE_LID),
    ],
)
async def test_people_are_named_as_the_group_names_them_where_that_is_known(
    room: Asking, named: Jid, mode: AddressingMode, expected: Jid
) -> None:
    await room.put(addressing=mode, members=())
    room.server.will(Node("promote"))
    assert await room.groups.promote(GROUP, [named]) == ()
    assert room.asked().children() == [person(expected)]


async def test_members_are_named_as_the_list_names_them(room: Asking) -> None:
    await room.put(members=(GroupMember(DAVE_LID, DAVE_PN, DAVE_LID),))
    room.server.will(Node("remove", {}, [person(DAVE_LID)]))
    await room.groups.remove(GROUP, [DAVE_PN])
    assert room.asked().children() == [person(DAVE_LID)]


async def test_members_who_were_removed_are_gone_and_our_key_with_them(room: Asking) -> None:
    await room.put()
    await room.tell_key(CAROL_LID.signal_address)
    room.server.will(Node("remove", {}, [person(PEER_LID, error="406"), person(CAROL_LID)]))
    results = await room.groups.remove(GROUP, [PEER_PN, CAROL_PN])
    assert [result.code for result in results] == [406, 200]
    known = await room.stored()
    assert (known.member(CAROL_PN), known.size) == (None, 2)
    assert known.member(PEER_PN) is not None
    assert await room.key() == (False, set())


async def test_roles_follow(room: Asking) -> None:
    await room.put()
    room.server.will(
        Node("promote", {}, [person(CAROL_LID)]), Node("demote", {}, [person(CAROL_LID)])
    )
    await room.groups.promote(GROUP, [CAROL_PN])
    member = (await room.stored()).member(CAROL_LID)
    assert member is not None
    assert member.role is MemberRole.ADMIN
    await room.groups.demote(GROUP, [CAROL_PN])
    member = (await room.stored()).member(CAROL_LID)
    assert member is not None
    assert member.role is MemberRole.MEMBER


VERBS: list[Callable[[Groups, Jid, list[Jid]], Awaitable[Any]]] = [
    Groups.add,
    Groups.remove,
    Groups.promote,
    Groups.demote,
    lambda groups, jid, people: groups.decide_requests(jid, people, approve=True),
]


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_and_nonsense_are_refused_at_once(room: Asking, verb: Any) -> None:
    await room.put()
    with pytest.raises(InvalidInput, match="at least one"):
        await verb(room.groups, GROUP, [])
    with pytest.raises(InvalidInput, match="people"):
        await verb(room.groups, GROUP, [PEER_PN, GROUP])
    with pytest.raises(InvalidInput, match="address"):
        await verb(room.groups, PEER_PN, [CAROL_PN])
    assert room.server.asked == []


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("code", "error"), [(404, NotFound), (403, NotAuthorized)])
async def test_an_unknown_group_is_asked_for_first(
    room: Asking, verb: Any, code: int, error: type[QueryError]
) -> None:
    room.server.will(code)
    with pytest.raises(error):
        await verb(room.groups, GROUP, [PEER_PN])
    assert room.asked().tag == "query"


async def test_who_is_no_admin_is_told_so(room: Asking) -> None:
    before = await room.put()
    room.server.will(401)
    with pytest.raises(NotAuthorized):
        await room.groups.remove(GROUP, [PEER_PN])
    assert await room.stored() == before


# --- properties -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "tag", "changes"),
    [
        (
            lambda groups: groups.set_subject(GROUP, "Köln"),
            "subject",
            {"subject": "Köln", "subject_at": NOW, "subject_by": OWN_PN.bare},
        ),
        (lambda g: g.set_announcement(GROUP, True), "announcement", {"is_announcement": True}),
        (lambda g: g.set_announcement(GROUP, False), "not_announcement", {}),
        (lambda g: g.set_locked(GROUP, True), "locked", {"is_locked": True}),
        (lambda g: g.set_locked(GROUP, False), "unlocked", {}),
        (lambda g: g.set_timer(GROUP, 86_400), "ephemeral", {"expiration_s": 86_400}),
        (lambda g: g.set_timer(GROUP, 0), "not_ephemeral", {}),
        (
            lambda g: g.set_approval(GROUP, True),
            "membership_approval_mode",
            {"needs_approval": True},
        ),
        (
            lambda g: g.set_member_add_mode(GROUP, True),
            "member_add_mode",
            {"only_admins_add": True},
        ),
        (lambda g: g.set_member_add_mode(GROUP, False), "member_add_mode", {}),
    ],
)
async def test_a_property_that_we_set_stands_in_the_store_once_it_is_confirmed(
    room: Asking, call: Call, tag: str, changes: dict[str, Any]
) -> None:
    before = await room.put()
    room.server.will(401, EMPTY)
    with pytest.raises(NotAuthorized):
        await call(room.groups)
    assert await room.stored() == before
    await call(room.groups)
    assert [child.tag for child in room.server.children] == [tag, tag]
    assert room.server.asked[0].jid("to") == GROUP
    assert await room.stored() == replace(before, **changes)
    assert room.account.sink.recorded == []


async def test_properties_of_a_group_that_is_not_known_can_be_set(room: Asking) -> None:
    room.server.will(EMPTY, EMPTY)
    await room.groups.set_subject(GROUP, "Köln")
    await room.groups.set_locked(GROUP, True)
    assert await room.account.read(lambda store: store.groups.all()) == []


async def test_our_new_name_is_that_of_the_chat(room: Asking) -> None:
    await room.put()
    room.server.will(EMPTY)
    await room.groups.set_subject(GROUP, "Köln")
    chat = await room.account.read(lambda store: store.chats.get(GROUP))
    assert chat.name == "Köln"


async def test_a_description_replaces_the_one_that_is_known(room: Asking) -> None:
    await room.put(description="Old", description_id="D1")
    room.server.will(EMPTY, EMPTY)
    await room.groups.set_description(GROUP, "New")
    known = await room.stored()
    (first,) = room.server.children
    assert (first.get("prev"), first.child("body").text) == ("D1", "New")
    assert (known.description, known.description_id) == ("New", first.attr("id"))
    assert (known.description_at, known.description_by) == (NOW, OWN_PN.bare)
    await room.groups.set_description(GROUP, "")
    second = room.server.children[1]
    assert (second.get("prev"), second.get("delete")) == (first.attr("id"), "true")
    known = await room.stored()
    assert (known.description, known.description_id, known.description_by) == ("", "", None)


async def test_a_description_of_somebody_else_is_read_before_it_is_replaced(room: Asking) -> None:
    await room.put(description_id="D1")
    theirs = Node("description", {"id": "D2"}, [Node("body", {}, b"Theirs")])
    fresh = made(p_v_id="11", a_v_id="4")
    assert isinstance(fresh.content, list)
    fresh.content.append(theirs)
    room.server.will(409, fresh, EMPTY)
    await room.groups.set_description(GROUP, "Ours")
    first, _, last = room.server.children
    assert (first.get("prev"), last.get("prev")) == ("D1", "D2")
    assert (await room.stored()).description == "Ours"


async def test_a_second_conflict_is_told(room: Asking) -> None:
    await room.put(description_id="D1")
    room.server.will(409, made(p_v_id="11", a_v_id="4"), 409)
    with pytest.raises(Conflict):
        await room.groups.set_description(GROUP, "Ours")
    assert len(room.server.asked) == 3


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda groups: groups.set_subject(GROUP, "x" * 101), "100"),
        (lambda groups: groups.set_subject(GROUP, ""), "name"),
        (lambda groups: groups.set_description(GROUP, "x" * 2049), "2048"),
        (lambda groups: groups.set_timer(GROUP, -1), "seconds"),
        (lambda groups: groups.set_subject(PEER_PN, "x"), "address"),
        (lambda groups: groups.set_locked(PEER_PN, True), "address"),
        (lambda groups: groups.set_description(PEER_PN, "x"), "address"),
        (lambda groups: groups.leave(PEER_PN), "address"),
        (lambda groups: groups.invite_code(PEER_PN), "address"),
        (lambda groups: groups.reset_invite_code(PEER_PN), "address"),
        (lambda groups: groups.join_requests(PEER_PN), "address"),
        (lambda groups: groups.join("no code at all"), "invite"),
        (lambda groups: groups.invite_info(""), "invite"),
        (
            lambda groups: groups.accept_invite(GroupInvitation(GROUP, "", 0, PEER_PN)),
            "used up",
        ),
        (
            lambda groups: groups.invite_info(GroupInvitation(PEER_PN, "X7", 0, PEER_PN)),
            "address",
        ),
    ],
)
async def test_what_the_server_would_refuse_is_not_sent(
    room: Asking, call: Call, word: str
) -> None:
    with pytest.raises(InvalidInput, match=word):
        await call(room.groups)
    assert room.server.asked == []
