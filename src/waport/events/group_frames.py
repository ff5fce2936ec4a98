"""Frames about what happened to a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NotRequired

from typing_extensions import TypedDict

from ..model import GroupChange, GroupChanged, GroupChangeKind, MessageKey
from ..wire import Jid
from .frames import Frame, PayloadForm, payload
from .ids import MessageIdJson, id_json, jid_text, message_id_json
from .wwebjs_shapes import wwebjs_id

_Kind = GroupChangeKind


class GroupNotificationJson(TypedDict):
    """What happened to a group, as the older server tells it."""

    id: MessageIdJson
    body: str
    type: str
    timestamp: int
    chatId: str
    author: NotRequired[str]
    recipientIds: list[str]


def group_frames(event: GroupChanged, own: Jid, form: PayloadForm) -> list[Frame]:
    """The frames of a change; one for each person who joined or left.

    The older server told of all of them in one.

    Args:
        event: what happened.
        own: the account's address.
        form: whose readers they are for.
    """
    match event.change.kind:
        case _Kind.ADD:
            way = _way_in(event.change)
            return _moves("group_join", event, own, form, [(who, way) for who in _people(event)])
        case _Kind.REMOVE | _Kind.LEAVE:
            ways = [(who, _way_out(event, who)) for who in _people(event)]
            return _moves("group_leave", event, own, form, ways)
        case (
            _Kind.PROMOTE | _Kind.DEMOTE | _Kind.COMMUNITY_PROMOTE | _Kind.COMMUNITY_DEMOTE
        ) as kind:
            notification = _notification(event, own, kind.value, _people(event))
            return [_frame(event, "group_admin_changed", form, notification)]
        case _Kind.REQUESTS_CREATED:
            notification = _notification(event, own, "membership_approval_request", _people(event))
            return [_frame(event, "group_membership_request", form, notification)]
    update = _update(event)
    people = _people(event) if event.change.members else []
    notification = _notification(event, own, str(update["type"]), people, _words(event.change))
    return [_frame(event, "group_update", form, notification, update)]


# --- who came and who went -----------------------------------------------------------------------


def _people(event: GroupChanged) -> list[Jid]:
    """Whom a change concerns, by phone number where that is shown; whoever left by itself."""
    change = event.change
    if not change.members and event.author is not None:
        return [event.author]
    pns = (*change.pns, *(None,) * len(change.members))
    return [pn or member for member, pn in zip(change.members, pns, strict=False)]


def _way_in(change: GroupChange) -> str:
    return change.reason if change.reason in ("invite", "linked_group_join") else "add"


def _way_out(event: GroupChanged, who: Jid) -> str:
    is_own_wish = event.change.kind is _Kind.LEAVE or who == event.author
    return "leave" if is_own_wish else "remove"


def _moves(
    kind: str, event: GroupChanged, own: Jid, form: PayloadForm, ways: list[tuple[Jid, str]]
) -> list[Frame]:
    """Frames of people who came or went, each with the way in which."""
    if form is PayloadForm.WWEBJS and ways:
        people = [who for who, _ in ways]
        notification = _notification(event, own, ways[0][1], people)
        return [_frame(event, kind, form, notification)]
    action = "add" if kind == "group_join" else "remove"
    return [
        _frame(event, kind, form, _notification(event, own, way, [who]), moved)
        for who, way in ways
        for moved in [_moved(event, who, action, way)]
    ]


def _moved(event: GroupChanged, who: Jid, action: str, way: str) -> dict[str, object]:
    return {
        "id": id_json(event.group),
        "participant": jid_text(who),
        "action": action,
        **_origin(event),
        "type": way,
    }


# --- as the older server tells it ----------------------------------------------------------------


def _notification(
    event: GroupChanged, own: Jid, kind: str, people: list[Jid], body: str = ""
) -> GroupNotificationJson:
    shape: GroupNotificationJson = {
        "id": _notification_id(event, own),
        "body": body,
        "type": kind,
        "timestamp": event.timestamp,
        "chatId": jid_text(event.group),
        "recipientIds": [jid_text(who) for who in people],
    }
    if event.author is not None:
        shape["author"] = jid_text(event.author)
    return shape


def _words(change: GroupChange) -> str:
    """What is new, as text: a subject, a description; "on" or "off" of a switch."""
    if change.kind in _SWITCHES:
        return "on" if change.enabled else "off"
    if change.kind is _Kind.EPHEMERAL:
        return str(change.number)
    return change.detail if change.kind is _Kind.OTHER else change.text


def _notification_id(event: GroupChanged, own: Jid) -> MessageIdJson:
    author = event.author
    from_me = author is not None and author.bare == own.bare
    key = message_id_json(MessageKey(event.group, event.id, from_me, author or event.group))
    if author is None:
        key.pop("participant", None)
    return key


# --- the group itself ----------------------------------------------------------------------------

_NAMES: Final[Mapping[GroupChangeKind, str]] = {
    _Kind.ANNOUNCEMENT: "announce",
    _Kind.LOCKED: "restrict",
    _Kind.INVITE_CODE: "revoke_invite",
}
"""Types whose name outside is not that of the kind."""

_SWITCHES: Final = (
    _Kind.ANNOUNCEMENT,
    _Kind.LOCKED,
    _Kind.APPROVAL_MODE,
    _Kind.SUSPENDED,
)

_FIELDS: Final[Mapping[GroupChangeKind, tuple[str, Callable[[GroupChange], object]]]] = {
    _Kind.CREATE: ("subject", lambda change: change.text),
    _Kind.SUBJECT: ("subject", lambda change: change.text),
    _Kind.DESCRIPTION: ("desc", lambda change: change.text),
    _Kind.PICTURE: ("picture", lambda change: change.text),
    _Kind.ANNOUNCEMENT: ("announce", lambda change: change.enabled),
    _Kind.LOCKED: ("restrict", lambda change: change.enabled),
    _Kind.INVITE_CODE: ("inviteCode", lambda change: change.text),
    _Kind.MEMBER_ADD_MODE: ("memberAddMode", lambda change: change.text == "all_member_add"),
    _Kind.MEMBER_LINK_MODE: ("memberLinkMode", lambda change: change.text == "all_member_link"),
    _Kind.HISTORY_MODE: ("memberHistoryMode", lambda change: change.text == "all_member_share"),
    _Kind.APPROVAL_MODE: ("joinApprovalMode", lambda change: change.enabled),
    _Kind.EPHEMERAL: ("ephemeralDuration", lambda change: change.number),
    _Kind.LINK: ("linkType", lambda change: change.text),
    _Kind.UNLINK: ("linkType", lambda change: change.text),
    _Kind.SUSPENDED: ("suspended", lambda change: change.enabled),
}
"""The key of a change and what stands there."""


def _update(event: GroupChanged) -> dict[str, object]:
    change = event.change
    data: dict[str, object] = {"id": id_json(event.group)}
    if change.kind in _FIELDS:
        name, value_of = _FIELDS[change.kind]
        data[name] = value_of(change)
    if change.kind is _Kind.OTHER and change.detail:
        data["value"] = change.detail
    if change.groups:
        data["groups"] = [jid_text(group) for group in change.groups]
    if change.members:
        data["participants"] = [jid_text(who) for who in _people(event)]
    kind = change.text if change.kind is _Kind.OTHER else change.kind.value
    return {**data, **_origin(event), "type": _NAMES.get(change.kind, kind)}


# --- both ----------------------------------------------------------------------------------------


def _origin(event: GroupChanged) -> dict[str, object]:
    """Who did it, where and when."""
    author = {} if event.author is None else {"author": jid_text(event.author)}
    return {**author, "chatId": jid_text(event.group), "timestamp": event.timestamp}


def _frame(
    event: GroupChanged,
    kind: str,
    form: PayloadForm,
    notification: GroupNotificationJson,
    flat: Mapping[str, object] | None = None,
) -> Frame:
    """A frame in the lane of the group; without a flat form the notification is in every one."""
    older = {"notification": {**notification, "id": wwebjs_id(notification["id"])}}
    data = payload(form, {"notification": notification} if flat is None else flat, older)
    return Frame.of(kind, data, lane=str(event.group))
