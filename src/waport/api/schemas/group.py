"""Groups: their members, settings and invitations."""

from __future__ import annotations

from typing import ClassVar, Final, Literal, NotRequired

from typing_extensions import TypedDict

from ...events import GroupInfoJson, GroupMetadataJson, IdJson, ParticipantJson
from ...model.group import GroupOptions
from ...wire import Jid
from ..fields import Kind, body, defined, optional, required
from ..kinds import (
    ADDRESS,
    ADDRESSES,
    ANYTHING,
    BOOLEAN,
    GROUP,
    INTEGER,
    PARTICIPANTS,
    TEXT,
    nested,
)
from ..picture_field import PICTURE, Picture
from .common import MessageAnswer, SuccessEnvelope

_GROUP_ID: Final = "120363000000000001@g.us"


@body
class InviteOptions:
    """What happens to people who may not simply be added."""

    send_invites: bool = optional(
        "autoSendInviteV4",
        BOOLEAN,
        default=True,
        note="Send an invitation to those who may only be invited.",
    )
    comment: str = optional("comment", TEXT, default="", note="The text of that invitation.")
    sleep: object = optional(
        "sleep", ANYTHING, default=None, note="Not used: all are added by one question."
    )


@body
class CreateOptions(InviteOptions):
    """How a new group is set up."""

    timer_s: int = optional(
        "messageTimer", INTEGER, default=0, note="Seconds after which messages disappear."
    )
    parent: Jid | None = optional(
        "parentGroupId", GROUP, default=None, note="The community that it is to belong to."
    )
    only_admins_add: bool | None = optional("memberAddMode", BOOLEAN, default=None)
    needs_approval: bool = optional("membershipApprovalMode", BOOLEAN, default=False)
    is_locked: bool = optional("isRestrict", BOOLEAN, default=False)
    is_announcement: bool = optional("isAnnounce", BOOLEAN, default=False)

    def setup(self) -> GroupOptions:
        """As the group is made."""
        return GroupOptions(
            expiration_s=self.timer_s,
            is_announcement=self.is_announcement,
            is_locked=self.is_locked,
            needs_approval=self.needs_approval,
            only_admins_add=self.only_admins_add,
            parent=self.parent,
        )


@body
class CreateGroupRequest:
    """A group to make; the list of participants may be empty."""

    missing: ClassVar[str] = "name and participants array are required"

    subject: str = required("name", TEXT, also=("title",), example="Friends")
    participants: tuple[Jid, ...] = required("participants", PARTICIPANTS)
    options: CreateOptions = optional("options", nested(CreateOptions), default=CreateOptions())


@body
class GroupIdRequest:
    """Which group."""

    group: Jid = required("groupId", GROUP, also=("chatId",), example=_GROUP_ID)


@body
class GroupParticipantsRequest(GroupIdRequest):
    """Some people in a group, or who are to be in it."""

    participants: tuple[Jid, ...] = required(
        "participants", PARTICIPANTS, also=("participantIds", "contactIds")
    )
    options: InviteOptions = optional("options", nested(InviteOptions), default=InviteOptions())


@body
class SetGroupSubjectRequest(GroupIdRequest):
    """What the group is to be called."""

    subject: str = required("subject", TEXT)


@body
class SetGroupDescriptionRequest(GroupIdRequest):
    """What the group is to say of itself; without a text it says nothing any more."""

    description: str = optional("description", TEXT, default="")


@body
class SetGroupAdminsOnlyRequest(GroupIdRequest):
    """Whether only admins may."""

    only_admins: bool = defined("adminsOnly", BOOLEAN)


@body
class InviteCodeRequest:
    """An invitation into a group: its code, or the whole link."""

    code: str = required("inviteCode", TEXT)


@body
class SetGroupPictureRequest(GroupIdRequest):
    """The picture of the group: JPEG, PNG, WebP, GIF or BMP; its middle square is taken."""

    # A file of a form arrives under the name of a message's content.
    picture: Picture = required("image", PICTURE, also=("pictureData", "content"))


def _requesters(value: object, name: str) -> tuple[Jid, ...] | None:
    return ADDRESSES.read(value, name)


@body
class DecisionOptions:
    """About whom it is decided."""

    requesters: tuple[Jid, ...] | None = optional(
        "requesterIds",
        Kind(_requesters, ADDRESSES.schema),
        default=None,
        note="Everybody who waits when left out.",
    )
    sleep: object = optional("sleep", ANYTHING, default=None, note="Not used.")


@body
class DecideRequestsRequest:
    """About whom of those who want to join a group it is decided."""

    group: Jid = required("groupId", GROUP, also=("chatId",), example=_GROUP_ID)
    options: DecisionOptions = optional(
        "options", nested(DecisionOptions), default=DecisionOptions()
    )


# --- answers -------------------------------------------------------------------------------------


class NewGroupJson(TypedDict):
    """A group that was just made."""

    id: IdJson
    name: str
    participants: list[ParticipantJson]


class CreatedParticipantJson(TypedDict):
    """What came of one person who was to be in a new group."""

    statusCode: int
    message: str
    isGroupCreator: bool
    isInviteV4Sent: bool


class CreatedJson(TypedDict):
    """The new group and, by address, what came of everybody."""

    title: str
    gid: IdJson
    participants: dict[str, CreatedParticipantJson]


class CreateGroupAnswer(SuccessEnvelope):
    """The group that was made."""

    group: NewGroupJson
    response: CreatedJson


class GroupAnswer(SuccessEnvelope):
    """A group."""

    group: GroupInfoJson


class ParticipantsAnswer(SuccessEnvelope):
    """The members of a group."""

    participants: list[ParticipantJson]


class AddedParticipantJson(TypedDict):
    """What came of one person who was to be added."""

    code: int
    message: str
    isInviteV4Sent: bool


class AddParticipantsAnswer(MessageAnswer):
    """What came of everybody, by address."""

    result: dict[str, AddedParticipantJson]


class ChangedParticipantJson(TypedDict):
    """What came of a change for one member: 200 when it was made, else WhatsApp's code."""

    code: int


class ChangedJson(TypedDict):
    """`status` is 200 when anybody was changed, else the first one's code."""

    status: int
    participants: dict[str, ChangedParticipantJson]


class ChangeParticipantsAnswer(MessageAnswer):
    """What came of everybody."""

    result: ChangedJson


class DoneAnswer(MessageAnswer):
    """Done."""

    result: Literal[True]


class InviteCodeAnswer(SuccessEnvelope, TypedDict):
    """The code of a group's invite link."""

    inviteCode: str


class NewInviteCodeAnswer(InviteCodeAnswer):
    """The code of a group's new invite link."""

    result: str


class JoinedAnswer(SuccessEnvelope, TypedDict):
    """The group that was joined; null while an admin has to agree first."""

    groupId: IdJson | None
    pendingApproval: NotRequired[Literal[True]]
    acceptInvite: NotRequired[str]


class InvitedGroupJson(TypedDict):
    """What an invitation shows of its group."""

    id: IdJson
    subject: str
    owner: str | None
    creation: int
    desc: NotRequired[str]
    size: NotRequired[int]


class InviteInfoAnswer(SuccessEnvelope, TypedDict):
    """The group that an invitation leads to."""

    group: InvitedGroupJson
    inviteInfo: GroupMetadataJson


class JoinRequestJson(TypedDict):
    """Somebody who waits for an admin to let them in."""

    id: IdJson
    addedBy: IdJson | None
    parentGroupId: IdJson | None
    requestMethod: str
    t: int


class JoinRequestsAnswer(SuccessEnvelope):
    """Everybody who waits to be let in."""

    result: list[JoinRequestJson]


class DecisionJson(TypedDict):
    """What came of the decision about one person; `error` is WhatsApp's code."""

    requesterId: str
    error: NotRequired[int]
    message: str


class DecisionsAnswer(SuccessEnvelope):
    """What came of the decision about everybody."""

    result: list[DecisionJson]


@body
class CommonGroupsRequest:
    """With whom."""

    contact: Jid = required("contactId", ADDRESS, example="15551234567@c.us")


class CommonGroupJson(TypedDict):
    """A group in which both are."""

    id: IdJson
    name: str


class CommonGroupsAnswer(SuccessEnvelope):
    """The groups in which both are; `result` are their ids alone."""

    groups: list[CommonGroupJson]
    result: list[IdJson]
