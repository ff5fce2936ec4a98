"""Making groups, changing them, joining and leaving."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.group_server import CODE, EMPTY, Asking, made, person
from support.groups import CAROL_LID, CAROL_PN, DAVE_LID, DAVE_PN, GROUP
from waport.client.features.groups import Groups
from waport.errors import (
    ConnectionClosed,
    InvalidInput,
    QueryError,
    QueryTimeout,
)
from waport.model import GroupChanged
from waport.model.group import (
    GroupChange,
    GroupChangeKind,
    GroupInvitation,
    GroupOptions,
    Joined,
    JoinRequest,
    ParticipantResult,
)
from waport.wire import GROUP_SERVER, Jid, Node

Call = Callable[[Groups], Awaitable[Any]]


@pytest.fixture
async def room(account: Account) -> Asking:
    """A room in which the numbers of all but Dave are known."""
    room = Asking(account)
    await room.learn_all()
    return room


# --- making one -----------------------------------------------------------------------------------


async def test_a_new_group_is_stored_told_and_has_a_result_for_everybody(room: Asking) -> None:
    invited = Node("add_request", {"code": "X7", "expiration": "1700009999"})
    room.server.will(
        made(
            person(PEER_LID, phone_number=PEER_PN),
            person(CAROL_LID, invited, error="403"),
            person(DAVE_PN, error="404"),
        )
    )
    created = await room.groups.create("Friends", [PEER_PN, CAROL_LID, DAVE_PN, PEER_LID])
    create = room.asked()
    assert room.server.asked[0].jid("to") == GROUP_SERVER
    assert create.get("subject") == "Friends"
    # By LID where it is known, each person once.
    assert create.children() == [
        person(PEER_LID, phone_number=PEER_PN),
        person(CAROL_LID, phone_number=CAROL_PN),
        person(DAVE_PN),
    ]
    assert created.results == (
        ParticipantResult(PEER_LID, PEER_PN),
        ParticipantResult(
            CAROL_LID, CAROL_PN, 403, invite_code="X7", invite_expiration=1_700_009_999
        ),
        ParticipantResult(DAVE_PN, DAVE_PN, 404),
    )
    assert created.group == await room.stored()
    assert created.group.fetched_at == NOW
    assert [member.jid for member in created.group.members] == [OWN_LID.bare, PEER_LID]
    (event,) = room.account.sink.of(GroupChanged)
    key = create.attr("key")
    change = GroupChange(GroupChangeKind.CREATE, text="Friends", detail="new")
    assert event == GroupChanged(GROUP, change, OWN_PN.bare, NOW, key)
    chat = await room.account.read(lambda store: store.chats.get(GROUP))
    assert (chat.name, chat.timestamp) == ("Friends", NOW)


async def test_every_group_has_a_key_of_its_own(room: Asking) -> None:
    room.server.will(made(), made())
    await room.groups.create("Friends", [])
    await room.groups.create("Friends", [])
    first, second = room.server.children
    assert first.attr("key") != second.attr("key")
    assert first.children() == []


async def test_a_group_may_be_set_up_from_the_start(room: Asking) -> None:
    room.server.will(made())
    options = GroupOptions(description="About us", is_locked=True)
    await room.groups.create("Friends", [], options)
    described, locked = room.asked().children()
    assert (described.child("body").text, locked.tag) == ("About us", "locked")
    assert described.attr("id")


async def test_a_group_that_nobody_confirmed_is_asked_for_again_with_the_same_key(
    room: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.queries, "_timeout_s", 0.05)
    room.server.will(None, Node("group", {"jid": GROUP}), made(person(PEER_LID)))
    created = await room.groups.create("Friends", [PEER_PN, CAROL_PN])
    first, second, third = room.server.children
    assert first == second
    assert third.tag == "query"
    assert created.is_repeated
    assert created.group == await room.stored()
    assert [(result.jid, result.code) for result in created.results] == [
        (PEER_LID, 200),
        (CAROL_LID, 0),
    ]


async def test_a_group_that_is_never_confirmed_is_a_time_out(
    room: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.queries, "_timeout_s", 0.01)
    room.server.will(None, None)
    with pytest.raises(QueryTimeout):
        await room.groups.create("Friends", [])


@pytest.mark.parametrize(
    ("subject", "people", "word"),
    [
        ("x" * 101, [], "100"),
        ("", [], "name"),
        ("Friends", [GROUP], "people"),
        ("Friends", [Jid("1", "newsletter")], "people"),
    ],
)
async def test_what_no_group_can_be_is_refused_at_once(
    room: Asking, subject: str, people: list[Jid], word: str
) -> None:
    with pytest.raises(InvalidInput, match=word):
        await room.groups.create(subject, people)
    assert room.server.asked == []


async def test_a_refusal_leaves_nothing_behind(room: Asking) -> None:
    room.server.will(406)
    with pytest.raises(QueryError) as refused:
        await room.groups.create("Friends", [PEER_PN])
    assert refused.value.code == 406
    assert await room.account.read(lambda store: store.groups.all()) == []
    assert room.account.sink.recorded == []


# --- leaving and joining --------------------------------------------------------------------------


async def test_a_group_that_we_leave_stays_as_left(room: Asking) -> None:
    before = await room.put()
    room.server.will(Node("leave", {}, [Node("group", {"id": GROUP})]))
    await room.groups.leave(GROUP)
    assert await room.stored() == replace(before, is_left=True)
    assert room.asked().child("group").jid("id") == GROUP


@pytest.mark.parametrize(("code", "is_left"), [("403", True), ("404", True), ("500", False)])
async def test_leaving_a_group_that_we_are_not_in_is_refused_and_noted(
    room: Asking, code: str, is_left: bool
) -> None:
    await room.put()
    room.server.will(Node("leave", {}, [Node("group", {"id": GROUP, "error": code})]))
    with pytest.raises(QueryError) as refused:
        await room.groups.leave(GROUP)
    assert refused.value.code == int(code)
    assert (await room.stored()).is_left is is_left


async def test_leaving_a_group_that_is_not_known_keeps_nothing(room: Asking) -> None:
    room.server.will(EMPTY)
    await room.groups.leave(GROUP)
    assert await room.account.read(lambda store: store.groups.all()) == []


async def test_an_invite_code_is_read_and_reset(room: Asking) -> None:
    room.server.will(Node("invite", {"code": CODE}), Node("invite", {"code": "Other"}))
    assert await room.groups.invite_code(GROUP) == CODE
    assert await room.groups.reset_invite_code(GROUP) == "Other"
    assert [node.get("type") for node in room.server.asked] == ["get", "set"]


async def test_an_invite_shows_its_group_which_is_not_kept(room: Asking) -> None:
    room.server.will(made(size="9"), made(size="9"))
    link = f"https://chat.whatsapp.com/{CODE}"
    preview = await room.groups.invite_info(link)
    assert (preview.subject, preview.size, preview.is_truncated) == ("Friends", 9, True)
    invitation = GroupInvitation(GROUP, "X7", 1_700_009_999, PEER_PN)
    assert await room.groups.invite_info(invitation) == preview
    by_code, by_invitation = room.server.children
    assert by_code == Node("invite", {"code": CODE})
    assert by_invitation.child("add_request").get("code") == "X7"
    assert await room.account.read(lambda store: store.groups.all()) == []


async def test_joining_says_whether_an_admin_has_to_agree(room: Asking) -> None:
    waiting = Node("membership_approval_request", {"jid": GROUP})
    room.server.will(Node("group", {"jid": GROUP}), waiting, EMPTY, waiting)
    invitation = GroupInvitation(GROUP, "X7", 1_700_009_999, PEER_PN)
    assert await room.groups.join(CODE) == Joined(GROUP)
    assert await room.groups.join(CODE) == Joined(GROUP, is_requested=True)
    assert await room.groups.accept_invite(invitation) == Joined(GROUP)
    assert await room.groups.accept_invite(invitation) == Joined(GROUP, is_requested=True)


@pytest.mark.parametrize("code", [304, 400, 410, 419])
async def test_joining_may_be_refused(room: Asking, code: int) -> None:
    room.server.will(code)
    with pytest.raises(QueryError) as refused:
        await room.groups.join(CODE)
    assert refused.value.code == code


async def test_who_waits_is_listed_with_their_numbers(room: Asking) -> None:
    waiting = [
        Node("membership_approval_request", {"jid": CAROL_LID, "request_method": "invite_link"}),
        Node("membership_approval_request", {"jid": DAVE_LID, "phone_number": DAVE_PN}),
    ]
    room.server.will(Node("membership_approval_requests", {}, waiting))
    assert await room.groups.join_requests(GROUP) == (
        JoinRequest(CAROL_LID, CAROL_PN, "invite_link"),
        JoinRequest(DAVE_LID, DAVE_PN),
    )
    assert await room.lid_of(DAVE_PN) == DAVE_LID


@pytest.mark.parametrize(("approve", "verb"), [(True, "approve"), (False, "reject")])
async def test_who_is_let_in_is_a_member_and_who_is_refused_is_not(
    room: Asking, approve: bool, verb: str
) -> None:
    await room.put()
    await room.learn((DAVE_PN, DAVE_LID))
    done = Node(verb, {}, [person(DAVE_LID), person(Jid("100000000000009", "lid"), error="404")])
    room.server.will(Node("membership_requests_action", {}, [done]))
    results = await room.groups.decide_requests(GROUP, [DAVE_PN], approve=approve)
    assert room.asked().child(verb).children() == [person(DAVE_LID)]
    assert [(result.pn, result.code) for result in results] == [(DAVE_PN, 200), (None, 404)]
    assert ((await room.stored()).member(DAVE_PN) is not None) is approve


async def test_without_a_connection_nothing_is_changed(room: Asking) -> None:
    before = await room.put()
    room.queries.detach("lost")
    for call in (
        room.groups.set_locked(GROUP, True),
        room.groups.leave(GROUP),
        room.groups.remove(GROUP, [PEER_PN]),
    ):
        with pytest.raises(ConnectionClosed):
            await call
    assert await room.stored() == before
