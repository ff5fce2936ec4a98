"""Groups, as the server describes them and as they are kept.

Source: docs/protocol/queries.md, "Group metadata".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..wire import Jid


class MemberRole(StrEnum):
    """What a member may do; the creator is a superadmin."""

    MEMBER = ""
    ADMIN = "admin"
    SUPERADMIN = "superadmin"


class AddressingMode(StrEnum):
    """How a group names its members, and with which identity one writes in it."""

    LID = "lid"
    PN = "pn"


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One member.

    Attributes:
        jid: bare, in the group's addressing mode.
        pn: the phone number, where it is shown.
        lid: the hidden id, where it is known.
        role: member, admin or superadmin.
        label: the tag that the member carries; empty for none.
    """

    jid: Jid
    pn: Jid | None = None
    lid: Jid | None = None
    role: MemberRole = MemberRole.MEMBER
    label: str = ""

    @property
    def is_admin(self) -> bool:
        """Admin or superadmin."""
        return self.role is not MemberRole.MEMBER

    def is_named(self, jid: Jid) -> bool:
        """Whether an address, of either kind and of any device, is this member's."""
        return jid.bare in (self.jid, self.pn, self.lid)


@dataclass(frozen=True, slots=True)
class Group:
    """A group.

    Attributes:
        jid: `...@g.us`.
        subject: its name.
        subject_at: when it was named, Unix seconds.
        subject_by: by whom.
        created_at: Unix seconds.
        creator: bare; None when unknown.
        description: its text.
        description_id: needed for the next change of the text; empty when there is none.
        description_at: Unix seconds.
        description_by: who wrote it.
        addressing: how members are named.
        members: all of them; may be cut short, see `is_truncated`.
        size: how many there are.
        is_announcement: only admins send.
        is_locked: only admins change subject, picture, description.
        expiration_s: the timer of its messages; 0 when they stay.
        needs_approval: admins decide who joins.
        only_admins_add: only admins add members.
        is_community: it is the parent of other groups.
        parent: the community that it belongs to.
        is_default_subgroup: it is the announcement group of its community.
        is_suspended: WhatsApp closed it.
        is_left: we are no member any more; it stays for its messages.
        is_truncated: the server left members out.
        participants_version: the server's version of the member list; empty when unknown.
        fetched_at: when the server was asked last, Unix seconds.
    """

    jid: Jid
    subject: str = ""
    subject_at: int = 0
    subject_by: Jid | None = None
    created_at: int = 0
    creator: Jid | None = None
    description: str = ""
    description_id: str = ""
    description_at: int = 0
    description_by: Jid | None = None
    addressing: AddressingMode = AddressingMode.LID
    members: tuple[GroupMember, ...] = ()
    size: int = 0
    is_announcement: bool = False
    is_locked: bool = False
    expiration_s: int = 0
    needs_approval: bool = False
    only_admins_add: bool = False
    is_community: bool = False
    parent: Jid | None = None
    is_default_subgroup: bool = False
    is_suspended: bool = False
    is_left: bool = False
    is_truncated: bool = False
    participants_version: str = ""
    fetched_at: int = 0

    def member(self, jid: Jid) -> GroupMember | None:
        """The member of an address of either kind and of any device."""
        return next((member for member in self.members if member.is_named(jid)), None)


class GroupChangeKind(StrEnum):
    """What happened to a group; the values are the notification's tags where there is one."""

    CREATE = "create"
    ADD = "add"
    REMOVE = "remove"
    LEAVE = "leave"
    PROMOTE = "promote"
    DEMOTE = "demote"
    CHANGE_NUMBER = "modify"
    SUBJECT = "subject"
    DESCRIPTION = "description"
    PICTURE = "picture"
    ANNOUNCEMENT = "announcement"
    LOCKED = "locked"
    EPHEMERAL = "ephemeral"
    INVITE_CODE = "invite"
    MEMBER_ADD_MODE = "member_add_mode"
    APPROVAL_MODE = "membership_approval_mode"
    REQUESTS_CREATED = "created_membership_requests"
    REQUESTS_REVOKED = "revoked_membership_requests"
    DELETE = "delete"
    LINK = "link"
    UNLINK = "unlink"
    SUSPENDED = "suspended"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class GroupChange:
    """One change, as a notification told it.

    Attributes:
        kind: what changed.
        members: whom it concerns, bare, in the group's addressing.
        pns: their phone numbers in the same order; None where hidden.
        text: new subject, description, code, mode or picture id; the tag for OTHER.
        enabled: of a switch: whether it is on now.
        number: seconds of a timer.
        reason: how it came about ("invite", "linked_group_join", ...); empty when not said.
    """

    kind: GroupChangeKind
    members: tuple[Jid, ...] = ()
    pns: tuple[Jid | None, ...] = ()
    text: str = ""
    enabled: bool = False
    number: int = 0
    reason: str = ""
