"""Groups as JSON values, and back; a part of the state folder's snapshot (`snapshot`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from ..errors import CorruptRecord, InvalidInput
from .groups import (
    ADMIN,
    FLAGS,
    MODES,
    PLACES,
    SUPERADMIN,
    AddressingMode,
    Description,
    Group,
    GroupBook,
    Invitation,
    JoinRequest,
    Member,
)
from .saved import Saved


def dump_groups(groups: Iterable[Group]) -> list[dict[str, object]]:
    """Everything about some groups; no part of it changes afterwards."""
    return [_dump(group) for group in groups]


def load_groups(saved: Iterable[Saved], book: GroupBook) -> None:
    """Put saved groups into the book.

    Raises:
        CorruptRecord: a value is not what `dump_groups` makes.
    """
    for item in saved:
        try:
            book.add(_load(item))
        except InvalidInput as exc:
            raise CorruptRecord("a group was saved twice") from exc


def _dump(group: Group) -> dict[str, object]:
    description, picture = group.description, group.picture
    return {
        "user": group.user,
        "subject": group.subject,
        "subject_t": group.subject_t,
        "subject_by": group.subject_by,
        "creator": group.creator,
        "created": group.created,
        "key": group.key,
        "mode": group.mode,
        "code": group.code,
        "reset_codes": list(group.reset_codes),
        "members": [
            {"number": m.number, "role": m.role, "joined": m.joined} for m in group.members.values()
        ],
        "description": []
        if description is None
        else [
            {
                "id": description.id,
                "text": description.text,
                "author": description.author,
                "t": description.t,
            }
        ],
        "flags": sorted(group.flags),
        "modes": dict(group.modes),
        "timer": group.timer,
        "approval": group.approval,
        "members_version": group.members_version,
        "info_version": group.info_version,
        "invitations": [
            {"number": number, "code": i.code, "expiration": i.expiration, "admin": i.admin}
            for number, i in group.invitations.items()
        ],
        "requests": [
            {"number": number, "method": r.method, "t": r.t, "requestor": r.requestor}
            for number, r in group.requests.items()
        ],
        "removed": sorted(group.removed),
        "place": group.place,
        "parent": group.parent,
        "is_hidden": group.is_hidden,
        "picture_id": picture[0] if picture else "",
        "picture": picture[1].hex() if picture else "",
    }


def _load(saved: Saved) -> Group:
    members = [_load_member(item) for item in saved.parts("members")]
    descriptions = [
        Description(item.text("id"), item.text("text"), item.text("author"), item.number("t"))
        for item in saved.parts("description")
    ]
    group = Group(
        saved.text("user"),
        saved.text("subject"),
        saved.number("subject_t"),
        saved.text("subject_by"),
        saved.text("creator"),
        saved.number("created"),
        saved.text("key"),
        _load_mode(saved.text("mode")),
        saved.text("code"),
        members={member.number: member for member in members},
        description=descriptions[0] if descriptions else None,
        flags=set(saved.texts("flags")),
        modes={name: saved.part("modes").text(name) for name in MODES},
        timer=saved.number("timer"),
        approval=saved.flag("approval"),
        members_version=saved.number("members_version"),
        info_version=saved.number("info_version"),
        reset_codes=saved.texts("reset_codes"),
        invitations={
            item.text("number"): Invitation(
                item.text("code"), item.number("expiration"), item.text("admin")
            )
            for item in saved.parts("invitations")
        },
        requests={
            item.text("number"): JoinRequest(
                item.text("method"), item.number("t"), item.text("requestor")
            )
            for item in saved.parts("requests")
        },
        removed=set(saved.texts("removed")),
    )
    if "place" in saved.names():  # a group from before there were communities has none
        group.place, group.parent = saved.text("place"), saved.text("parent")
        group.is_hidden = saved.flag("is_hidden")
    if picture_id := saved.text("picture_id"):
        group.picture = (picture_id, saved.data("picture"))
    if not members or not group.flags <= FLAGS.keys() or group.place not in PLACES:
        raise CorruptRecord(f"group {group.user} cannot be read")
    return group


def _load_member(saved: Saved) -> Member:
    role = saved.text("role")
    if role not in ("", ADMIN, SUPERADMIN):
        raise CorruptRecord("a group member of an unknown role")
    return Member(saved.text("number"), role, saved.number("joined"))


def _load_mode(text: str) -> AddressingMode:
    if text not in ("lid", "pn"):
        raise CorruptRecord("a group of an unknown addressing mode")
    return cast(AddressingMode, text)
