"""People in questions about groups: who is asked about, and what is said of the outcome."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from ..errors import WhatsAppError
from ..events import jid_text
from ..model.contents import GroupInvite
from ..model.contents.limits import MAX_CAPTION
from ..model.group import ParticipantResult
from ..wire import Jid
from .addresses import is_reachable
from .errors import InvalidRequest
from .ports import ClientPort
from .schemas.group import (
    AddedParticipantJson,
    ChangedJson,
    CreatedParticipantJson,
    DecisionJson,
    InviteOptions,
)

log = logging.getLogger(__name__)

_DONE: Final = 200
_INVITE_ONLY: Final = 403
_NO_ACCOUNT: Final = 404

WAITS: Final = "The participant waits for the approval of an admin"
_UNKNOWN_ERROR: Final = "An unknown error occupied while adding a participant"
_ADDED: Final = {
    200: "The participant was added successfully",
    403: "The participant can be added by sending private invitation only",
    404: "The phone number is not registered on WhatsApp",
    408: "You cannot add this participant because they recently left the group",
    409: "The participant is already a group member",
    417: "The participant can't be added to the community. You can invite them privately to join "
    "this group through its invite link",
    419: "The participant can't be added because the group is full",
}
"""What the older server says of each code, spelled as there."""
_CREATED_CODES: Final = (200, 403, 404)
"""Those that it also knows when a group is made."""
_DECISION_ERRORS: Final = {
    400: "ParticipantNotFoundError",
    401: "ParticipantNotAuthorizedError",
    403: "ParticipantForbiddenError",
    404: "ParticipantRequestNotFoundError",
    408: "ParticipantTemporarilyBlockedError",
    409: "ParticipantConflictError",
    412: "ParticipantParentLinkedGroupsResourceConstraintError",
    500: "ParticipantResourceConstraintError",
}


def check_named(participants: Collection[Jid]) -> None:
    """Refuse to do something to nobody.

    Raises:
        InvalidRequest: there are no participants.
    """
    if not participants:
        raise InvalidRequest("participants must not be empty")


def named_people(participants: Iterable[Jid]) -> tuple[list[Jid], list[ParticipantResult]]:
    """Those who may be asked about, and what came of the others: nobody has such an address."""
    people, strangers = [], []
    for jid in dict.fromkeys(participants):
        if (jid.is_user or jid.is_bot) and is_reachable(jid):
            people.append(jid)
        else:
            strangers.append(ParticipantResult(jid, code=_NO_ACCOUNT))
    return people, strangers


def address_of(result: ParticipantResult) -> str:
    """How an answer names a person: by number, where it is known."""
    return jid_text(result.pn or result.jid)


async def send_invites(
    client: ClientPort,
    group: Jid,
    subject: str,
    results: Sequence[ParticipantResult],
    options: InviteOptions,
) -> frozenset[Jid]:
    """Invite those by a message who may not simply be added; the ones who got it.

    That somebody could not be invited is logged, and is no failure.
    """
    invited = set()
    for result in results if options.send_invites else ():
        if result.code != _INVITE_ONLY or not result.invite_code:
            continue
        invite = GroupInvite(
            group,
            result.invite_code,
            expires_at=result.invite_expiration,
            name=subject,
            caption=options.comment,
        )
        try:
            await client.messages.send(result.pn or result.jid, invite)
        except WhatsAppError as exc:
            log.warning("an invitation was not sent: %s", type(exc).__name__)
        else:
            invited.add(result.jid)
    return frozenset(invited)


def check_comment(options: InviteOptions) -> None:
    """Refuse a text that no invitation can carry.

    Raises:
        InvalidRequest: it is too long.
    """
    if len(options.comment) > MAX_CAPTION:
        raise InvalidRequest(
            f"options.comment must be a string of at most {MAX_CAPTION} characters"
        )


# --- what came of it -----------------------------------------------------------------------------


def added_json(
    results: Iterable[ParticipantResult], invited: Collection[Jid]
) -> dict[str, AddedParticipantJson]:
    """What came of people who were to be added."""
    return {
        address_of(result): {
            "code": result.code,
            "message": WAITS if result.is_requested else _ADDED.get(result.code, _UNKNOWN_ERROR),
            "isInviteV4Sent": result.jid in invited,
        }
        for result in results
    }


def created_json(
    results: Iterable[ParticipantResult], creator: Jid, invited: Collection[Jid]
) -> dict[str, CreatedParticipantJson]:
    """What came of people who were to be in a new group."""
    shapes: dict[str, CreatedParticipantJson] = {}
    for result in results:
        text = _ADDED[result.code] if result.code in _CREATED_CODES else _UNKNOWN_ERROR
        shapes[address_of(result)] = {
            "statusCode": result.code,
            "message": text,
            "isGroupCreator": creator in (result.pn, result.jid),
            "isInviteV4Sent": result.jid in invited,
        }
    return shapes


def changed_json(results: Sequence[ParticipantResult]) -> ChangedJson:
    """What came of a change for some members."""
    codes = [result.code for result in results]
    return {
        "status": _DONE if _DONE in codes or not codes else codes[0],
        "participants": {address_of(result): {"code": result.code} for result in results},
    }


def decisions_json(results: Iterable[ParticipantResult], *, approve: bool) -> list[DecisionJson]:
    """What came of the decision about people who want to join."""
    return [_decision(result, approve) for result in results]


def _decision(result: ParticipantResult, approve: bool) -> DecisionJson:
    who = address_of(result)
    if result.code == _DONE:
        verb = "Approved" if approve else "Rejected"
        return {"requesterId": who, "message": f"{verb} successfully"}
    verb = "approving" if approve else "rejecting"
    unknown = f"An unknown error occupied while {verb} the participant membership request"
    text = _DECISION_ERRORS.get(result.code, unknown)
    return {"requesterId": who, "error": result.code, "message": text}
