"""The notices that a chat shows for changes of its group, with WhatsApp's numbers for them.

Source: docs/protocol/queries.md, "Group notifications".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from ..model.group import GroupChange, GroupChangeKind
from ..model.notice import Notice
from ..proto import pb
from ..wire import Jid

_Kind = GroupChangeKind
_Stub = pb.WebMessageInfo.StubType

MAX_PARAMETER = 65_536
"""Characters of one parameter; a description is the longest."""

LidOf = Callable[[Jid], Jid | None]
"""The hidden id of a phone number, where it is known."""


def _no_lid(pn: Jid) -> Jid | None:
    return None


def notice_of(
    change: GroupChange, author: Jid | None = None, lid_of: LidOf = _no_lid
) -> Notice | None:
    """The notice of a change; None where people are shown none.

    Args:
        author: who made it, in the group's addressing; named where the change names nobody.
        lid_of: for groups that name their members by phone number.
    """
    people = tuple(_person(jid, pn, lid_of) for jid, pn in _named(change, author))
    match change.kind:
        case _Kind.ADD:
            return Notice(_ADDED.get(change.reason, _Stub.GROUP_PARTICIPANT_ADD), people)
        case _Kind.CHANGE_NUMBER:
            moved = tuple(str(jid) for jid in change.members)
            return Notice(_Stub.GROUP_PARTICIPANT_CHANGE_NUMBER, moved)
        case _Kind.DESCRIPTION | _Kind.PICTURE:
            number = _TEXTS[change.kind]
            return Notice(number, (change.text[:MAX_PARAMETER],) if change.text else ())
        case _Kind.EPHEMERAL:
            return Notice(_Stub.CHANGE_EPHEMERAL_SETTING, (str(change.number),))
        case _Kind.REQUESTS_CREATED:
            return _request(change, author)
        case _Kind.REQUESTS_REVOKED:
            number = _Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST_NON_ADMIN_ADD
            return Notice(number, (_requester(change, author), change.reason))
        case _Kind.DELETE:
            return Notice(_DELETED.get(change.reason, _Stub.GROUP_DELETE))
        case _Kind.LINK | _Kind.UNLINK:
            number = _LINKS[change.kind].get(change.text, 0)
            groups = tuple(str(group) for group in change.groups)
            return Notice(number, groups) if number else None
        case _Kind.OTHER:
            return _other(change)
    if change.kind in _PEOPLE:
        return Notice(_PEOPLE[change.kind], people)
    if change.kind in _TEXTS:
        return Notice(_TEXTS[change.kind], (change.text[:MAX_PARAMETER],))
    if change.kind in _SWITCHES:
        return Notice(_SWITCHES[change.kind], (_on_off(change.enabled),))
    return None


def _named(change: GroupChange, author: Jid | None) -> list[tuple[Jid, Jid | None]]:
    if not change.members and author is not None:
        return [(author, None)]
    pns = (*change.pns, *(None,) * len(change.members))
    return list(zip(change.members, pns, strict=False))


def _person(jid: Jid, pn: Jid | None, lid_of: LidOf) -> str:
    """Somebody as JSON: `id`, the other address where it is known, and `admin`."""
    shown: dict[str, str | None] = {"id": str(jid)}
    if jid.is_lid and pn is not None and pn.is_pn:
        shown["phoneNumber"] = str(pn)
    elif jid.is_pn and (lid := lid_of(jid)) is not None:
        shown["lid"] = str(lid)
    return _json({**shown, "admin": None})


def _request(change: GroupChange, author: Jid | None) -> Notice:
    who = _requester(change, author)
    if change.detail == "membership_approval_request":
        return Notice(_Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST, (who, change.reason))
    number = _Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST_NON_ADMIN_ADD
    return Notice(number, (who, "created", change.reason))


def _requester(change: GroupChange, author: Jid | None) -> str:
    named = _named(change, author)
    jid, pn = named[0] if named else (None, None)
    lid = jid if jid is not None and jid.is_lid else None
    number = pn or (jid if jid is not None and jid.is_pn else None)
    shown = {"lid": lid, "pn": number}
    return _json({name: str(value) for name, value in shown.items() if value is not None})


def _other(change: GroupChange) -> Notice | None:
    if change.text not in _FLAGS:
        return None
    number, is_switch = _FLAGS[change.text]
    return Notice(number, (_on_off(change.enabled),) if is_switch else ())


def _on_off(enabled: bool) -> str:
    return "on" if enabled else "off"


def _json(value: Mapping[str, str | None]) -> str:
    return json.dumps(value, separators=(",", ":"))


_ADDED: Final[Mapping[str, int]] = {
    "invite": _Stub.GROUP_PARTICIPANT_INVITE,
    "accept": _Stub.GROUP_PARTICIPANT_ACCEPT,
    "linked_group_join": _Stub.GROUP_PARTICIPANT_LINKED_GROUP_JOIN,
}
_DELETED: Final[Mapping[str, int]] = {
    "delete_parent": _Stub.COMMUNITY_PARENT_GROUP_DELETED,
    "integrity_delete_parent": _Stub.COMMUNITY_PARENT_GROUP_DELETED,
    "deactivate_general_chat": _Stub.COMMUNITY_DEACTIVATE_SIBLING_GROUP,
}
_LINKS: Final[Mapping[GroupChangeKind, Mapping[str, int]]] = {
    _Kind.LINK: {
        "parent_group": _Stub.COMMUNITY_LINK_PARENT_GROUP,
        "sibling_group": _Stub.COMMUNITY_LINK_SIBLING_GROUP,
        "sub_group": _Stub.COMMUNITY_LINK_SUB_GROUP,
    },
    _Kind.UNLINK: {
        "parent_group": _Stub.COMMUNITY_UNLINK_PARENT_GROUP,
        "sibling_group": _Stub.COMMUNITY_UNLINK_SIBLING_GROUP,
        "sub_group": _Stub.COMMUNITY_UNLINK_SUB_GROUP,
    },
}
_PEOPLE: Final[Mapping[GroupChangeKind, int]] = {
    _Kind.REMOVE: _Stub.GROUP_PARTICIPANT_REMOVE,
    _Kind.LEAVE: _Stub.GROUP_PARTICIPANT_LEAVE,
    _Kind.PROMOTE: _Stub.GROUP_PARTICIPANT_PROMOTE,
    _Kind.DEMOTE: _Stub.GROUP_PARTICIPANT_DEMOTE,
    _Kind.COMMUNITY_PROMOTE: _Stub.COMMUNITY_PARTICIPANT_PROMOTE,
    _Kind.COMMUNITY_DEMOTE: _Stub.COMMUNITY_PARTICIPANT_DEMOTE,
}
_TEXTS: Final[Mapping[GroupChangeKind, int]] = {
    _Kind.CREATE: _Stub.GROUP_CREATE,
    _Kind.SUBJECT: _Stub.GROUP_CHANGE_SUBJECT,
    _Kind.DESCRIPTION: _Stub.GROUP_CHANGE_DESCRIPTION,
    _Kind.PICTURE: _Stub.GROUP_CHANGE_ICON,
    _Kind.INVITE_CODE: _Stub.GROUP_CHANGE_INVITE_LINK,
    _Kind.MEMBER_ADD_MODE: _Stub.GROUP_MEMBER_ADD_MODE,
    _Kind.MEMBER_LINK_MODE: _Stub.GROUP_MEMBER_LINK_MODE,
    _Kind.HISTORY_MODE: _Stub.GROUP_MEMBER_SHARE_GROUP_HISTORY_MODE,
}
_SWITCHES: Final[Mapping[GroupChangeKind, int]] = {
    _Kind.ANNOUNCEMENT: _Stub.GROUP_CHANGE_ANNOUNCE,
    _Kind.LOCKED: _Stub.GROUP_CHANGE_RESTRICT,
    _Kind.APPROVAL_MODE: _Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_MODE,
}
_FLAGS: Final[Mapping[str, tuple[int, bool]]] = {
    "no_frequently_forwarded": (_Stub.GROUP_CHANGE_NO_FREQUENTLY_FORWARDED, True),
    "frequently_forwarded_ok": (_Stub.GROUP_CHANGE_NO_FREQUENTLY_FORWARDED, True),
    "group_history": (_Stub.GROUP_CHANGE_RECENT_HISTORY_SHARING, True),
    "no_group_history": (_Stub.GROUP_CHANGE_RECENT_HISTORY_SHARING, True),
    "allow_non_admin_sub_group_creation": (_Stub.COMMUNITY_ALLOW_MEMBER_ADDED_GROUPS, True),
    "not_allow_non_admin_sub_group_creation": (_Stub.COMMUNITY_ALLOW_MEMBER_ADDED_GROUPS, True),
    "growth_locked": (_Stub.GROUP_INVITE_LINK_GROWTH_LOCKED, False),
    "growth_unlocked": (_Stub.GROUP_INVITE_LINK_GROWTH_LOCKED, False),
    "limit_sharing_enabled": (_Stub.CHANGE_LIMIT_SHARING, False),
    "created_sub_group_suggestion": (_Stub.SUGGESTED_SUBGROUP_ANNOUNCE, False),
}
"""Tags of changes that have no kind of their own: the number, and whether "on" or "off" is said."""
