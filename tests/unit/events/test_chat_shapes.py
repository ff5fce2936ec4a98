"""The JSON of groups, labels and people, where the routes do not show it all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.fake_groups import BOB, BOB_LID, GROUP, OWN
from waport.appstate.actions import EditLabel
from waport.events import (
    contact_json,
    group_info_json,
    group_metadata_json,
    label_json,
    participants_json,
)
from waport.events.chat_shapes import is_muted
from waport.model import Chat, Contact, GroupMember
from waport.wire import Jid

PARENT = Jid("120363000000000004", "g.us")


def test_what_a_group_does_not_have_is_empty_or_left_out() -> None:
    bare = replace(GROUP, creator=None)
    info = group_info_json(bare)
    assert [info["owner"], info["desc"], info["descId"], info["descOwner"]] == [""] * 4
    missing = {"owner", "desc", "descId", "descOwner", "descTime", "parentGroup"}
    assert not missing & set(group_metadata_json(bare))


def test_a_description_comes_with_its_author_and_time() -> None:
    described = replace(
        GROUP, description="hi", description_id="A", description_at=3, description_by=BOB
    )
    metadata = group_metadata_json(described)
    assert (metadata["desc"], metadata["descId"], metadata["descTime"]) == ("hi", "A", 3)
    assert metadata["descOwner"]["_serialized"] == "15552223333@c.us"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "DEFAULT"),
        ({"is_community": True}, "COMMUNITY"),
        ({"parent": PARENT}, "LINKED_SUBGROUP"),
        ({"parent": PARENT, "is_default_subgroup": True}, "LINKED_ANNOUNCEMENT_GROUP"),
    ],
)
def test_communities_and_their_groups_are_told_apart(change: dict[str, object], kind: str) -> None:
    info = group_info_json(replace(GROUP, **change))  # type: ignore[arg-type]
    assert info["groupType"] == kind
    assert info["isParentGroup"] is (kind == "COMMUNITY")
    assert ("parentGroup" in info) is ("parent" in change)


def test_switches_have_their_outer_names() -> None:
    info = group_info_json(
        replace(
            GROUP,
            flags=("allow_admin_reports", "no_frequently_forwarded"),
            only_admins_add=True,
            needs_approval=True,
            expiration_s=60,
            size=0,
        )
    )
    assert (info["reportToAdminMode"], info["noFrequentlyForwarded"]) == (True, True)
    assert (info["memberAddMode"], info["membershipApprovalMode"]) == ("admin_add", True)
    assert (info["ephemeralDuration"], info["size"]) == (60, 2)
    assert group_info_json(GROUP)["memberAddMode"] == "all_member_add"


def test_members_are_shown_by_number_where_that_is_known() -> None:
    hidden = GroupMember(BOB_LID, None, BOB_LID)
    shown, alone = participants_json(
        replace(GROUP, members=(GroupMember(BOB_LID, BOB, BOB_LID), hidden))
    )
    assert (shown["id"]["_serialized"], shown["lid"]) == ("15552223333@c.us", str(BOB_LID))
    assert alone["id"]["_serialized"] == str(BOB_LID)
    assert "lid" not in alone


@pytest.mark.parametrize(
    ("until", "muted"), [(0, False), (-1, True), (100, False), (101, True), (99, False)]
)
def test_a_chat_is_muted_until_its_time(until: int, muted: bool) -> None:
    assert is_muted(Chat(BOB, muted_until=until), 100) is muted


@pytest.mark.parametrize(("color", "shown"), [(0, "#ff9485"), (19, "#9368cf"), (20, ""), (-1, "")])
def test_a_label_has_the_colour_of_the_palette(color: int, shown: str) -> None:
    assert label_json(EditLabel("1", "x", color))["hexColor"] == shown


def test_a_person_without_a_name_is_called_by_the_number() -> None:
    shape = contact_json(Contact(BOB, lid=BOB_LID), OWN)
    names = (shape["name"], shape["shortName"], shape["pushname"], shape["number"])
    assert set(names) == {BOB.user}
    assert (shape["isMyContact"], shape["isMe"], shape["lid"]) == (False, False, str(BOB_LID))


def test_a_business_shows_its_certified_name() -> None:
    shop = Contact(BOB, verified_name="Shop", is_business=True, verified_level="high")
    shape = contact_json(shop, OWN, is_blocked=True)
    names = (shape["name"], shape["verifiedName"], shape["verifiedLevel"])
    assert names == ("Shop", "Shop", "high")
    assert (shape["isBusiness"], shape["isEnterprise"], shape["isBlocked"]) == (True, True, True)
