"""Pictures of groups, and the list of groups when nobody answers."""

from __future__ import annotations

import pytest

from support.account import OWN_LID, OWN_PN, Account
from support.files import picture
from support.group_server import Asking, answer
from support.groups import GROUP
from waport.errors import InvalidInput
from waport.wire import Jid, Node

PERSON = Jid("15552223333", "s.whatsapp.net")


@pytest.fixture
async def room(account: Account) -> Asking:
    room = Asking(account)
    await room.learn((OWN_PN.bare, OWN_LID.bare))
    return room


async def test_a_picture_is_made_square_and_set_for_the_group(room: Asking) -> None:
    room.server.will(Node("picture", {"id": "77"}))
    await room.groups.set_picture(GROUP, picture("PNG"))
    question = room.server.asked[-1]
    assert (question.get("type"), question.attrs["target"]) == ("set", GROUP)
    assert question.child("picture").data.startswith(b"\xff\xd8")


async def test_a_picture_is_taken_away(room: Asking) -> None:
    room.server.will(Node("iq"))
    await room.groups.remove_picture(GROUP)
    question = room.server.asked[-1]
    assert (question.attrs["target"], question.find("picture")) == (GROUP, None)


async def test_nothing_is_asked_about_what_is_no_group_or_no_picture(room: Asking) -> None:
    for call in (
        room.groups.set_picture(PERSON, picture("PNG")),
        room.groups.remove_picture(PERSON),
        room.groups.set_picture(GROUP, b"no picture"),
    ):
        with pytest.raises(InvalidInput):
            await call
    assert room.server.asked == []


async def test_groups_are_listed_with_those_that_were_left(room: Asking) -> None:
    await room.put()
    room.server.will(Node("groups"))
    (known,) = await room.groups.listed()
    assert (known.jid, known.is_left) == (GROUP, True)


async def test_groups_are_listed_as_stored_when_nobody_answers(room: Asking) -> None:
    await room.put()
    room.server.will(429)
    (known,) = await room.groups.listed()
    assert (known.jid, known.is_left) == (GROUP, False)


async def test_a_new_group_is_listed(room: Asking) -> None:
    room.server.will(Node("groups", {}, [answer()]))
    assert [group.jid for group in await room.groups.listed()] == [GROUP]
