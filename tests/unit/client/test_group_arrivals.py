"""Notifications about groups: ours, new, missed, repeated, unknown; keys, chats, pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.account import NOW, OWN_LID, OWN_PN, PEER_LID, PEER_PN, Account
from support.group_server import OWN_KEYS, Hearing, described, person
from support.groups import CAROL_LID, CAROL_PN, DAVE_LID, DAVE_PN, GROUP, group
from waport.client.group_encryption import own_key_address
from waport.client.groups import MAX_NOTICES
from waport.client.work import own_addresses
from waport.errors import CorruptRecord, StanzaError
from waport.model import AddressingMode, Group, GroupMember
from waport.model.group import GroupChange, GroupChangeKind
from waport.wire import GROUP_SERVER, Jid, Node

Kind = GroupChangeKind


@pytest.fixture
async def room(account: Account) -> Hearing:
    """A room whose group is known; everybody's numbers are, too."""
    room = Hearing(account)
    await room.learn_all()
    await room.put()
    return room


# --- ourselves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("me", [OWN_LID.bare, OWN_PN.bare])
async def test_a_group_that_we_were_removed_from_stays_as_left(room: Hearing, me: Jid) -> None:
    await room.hear(Node("remove", {}, [person(me)]))
    known = await room.stored()
    assert known.is_left
    assert known.member(OWN_PN) is None
    assert known.subject == "Friends"
    assert room.refetched == []


async def test_whoever_is_added_again_is_a_member_whose_list_is_asked_for(room: Hearing) -> None:
    await room.put(is_left=True)
    await room.hear(Node("add", {}, [person(OWN_LID.bare)]))
    known = await room.stored()
    assert (known.is_left, known.fetched_at) == (False, 0)
    assert room.refetched == [GROUP]


async def test_a_group_that_we_come_into_is_known_at_once(account: Account) -> None:
    room = Hearing(account)
    await account.write(lambda store: store.addresses.learn(OWN_PN.bare, OWN_LID.bare))
    events = await room.hear(Node("create", {"reason": "invite"}, [described()]))
    known = await room.stored()
    assert (known.subject, known.fetched_at, known.notices) == ("Friends", NOW, ("N1",))
    assert known.member(OWN_PN) == GroupMember(OWN_LID.bare, OWN_PN.bare, OWN_LID.bare)
    joined = GroupChange(Kind.ADD, (OWN_LID.bare,), (OWN_PN.bare,), reason="invite")
    assert [event.change for event in events] == [joined]
    assert events[0].author == PEER_PN
    chat = await room.chat()
    assert chat is not None
    assert (chat.name, chat.timestamp) == ("Friends", NOW - 5)
    assert room.refetched == []


@pytest.mark.parametrize(
    ("author", "kinds"),
    [(PEER_LID, [Kind.CREATE, Kind.ADD]), (OWN_LID.bare, [Kind.CREATE])],
)
async def test_a_new_group_is_told_and_so_is_that_we_were_put_into_it(
    account: Account, author: Jid, kinds: list[GroupChangeKind]
) -> None:
    create = Node("create", {"type": "new", "key": "K1"}, [described()])
    events = await Hearing(account).hear(create, participant=author, participant_pn="nobody")
    assert [event.change.kind for event in events] == kinds
    assert events[0].change.text == "Friends"


async def test_a_group_that_we_are_in_already_is_no_news(room: Hearing) -> None:
    before = await room.stored()
    assert await room.hear(Node("create", {}, [described(subject="Old", p_v_id="8")])) == []
    assert await room.stored() == replace(before, notices=("N1",))


async def test_a_new_group_whose_members_were_left_out_is_asked_for(account: Account) -> None:
    room = Hearing(account)
    await room.hear(Node("create", {}, [described(person(PEER_LID), truncated="true")]))
    assert (await room.stored()).fetched_at == 0
    assert room.refetched == [GROUP]


# --- versions, repetitions ------------------------------------------------------------------------


async def test_a_missed_notification_shows_in_the_versions(room: Hearing) -> None:
    await room.hear(Node("add", {"prev_v_id": "11", "v_id": "12"}, [person(DAVE_LID)]))
    known = await room.stored()
    assert known.member(DAVE_LID) is not None
    assert (known.participants_version, known.fetched_at) == ("12", 0)
    assert room.refetched == [GROUP]


async def test_members_and_properties_have_versions_of_their_own(room: Hearing) -> None:
    await room.hear(Node("announcement", {"prev_v_id": "3", "v_id": "4"}))
    known = await room.stored()
    assert (known.participants_version, known.info_version) == ("10", "4")
    assert room.refetched == []
    await room.hear(Node("locked", {"prev_v_id": "6", "v_id": "7"}), id="N2")
    assert room.refetched == [GROUP]


@pytest.mark.parametrize("version", ["10", "9"])
async def test_what_the_list_of_members_holds_already_is_told_but_not_done_again(
    room: Hearing, version: str
) -> None:
    before = await room.stored()
    old = {"prev_v_id": "8", "v_id": version}
    (event,) = await room.hear(Node("remove", old, [person(CAROL_LID)]))
    assert event.change.members == (CAROL_LID,)
    assert await room.stored() == replace(before, notices=("N1",))
    assert room.refetched == []


async def test_an_old_name_does_not_come_back(room: Hearing) -> None:
    await room.hear(Node("subject", {"subject": "Old", "prev_v_id": "1", "v_id": "2"}))
    assert (await room.stored()).subject == "Friends"
    assert await room.chat() is None


async def test_versions_that_are_no_numbers_are_only_compared_for_equality(room: Hearing) -> None:
    await room.put(participants_version="abc")
    await room.hear(Node("add", {"prev_v_id": "abc", "v_id": "abd"}, [person(DAVE_LID)]))
    assert (await room.stored()).participants_version == "abd"
    assert room.refetched == []
    await room.hear(Node("remove", {"prev_v_id": "x", "v_id": "y"}, [person(DAVE_LID)]), id="N2")
    assert (await room.stored()).participants_version == "y"
    assert room.refetched == [GROUP]


async def test_a_notification_that_comes_again_is_acked_and_told_once(room: Hearing) -> None:
    child = Node("subject", {"subject": "Köln"})
    assert len(await room.hear(child)) == 1
    await room.hear(Node("subject", {"subject": "Bonn"}), id="N2")
    assert await room.hear(child) == []
    assert (await room.stored()).subject == "Bonn"


async def test_the_ids_of_old_notifications_are_forgotten(room: Hearing) -> None:
    await room.put(notices=tuple(f"O{number}" for number in range(MAX_NOTICES)))
    await room.hear(Node("locked"))
    notices = (await room.stored()).notices
    assert (len(notices), notices[0], notices[-1]) == (MAX_NOTICES, "O1", "N1")


async def test_several_children_are_told_in_their_order(room: Hearing) -> None:
    events = await room.hear(
        Node("remove", {}, [person(CAROL_LID), person(PEER_LID)]),
        Node("subject", {"subject": "Two"}),
    )
    kinds = [event.change.kind for event in events]
    assert kinds == [Kind.REMOVE, Kind.LEAVE, Kind.SUBJECT]


async def test_a_part_that_can_not_be_read_makes_the_group_be_asked_for(room: Hearing) -> None:
    await room.hear(Node("locked"), Node("add"))
    known = await room.stored()
    assert (known.is_locked, known.fetched_at) == (True, 0)
    assert room.refetched == [GROUP]


# --- unknown groups -------------------------------------------------------------------------------


async def test_a_group_that_is_not_known_is_asked_for_and_told_all_the_same(
    account: Account,
) -> None:
    room = Hearing(account)
    (event,) = await room.hear(Node("subject", {"subject": "Köln"}))
    assert event.change.text == "Köln"
    assert room.refetched == [GROUP]
    known = await room.stored()
    assert (known.subject, known.fetched_at, known.members) == ("Köln", 0, ())
    assert await room.hear(Node("subject", {"subject": "Köln"})) == []


async def test_a_group_that_threw_us_out_is_not_asked_for(account: Account) -> None:
    room = Hearing(account)
    await room.hear(Node("remove", {}, [person(OWN_LID.bare)]))
    assert (await room.stored()).is_left
    assert room.refetched == []


async def test_a_group_whose_row_can_not_be_read_counts_as_unknown(
    room: Hearing, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: Any) -> Group:
        raise CorruptRecord("a stored group cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr("waport.store.groups._read", unreadable)
        assert len(await room.hear(Node("locked"))) == 1
    assert (await room.stored()).is_locked
    assert room.refetched == [GROUP]
    assert "cannot be read" in caplog.text


# --- names, chats, pictures, dirty groups ---------------------------------------------------------


async def test_a_new_name_is_that_of_the_chat(room: Hearing) -> None:
    await room.hear(Node("subject", {"subject": "Köln"}))
    chat = await room.chat()
    assert chat is not None
    assert (chat.name, chat.timestamp) == ("Köln", NOW - 5)


async def test_what_the_author_calls_themselves_is_kept(room: Hearing) -> None:
    await room.hear(Node("locked"), notify="Ann")
    contact = await room.account.read(lambda store: store.contacts.get(PEER_PN))
    assert contact.push_name == "Ann"
    await room.hear(Node("unlocked"), notify="Me", participant=OWN_LID.bare, id="N2")
    assert await room.account.read(lambda store: store.contacts.get(OWN_PN)) is None


@pytest.mark.parametrize(
    ("attrs", "author"),
    [
        ({"participant": PEER_LID, "participant_pn": "nobody"}, PEER_PN),
        ({"participant": DAVE_LID, "participant_pn": "nobody"}, DAVE_LID),
        ({"participant": DAVE_LID, "participant_pn": DAVE_PN}, DAVE_PN),
        ({"participant": OWN_LID, "participant_pn": "nobody"}, OWN_PN.bare),
        ({"participant": "nobody"}, None),
    ],
)
async def test_the_author_is_named_by_number_where_it_is_known(
    room: Hearing, attrs: dict[str, Any], author: Jid | None
) -> None:
    (event,) = await room.hear(Node("locked"), **attrs)
    assert event.author == author


async def test_a_time_that_is_not_said_is_now(room: Hearing) -> None:
    (event,) = await room.hear(Node("locked"), t="soon")
    assert event.timestamp == NOW


async def test_a_new_picture_is_told(room: Hearing) -> None:
    (event,) = await room.hear(Node("set", {"id": "P7", "author": PEER_LID}), type="picture")
    assert event.change == GroupChange(Kind.PICTURE, text="P7", enabled=True)
    assert event.author == PEER_PN
    (event,) = await room.hear(Node("delete"), type="picture", id="N2")
    assert event.change == GroupChange(Kind.PICTURE)
    assert await room.hear(Node("request"), type="picture", id="N3") == []
    assert room.refetched == []


async def test_a_contacts_picture_is_only_acked(room: Hearing) -> None:
    assert await room.hear(Node("set", {"id": "P7"}), type="picture", **{"from": PEER_PN}) == []


async def test_dirty_groups_are_asked_for(room: Hearing) -> None:
    other = Jid("120363000000000009", "g.us")
    dirty = Node("groups_dirty", {}, [Node("group", {"jid": jid}) for jid in (GROUP, other)])
    assert await room.hear(dirty, **{"from": GROUP_SERVER}) == []
    assert room.refetched == [GROUP, other]
    assert (await room.stored()).fetched_at == 0
    assert await room.account.read(lambda store: store.groups.get(other)) is None


async def test_a_notification_from_nowhere_is_only_acked(room: Hearing) -> None:
    assert await room.hear(Node("locked"), **{"from": PEER_PN}) == []
    with pytest.raises(StanzaError):
        await room.hear(Node("locked"), **{"from": Jid("1 2", "g.us")})


async def test_in_a_number_group_members_keep_their_numbers(room: Hearing) -> None:
    known = group(fetched_at=NOW, mode=AddressingMode.PN)
    await room.account.write(lambda store: store.groups.put(known))
    added = Node("add", {}, [person(DAVE_PN, lid=DAVE_LID)])
    attrs = {"participant": PEER_PN, "addressing_mode": "pn"}
    (event,) = await room.hear(added, **attrs)
    assert (event.author, event.change.members) == (PEER_PN, (DAVE_PN,))
    member = GroupMember(DAVE_PN, DAVE_PN, DAVE_LID)
    assert (await room.stored()).members[3:] == (member,)


# --- our sender key -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("child", "told"),
    [
        (Node("remove", {}, [person(CAROL_LID)]), CAROL_LID.with_device(3).signal_address),
        (Node("remove", {}, [person(CAROL_PN)]), CAROL_LID.signal_address),
        (Node("remove", {}, [person(CAROL_LID)]), CAROL_PN.signal_address),
        (Node("remove", {}, [person(PEER_LID)]), PEER_LID.signal_address),
        (Node("leave"), PEER_LID.signal_address),
        (Node("modify", {}, [person(CAROL_LID)]), CAROL_LID.signal_address),
        (Node("remove", {}, [person(OWN_LID.bare)]), DAVE_LID.signal_address),
        (
            Node("remove", {"prev_v_id": "8", "v_id": "9"}, [person(CAROL_LID)]),
            CAROL_LID.signal_address,
        ),
    ],
)
async def test_our_key_is_replaced_when_somebody_who_has_it_goes(
    room: Hearing, child: Node, told: str
) -> None:
    await room.tell_key(told)
    await room.hear(child)
    assert await room.key() == (False, set())
    theirs = await room.account.read(
        lambda store: store.sender_keys.get(GROUP, PEER_LID.signal_address)
    )
    assert theirs == b"theirs"


@pytest.mark.parametrize(
    "child",
    [
        Node("remove", {}, [person(CAROL_LID)]),
        Node("add", {}, [person(DAVE_LID)]),
        Node("promote", {}, [person(PEER_LID)]),
        Node("subject", {"subject": "x"}),
    ],
)
async def test_our_key_stays_while_all_who_have_it_stay(room: Hearing, child: Node) -> None:
    await room.tell_key(PEER_LID.signal_address)
    await room.hear(child)
    assert await room.key() == (True, {PEER_LID.signal_address})


async def test_all_are_told_another_key_when_the_group_addresses_people_otherwise(
    room: Hearing,
) -> None:
    await room.tell_key(PEER_LID.signal_address)
    await room.hear(Node("locked"), addressing_mode="pn", participant=PEER_PN)
    assert await room.key() == (False, set())
    assert (await room.stored()).fetched_at == 0
    assert room.refetched == [GROUP]


async def test_a_group_that_comes_whole_shows_who_is_gone(room: Hearing) -> None:
    await room.put(is_left=True)
    await room.tell_key(CAROL_LID.signal_address)
    await room.hear(Node("create", {}, [described(p_v_id="12")]))
    assert await room.key() == (False, set())


def test_the_key_that_is_thrown_away_is_the_one_that_we_write_with(account: Account) -> None:
    assert own_key_address(own_addresses(account.credentials)) in OWN_KEYS
