"""The JSON of chats and groups, as responses and events carry it."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from ..model import Chat, ChatSummary, Group, MemberRole
from ..wire import Jid
from .ids import IdJson, id_json, jid_text
from .shapes import MessageJson, message_json


class ParticipantJson(TypedDict):
    """A member of a group; `lid` is the hidden id, where the id is a phone number."""

    id: IdJson
    isAdmin: bool
    isSuperAdmin: bool
    lid: NotRequired[str]


class _GroupBase(TypedDict):
    id: IdJson
    subject: str
    subjectTime: int
    creation: int
    participants: list[ParticipantJson]
    size: int
    announce: bool
    restrict: bool
    noFrequentlyForwarded: bool
    ephemeralDuration: int
    membershipApprovalMode: bool
    memberAddMode: str
    reportToAdminMode: bool
    isParentGroup: bool
    parentGroup: NotRequired[IdJson]
    groupType: str
    isLidAddressingMode: bool
    suspended: bool
    descTime: NotRequired[int]


class GroupInfoJson(_GroupBase):
    """A group: whoever made and described it as text, empty when unknown."""

    owner: str
    desc: str
    descId: str
    descOwner: str


class _Described(TypedDict):
    owner: NotRequired[IdJson]
    desc: NotRequired[str]
    descId: NotRequired[str]
    descOwner: NotRequired[IdJson]


class GroupMetadataJson(_GroupBase, _Described):
    """A group, as chats carry it: people as objects, and no key for what there is not."""


class ChatJson(TypedDict):
    """A conversation. `unreadCount` is -1 when it is marked as unread.

    `muteExpiration` is in Unix seconds: 0 when it is not muted, -1 for ever.
    """

    groupMetadata: NotRequired[GroupMetadataJson]
    id: IdJson
    name: str
    isGroup: bool
    isReadOnly: bool
    unreadCount: int
    timestamp: int
    archived: bool
    pinned: bool
    isMuted: bool
    muteExpiration: int
    lastMessage: NotRequired[MessageJson]


# --- groups --------------------------------------------------------------------------------------


def participants_json(group: Group) -> list[ParticipantJson]:
    """The members of a group, by phone number where that is shown."""
    shapes = []
    for member in group.members:
        jid = member.pn or member.jid
        shape: ParticipantJson = {
            "id": id_json(jid),
            "isAdmin": member.is_admin,
            "isSuperAdmin": member.role is MemberRole.SUPERADMIN,
        }
        if member.lid is not None and jid != member.lid:
            shape["lid"] = jid_text(member.lid)
        shapes.append(shape)
    return shapes


def group_info_json(group: Group) -> GroupInfoJson:
    """A group by itself."""
    return {
        **_base(group),
        "owner": "" if group.creator is None else jid_text(group.creator),
        "desc": group.description,
        "descId": group.description_id,
        "descOwner": "" if group.description_by is None else jid_text(group.description_by),
    }


def group_metadata_json(group: Group) -> GroupMetadataJson:
    """A group as part of something else."""
    shape: _Described = {}
    if group.creator is not None:
        shape["owner"] = id_json(group.creator)
    if group.description:
        shape["desc"] = group.description
        shape["descId"] = group.description_id
        if group.description_by is not None:
            shape["descOwner"] = id_json(group.description_by)
    return {**_base(group), **shape}


def _base(group: Group) -> _GroupBase:
    shape: _GroupBase = {
        "id": id_json(group.jid),
        "subject": group.subject,
        "subjectTime": group.subject_at,
        "creation": group.created_at,
        "participants": participants_json(group),
        "size": group.size or len(group.members),
        "announce": group.is_announcement,
        "restrict": group.is_locked,
        "noFrequentlyForwarded": "no_frequently_forwarded" in group.flags,
        "ephemeralDuration": group.expiration_s,
        "membershipApprovalMode": group.needs_approval,
        "memberAddMode": "admin_add" if group.only_admins_add else "all_member_add",
        "reportToAdminMode": "allow_admin_reports" in group.flags,
        "isParentGroup": group.is_community,
        "groupType": _type_of(group),
        "isLidAddressingMode": group.addressing.value == "lid",
        "suspended": group.is_suspended,
    }
    if group.parent is not None:
        shape["parentGroup"] = id_json(group.parent)
    if group.description:
        shape["descTime"] = group.description_at
    return shape


def _type_of(group: Group) -> str:
    if group.is_community:
        return "COMMUNITY"
    if group.parent is None:
        return "DEFAULT"
    return "LINKED_ANNOUNCEMENT_GROUP" if group.is_default_subgroup else "LINKED_SUBGROUP"


# --- chats ---------------------------------------------------------------------------------------


def is_muted(chat: Chat, now: float) -> bool:
    """Whether a chat is muted at a time, Unix seconds."""
    return chat.muted_until < 0 or chat.muted_until > now


def chat_json(
    summary: ChatSummary,
    own: Jid,
    now: float,
    *,
    group: Group | None = None,
    has_reaction: bool = False,
) -> ChatJson:
    """A chat with its newest message.

    Args:
        summary: the chat.
        own: the account's address.
        now: Unix seconds.
        group: the group that it is, where it is one and known.
        has_reaction: somebody's reaction to the newest message stands.
    """
    chat = summary.chat
    muted = is_muted(chat, now)
    shape: ChatJson = {
        "id": id_json(chat.jid),
        "name": summary.title if group is None else group.subject or summary.title,
        "isGroup": chat.jid.is_group,
        "isReadOnly": group is not None and _is_read_only(group, own),
        "unreadCount": chat.unread_count,
        "timestamp": chat.timestamp or _last_time(summary, group),
        "archived": chat.archived,
        "pinned": chat.pinned,
        "isMuted": muted,
        "muteExpiration": chat.muted_until if muted else 0,
    }
    if group is not None:
        shape["groupMetadata"] = group_metadata_json(group)
    if summary.last is not None:
        shape["lastMessage"] = message_json(summary.last, own, has_reaction=has_reaction)
    return shape


def _last_time(summary: ChatSummary, group: Group | None) -> int:
    if summary.last is not None:
        return summary.last.timestamp
    return 0 if group is None else group.created_at


def _is_read_only(group: Group, own: Jid) -> bool:
    me = group.member(own)
    if group.is_left or (me is None and not group.is_truncated):
        return True
    return group.is_announcement and not (me is not None and me.is_admin)
