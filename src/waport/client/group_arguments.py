"""Arguments of callers about groups, checked before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import InvalidInput
from ..model.group import GroupInvitation
from ..wire import Jid


def check_group(group: Jid) -> None:
    """Raises InvalidInput unless it is the address of a group or community."""
    if not group.is_group:
        raise InvalidInput("a group's address reads 120363...@g.us")


def check_invitation(invitation: GroupInvitation) -> None:
    """Raises InvalidInput unless it may still be used."""
    check_group(invitation.group)
    if not invitation.code:
        raise InvalidInput("this invitation is used up")


def checked_people(people: Iterable[Jid]) -> tuple[Jid, ...]:
    """People; raises InvalidInput when one of them cannot be in a group."""
    people = tuple(people)
    if not all(jid.is_user or jid.is_bot for jid in people):
        raise InvalidInput("participants are people: phone numbers or hidden ids")
    return people
