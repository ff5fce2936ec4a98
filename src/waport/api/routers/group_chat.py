"""Groups: their members, settings and invitations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Final

from ...errors import InvalidInput
from ...events import (
    group_info_json,
    group_metadata_json,
    id_json,
    jid_text,
    participants_json,
)
from ...model.group import Group, JoinRequest, ParticipantResult
from ...stanza.group_invites import invite_code
from ...stanza.group_settings import MAX_DESCRIPTION
from ...wire import Jid
from ..addresses import NO_GROUP
from ..deps import ConnectedClient, request_body
from ..errors import InvalidRequest, group_not_found
from ..group_people import (
    added_json,
    changed_json,
    check_comment,
    check_named,
    decisions_json,
    named_people,
    send_invites,
)
from ..group_texts import check_subject
from ..picture_field import picture_source, showing_picture
from ..ports import ClientPort
from ..recipients import answers_for
from ..routes import Routes
from ..schemas.common import MessageAnswer, done
from ..schemas.group import (
    AddParticipantsAnswer,
    ChangeParticipantsAnswer,
    DecideRequestsRequest,
    DecisionsAnswer,
    DoneAnswer,
    GroupAnswer,
    GroupIdRequest,
    GroupParticipantsRequest,
    InviteCodeAnswer,
    InviteCodeRequest,
    InvitedGroupJson,
    InviteInfoAnswer,
    JoinedAnswer,
    JoinRequestJson,
    JoinRequestsAnswer,
    NewInviteCodeAnswer,
    ParticipantsAnswer,
    SetGroupAdminsOnlyRequest,
    SetGroupDescriptionRequest,
    SetGroupPictureRequest,
    SetGroupSubjectRequest,
)

routes = Routes("Group")

_UNKNOWN: Final = ((404, "group_not_found"),)

Body = Annotated[GroupIdRequest, request_body(GroupIdRequest)]
People = Annotated[GroupParticipantsRequest, request_body(GroupParticipantsRequest)]
AdminsOnly = Annotated[SetGroupAdminsOnlyRequest, request_body(SetGroupAdminsOnlyRequest)]
Decision = Annotated[DecideRequestsRequest, request_body(DecideRequestsRequest)]
Invite = Annotated[InviteCodeRequest, request_body(InviteCodeRequest)]

# --- what it is like -----------------------------------------------------------------------------


@routes.post("/groupChat/getGroupInfo/{sessionId}", errors=_UNKNOWN)
async def get_group_info(client: ConnectedClient, body: Body) -> GroupAnswer:
    """Describe a group."""
    return {"success": True, "group": group_info_json(await described(client, body.group))}


@routes.post("/groupChat/getParticipants/{sessionId}", errors=_UNKNOWN)
async def get_group_participants(client: ConnectedClient, body: Body) -> ParticipantsAnswer:
    """List the members of a group."""
    group = await described(client, body.group)
    return {"success": True, "participants": participants_json(group)}


# --- members -------------------------------------------------------------------------------------


@routes.post("/groupChat/addParticipants/{sessionId}", errors=_UNKNOWN)
async def add_participants(client: ConnectedClient, body: People) -> AddParticipantsAnswer:
    """Add people to a group; who may not simply be added is invited by a message."""
    group = _group(body.group)
    check_named(body.participants)
    check_comment(body.options)
    results = await _asked(client.groups.add, group, body.participants)
    invited: frozenset[Jid] = frozenset()
    if any(result.invite_code for result in results):
        subject = (await client.groups.info(group)).subject
        invited = await send_invites(client, group, subject, results, body.options)
    return {
        "success": True,
        "message": "Participants added",
        "result": added_json(results, invited),
    }


@routes.post("/groupChat/removeParticipants/{sessionId}", errors=_UNKNOWN)
async def remove_participants(client: ConnectedClient, body: People) -> ChangeParticipantsAnswer:
    """Remove members from a group."""
    return await _changed(client.groups.remove, body, "Participants removed")


@routes.post("/groupChat/promoteParticipants/{sessionId}", errors=_UNKNOWN)
async def promote_participants(client: ConnectedClient, body: People) -> ChangeParticipantsAnswer:
    """Make members of a group admins."""
    return await _changed(client.groups.promote, body, "Participants promoted")


@routes.post("/groupChat/demoteParticipants/{sessionId}", errors=_UNKNOWN)
async def demote_participants(client: ConnectedClient, body: People) -> ChangeParticipantsAnswer:
    """Make admins of a group plain members."""
    return await _changed(client.groups.demote, body, "Participants demoted")


# --- settings ------------------------------------------------------------------------------------


@routes.post("/groupChat/setSubject/{sessionId}", errors=_UNKNOWN)
async def set_group_subject(
    client: ConnectedClient,
    body: Annotated[SetGroupSubjectRequest, request_body(SetGroupSubjectRequest)],
) -> DoneAnswer:
    """Name a group."""
    check_subject(body.subject, "subject")
    await client.groups.set_subject(_group(body.group), body.subject)
    return _done("Group subject updated")


@routes.post("/groupChat/setDescription/{sessionId}", errors=_UNKNOWN)
async def set_group_description(
    client: ConnectedClient,
    body: Annotated[SetGroupDescriptionRequest, request_body(SetGroupDescriptionRequest)],
) -> DoneAnswer:
    """Describe a group, or take its description away."""
    if len(body.description) > MAX_DESCRIPTION:
        limit = f"at most {MAX_DESCRIPTION} characters"
        raise InvalidRequest(f"description must be a string of {limit}")
    await client.groups.set_description(_group(body.group), body.description)
    return _done("Group description updated")


@routes.post("/groupChat/setMessagesAdminsOnly/{sessionId}", errors=_UNKNOWN)
async def set_messages_admins_only(client: ConnectedClient, body: AdminsOnly) -> DoneAnswer:
    """Let only admins write in a group, or everybody."""
    await client.groups.set_announcement(_group(body.group), body.only_admins)
    return _done("Group settings updated")


@routes.post("/groupChat/setInfoAdminsOnly/{sessionId}", errors=_UNKNOWN)
async def set_info_admins_only(client: ConnectedClient, body: AdminsOnly) -> DoneAnswer:
    """Let only admins change what a group is called and looks like, or everybody."""
    await client.groups.set_locked(_group(body.group), body.only_admins)
    return _done("Group settings updated")


@routes.post("/groupChat/setAddMembersAdminsOnly/{sessionId}", errors=_UNKNOWN)
async def set_add_members_admins_only(client: ConnectedClient, body: AdminsOnly) -> DoneAnswer:
    """Let only admins add members to a group, or everybody."""
    await client.groups.set_member_add_mode(_group(body.group), body.only_admins)
    return _done("Group settings updated")


@routes.post("/groupChat/setPicture/{sessionId}", takes_file=True, errors=_UNKNOWN)
async def set_group_picture(
    client: ConnectedClient,
    body: Annotated[SetGroupPictureRequest, request_body(SetGroupPictureRequest)],
) -> DoneAnswer:
    """Give a group a picture."""
    source = await picture_source(body.picture)
    group = _group(body.group)
    with showing_picture():
        await client.groups.set_picture(group, source)
    return _done("Group picture updated")


@routes.post("/groupChat/deletePicture/{sessionId}", errors=_UNKNOWN)
async def delete_group_picture(client: ConnectedClient, body: Body) -> DoneAnswer:
    """Take the picture of a group away."""
    await client.groups.remove_picture(_group(body.group))
    return _done("Group picture deleted")


# --- leaving and joining -------------------------------------------------------------------------


@routes.post("/groupChat/leave/{sessionId}", errors=_UNKNOWN)
async def leave_group(client: ConnectedClient, body: Body) -> MessageAnswer:
    """Leave a group."""
    await client.groups.leave(_group(body.group))
    return done("Left group")


@routes.post("/groupChat/getInviteCode/{sessionId}", errors=_UNKNOWN)
async def get_invite_code(client: ConnectedClient, body: Body) -> InviteCodeAnswer:
    """Get the code of a group's invite link."""
    return {"success": True, "inviteCode": await client.groups.invite_code(_group(body.group))}


@routes.post("/groupChat/revokeInvite/{sessionId}", errors=_UNKNOWN)
async def revoke_invite(client: ConnectedClient, body: Body) -> NewInviteCodeAnswer:
    """Make a group's invite link useless, and get the code of a new one."""
    code = await client.groups.reset_invite_code(_group(body.group))
    return {"success": True, "inviteCode": code, "result": code}


@routes.post("/groupChat/acceptInvite/{sessionId}")
async def accept_invite(client: ConnectedClient, body: Invite) -> JoinedAnswer:
    """Join a group by its invite link."""
    joined = await client.groups.join(_code(body.code))
    if joined.is_requested:
        return {"success": True, "groupId": None, "pendingApproval": True}
    return {
        "success": True,
        "groupId": id_json(joined.group),
        "acceptInvite": jid_text(joined.group),
    }


@routes.post("/groupChat/getInviteInfo/{sessionId}")
async def get_invite_info(client: ConnectedClient, body: Invite) -> InviteInfoAnswer:
    """Tell what group an invite link leads to."""
    group = await client.groups.invite_info(_code(body.code))
    return {
        "success": True,
        "group": _invited(group),
        "inviteInfo": group_metadata_json(group),
    }


@routes.post("/groupChat/getGroupMembershipRequests/{sessionId}", errors=_UNKNOWN)
async def get_group_membership_requests(client: ConnectedClient, body: Body) -> JoinRequestsAnswer:
    """List who waits to be let into a group."""
    requests = await client.groups.join_requests(_group(body.group))
    return {"success": True, "result": [_request(request) for request in requests]}


@routes.post("/groupChat/approveGroupMembershipRequests/{sessionId}", errors=_UNKNOWN)
async def approve_group_membership_requests(
    client: ConnectedClient, body: Decision
) -> DecisionsAnswer:
    """Let people into a group who wait for it."""
    return await _decide(client, body, approve=True)


@routes.post("/groupChat/rejectGroupMembershipRequests/{sessionId}", errors=_UNKNOWN)
async def reject_group_membership_requests(
    client: ConnectedClient, body: Decision
) -> DecisionsAnswer:
    """Refuse people who wait to be let into a group."""
    return await _decide(client, body, approve=False)


# --- what they share -----------------------------------------------------------------------------

Change = Callable[[Jid, Iterable[Jid]], Awaitable[Sequence[ParticipantResult]]]


def _group(jid: Jid) -> Jid:
    """A group that there may be; 404 for an address that no group has."""
    if jid == NO_GROUP:
        raise group_not_found()
    return jid


async def described(client: ClientPort, jid: Jid) -> Group:
    """A group.

    Raises:
        HttpError: 404, it does not exist or is hidden from this account.
        WhatsAppError: it could not be asked for.
    """
    group = _group(jid)
    with answers_for(group):
        return await client.groups.info(group)


async def _asked(
    change: Change, group: Jid, participants: Iterable[Jid]
) -> list[ParticipantResult]:
    """Carry out a change for those whom there may be, and say what came of everybody."""
    people, strangers = named_people(participants)
    results = await change(group, people) if people else ()
    return [*results, *strangers]


async def _changed(
    change: Change, body: GroupParticipantsRequest, message: str
) -> ChangeParticipantsAnswer:
    group = _group(body.group)
    check_named(body.participants)
    results = await _asked(change, group, body.participants)
    return {"success": True, "message": message, "result": changed_json(results)}


async def _decide(
    client: ClientPort, body: DecideRequestsRequest, *, approve: bool
) -> DecisionsAnswer:
    group = _group(body.group)
    wanted = body.options.requesters
    if wanted is None:
        wanted = tuple(request.jid for request in await client.groups.join_requests(group))

    async def decide(jid: Jid, people: Iterable[Jid]) -> Sequence[ParticipantResult]:
        return await client.groups.decide_requests(jid, people, approve=approve)

    results = await _asked(decide, group, wanted)
    return {"success": True, "result": decisions_json(results, approve=approve)}


def _code(text: str) -> str:
    try:
        return invite_code(text)
    except InvalidInput as exc:
        raise InvalidRequest("inviteCode must be an invite code or link") from exc


def _done(message: str) -> DoneAnswer:
    return {"success": True, "message": message, "result": True}


def _invited(group: Group) -> InvitedGroupJson:
    shape: InvitedGroupJson = {
        "id": id_json(group.jid),
        "subject": group.subject,
        "owner": None if group.creator is None else jid_text(group.creator),
        "creation": group.created_at,
    }
    if group.description:
        shape["desc"] = group.description
    if group.size:
        shape["size"] = group.size
    return shape


def _request(request: JoinRequest) -> JoinRequestJson:
    return {
        "id": id_json(request.pn or request.jid),
        "addedBy": None if request.requestor is None else id_json(request.requestor),
        "parentGroupId": None if request.parent is None else id_json(request.parent),
        "requestMethod": _METHODS.get(request.method, request.method),
        "t": request.requested_at,
    }


_METHODS: Final = {
    "invite_link": "InviteLink",
    "linked_group_join": "LinkedGroupJoin",
    "non_admin_add": "NonAdminAdd",
}
"""How somebody came to wait: the server's words, and those of the API."""
