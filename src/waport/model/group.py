"""Groups, as the server describes them and as they are kept.

Source: docs/protocol/queries.md, "Groups".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..wire import Jid

GROUP_AGE_S = 12 * 3600
"""Seconds after which a group is asked for again, in case a notification was missed."""


class MemberRole(StrEnum):
    """What a member may do; the creator is a superadmin. A role that we do not know is none."""

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
        since: when we saw them join, Unix seconds; 0 for those who were there before.
    """

    jid: Jid
    pn: Jid | None = None
    lid: Jid | None = None
    role: MemberRole = MemberRole.MEMBER
    label: str = ""
    since: int = field(default=0, compare=False)

    @property
    def names(self) -> tuple[Jid, ...]:
        """All addresses that are known, the one in the group's addressing mode first."""
        return tuple(jid for jid in (self.jid, self.pn, self.lid) if jid is not None)

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
        subject_by: by whom, bare, by phone number where that is shown; None when unknown.
        created_at: Unix seconds.
        creator: who made it, as `subject_by`.
        description: its text.
        description_id: needed for the next change of the text; empty when there is none.
        description_at: Unix seconds.
        description_by: who wrote it, as `subject_by`.
        addressing: how members are named.
        members: all of them; may be cut short, see `is_truncated`.
        size: how many there are, also when members were left out.
        is_announcement: only admins send.
        is_locked: only admins change subject, picture, description.
        expiration_s: the timer of its messages; 0 when they stay.
        needs_approval: admins decide who joins.
        only_admins_add: only admins add members.
        only_admins_link: only admins see the invite link.
        only_admins_share_history: only admins give new members what was written before.
        is_community: it is the parent of other groups.
        parent: the community that it belongs to.
        is_default_subgroup: it is the announcement group of its community.
        needs_ack: it is new, and the server waits for us to say that we know.
        flags: the tags of further switches that are on, in alphabetical order.
        is_suspended: WhatsApp closed it.
        is_left: we are no member any more; it stays for its messages.
        is_truncated: the server left members out.
        notices: ids of the latest notifications that were taken in, oldest first, so that none of
            them counts twice.
        participants_version: the server's version of the member list; empty when unknown.
        info_version: the server's version of all else; empty when unknown.
        fetched_at: when the server was asked last, Unix seconds; 0 when it has to be asked again.
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
    only_admins_link: bool = False
    only_admins_share_history: bool = False
    is_community: bool = False
    parent: Jid | None = None
    is_default_subgroup: bool = False
    needs_ack: bool = False
    flags: tuple[str, ...] = ()
    is_suspended: bool = False
    is_left: bool = False
    is_truncated: bool = False
    notices: tuple[str, ...] = ()
    participants_version: str = ""
    info_version: str = ""
    fetched_at: int = 0

    def member(self, jid: Jid) -> GroupMember | None:
        """The member of an address of either kind and of any device."""
        return next((member for member in self.members if member.is_named(jid)), None)

    def is_due(self, now: int) -> bool:
        """Whether the server has to be asked before the list of members may be relied on."""
        return self.is_truncated or not self.fetched_at or now - self.fetched_at > GROUP_AGE_S


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
    MEMBER_LINK_MODE = "member_link_mode"
    HISTORY_MODE = "member_share_group_history_mode"
    APPROVAL_MODE = "membership_approval_mode"
    REQUESTS_CREATED = "created_membership_requests"
    REQUESTS_REVOKED = "revoked_membership_requests"
    DELETE = "delete"
    LINK = "link"
    UNLINK = "unlink"
    COMMUNITY_PROMOTE = "linked_group_promote"
    COMMUNITY_DEMOTE = "linked_group_demote"
    SUSPENDED = "suspended"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class GroupChange:
    """One change, as a notification told it.

    Attributes:
        kind: what changed.
        members: whom it concerns, bare, in the group's addressing.
        pns: their phone numbers in the same order; None where hidden.
        text: new subject, description, code, mode or picture id; the type of a link; the tag for
            OTHER.
        enabled: of a switch: whether it is on now; of a picture: whether there is one.
        number: seconds of a timer.
        reason: how it came about ("invite", "linked_group_join", ...); empty when not said.
        detail: the id of a new description; the value of a mode that has no kind of its own; "new"
            for a group that was just made; the notification's tag for a request to join.
        groups: the other groups of a link.
    """

    kind: GroupChangeKind
    members: tuple[Jid, ...] = ()
    pns: tuple[Jid | None, ...] = ()
    text: str = ""
    enabled: bool = False
    number: int = 0
    reason: str = ""
    detail: str = ""
    groups: tuple[Jid, ...] = ()


class MemberAction(StrEnum):
    """What is done to members; the values are the tags of the question."""

    ADD = "add"
    REMOVE = "remove"
    PROMOTE = "promote"
    DEMOTE = "demote"


@dataclass(frozen=True, slots=True)
class ParticipantResult:
    """What came of one person's part in a question about several.

    Attributes:
        jid: bare, as the server names them.
        pn: their phone number, where it is known.
        code: 200 when it was done; else the server's error, 0 when that is no number.
        is_requested: an admin has to agree first.
        invite_code: with 403: the code by which they may be invited personally; else empty.
        invite_expiration: when that code ends, Unix seconds.
    """

    jid: Jid
    pn: Jid | None = None
    code: int = 200
    is_requested: bool = False
    invite_code: str = ""
    invite_expiration: int = 0

    @property
    def is_done(self) -> bool:
        """It took effect at once."""
        return self.code == 200 and not self.is_requested


@dataclass(frozen=True, slots=True)
class CreatedGroup:
    """A group that was just made.

    Attributes:
        group: as it is now.
        results: what came of everybody who was to be in it from the start.
        is_repeated: the server had made it before, asked with the same key; `group` is but its
            address and there are no results.
    """

    group: Group
    results: tuple[ParticipantResult, ...] = ()
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class CommunityOptions:
    """What makes a new group a community.

    Attributes:
        needs_approval: admins decide who joins it.
        with_general_chat: it gets a group in which all members may write.
        members_add_groups: members may put groups into it, not only admins.
    """

    needs_approval: bool = False
    with_general_chat: bool = False
    members_add_groups: bool = False


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """How a new group is set up.

    Attributes:
        description: its text; empty for none.
        expiration_s: the timer of its messages; 0 when they stay.
        is_announcement: only admins send.
        is_locked: only admins change subject, picture, description.
        needs_approval: admins decide who joins.
        only_admins_add: only admins add members; None leaves it to the server.
        only_admins_link: only admins see the invite link; None leaves it to the server.
        only_admins_share_history: only admins give new members what was written before; None leaves
            it to the server.
        limits_forwarding: messages that were forwarded often can't be sent there.
        is_hidden: it is shown to its members alone; in a community.
        parent: the community that it is to belong to.
        community: it is to be a community itself.
    """

    description: str = ""
    expiration_s: int = 0
    is_announcement: bool = False
    is_locked: bool = False
    needs_approval: bool = False
    only_admins_add: bool | None = None
    only_admins_link: bool | None = None
    only_admins_share_history: bool | None = None
    limits_forwarding: bool = False
    is_hidden: bool = False
    parent: Jid | None = None
    community: CommunityOptions | None = None


PLAIN_GROUP = GroupOptions()
"""Everything as the server sets it up."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Somebody who waits for an admin to let them in.

    Attributes:
        jid: bare, as the server names them.
        pn: their phone number, where it is known.
        method: how they came: "invite_link", "linked_group_join", "non_admin_add".
        requested_at: Unix seconds.
        requestor: who wants to add them, bare; None when they ask by themselves.
        parent: the community by which they came.
    """

    jid: Jid
    pn: Jid | None = None
    method: str = ""
    requested_at: int = 0
    requestor: Jid | None = None
    parent: Jid | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of joining.

    Attributes:
        group: its address.
        is_requested: an admin has to agree first.
    """

    group: Jid
    is_requested: bool = False


@dataclass(frozen=True, slots=True)
class GroupInvitation:
    """A personal invitation, as a message brings it.

    Attributes:
        group: where to.
        code: empty once it is used up.
        expiration: when it ends, Unix seconds.
        admin: who invites, bare.
    """

    group: Jid
    code: str
    expiration: int
    admin: Jid


@dataclass(frozen=True, slots=True)
class MessageReport:
    """A message that members of a group reported to its admins.

    Attributes:
        message_id: which.
        reporters: who.
    """

    message_id: str
    reporters: tuple[GroupMember, ...]
