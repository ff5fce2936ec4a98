"""Who may change what."""

from __future__ import annotations

import pytest

from waport.model.authority import (
    edit_in_time,
    is_newer,
    may_add_on,
    may_edit,
    may_pin,
    may_revoke,
    revoke_in_time,
)
from waport.wire import Jid

AUTHOR, OTHER = Jid("1001", "lid"), Jid("1002", "lid")


def test_only_the_author_edits_from_any_device() -> None:
    assert may_edit(AUTHOR, AUTHOR.with_device(7))
    assert not may_edit(AUTHOR, OTHER)


@pytest.mark.parametrize(
    ("revoker", "in_group", "is_admin", "allowed"),
    [
        (AUTHOR, False, False, True),
        (AUTHOR, True, False, True),
        (OTHER, True, True, True),
        (OTHER, True, False, False),
        (OTHER, False, False, False),
        (OTHER, False, True, False),
    ],
)
def test_the_author_and_admins_of_the_group_revoke(
    revoker: Jid, in_group: bool, is_admin: bool, allowed: bool
) -> None:
    assert may_revoke(AUTHOR, revoker, in_group=in_group, is_admin=is_admin) is allowed


@pytest.mark.parametrize(
    ("in_group", "is_member", "is_admin", "members_may_edit", "allowed"),
    [
        (False, False, False, False, True),
        (True, True, False, True, True),
        (True, True, False, False, False),
        (True, True, True, False, True),
        (True, False, False, True, False),
    ],
)
def test_who_may_edit_the_groups_info_may_pin(
    in_group: bool, is_member: bool, is_admin: bool, members_may_edit: bool, allowed: bool
) -> None:
    assert (
        may_pin(
            in_group=in_group,
            is_member=is_member,
            is_admin=is_admin,
            members_may_edit=members_may_edit,
        )
        is allowed
    )


def test_members_may_add() -> None:
    assert may_add_on(in_group=False, is_member=False)
    assert may_add_on(in_group=True, is_member=True)
    assert not may_add_on(in_group=True, is_member=False)


def test_an_older_add_on_changes_nothing() -> None:
    assert is_newer(1, None)
    assert is_newer(5, 5)
    assert is_newer(6, 5)
    assert not is_newer(4, 5)


def test_edits_and_revokes_have_their_time() -> None:
    assert edit_in_time(1000, 1000 + 20 * 60)
    assert not edit_in_time(1000, 1001 + 20 * 60)
    assert edit_in_time(1000, 900)
    assert revoke_in_time(1000, 1000 + 60 * 3600)
    assert not revoke_in_time(1000, 1001 + 60 * 3600)
