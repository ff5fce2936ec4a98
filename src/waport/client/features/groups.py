"""Groups: what they are like, making them, changing them, joining and leaving."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from ...errors import Conflict, InvalidInput, QueryError, QueryTimeout
from ...model.group import (
    PLAIN_GROUP,
    AddressingMode,
    CreatedGroup,
    Group,
    GroupChange,
    GroupChangeKind,
    GroupInvitation,
    GroupMember,
    GroupOptions,
    Joined,
    JoinRequest,
    MemberAction,
    ParticipantResult,
)
from ...stanza.group_invites import (
    AcceptInvite,
    FetchInviteCode,
    FetchInviteInfo,
    JoinByCode,
    ResetInviteCode,
    invite_code,
)
from ...stanza.group_leaving import LeaveGroup
from ...stanza.group_members import (
    NO_TOKENS,
    ChangeParticipants,
    CreateGroup,
    DecideJoinRequests,
    FetchJoinRequests,
    Tokens,
)
from ...stanza.group_settings import (
    SetAnnouncement,
    SetApproval,
    SetDescription,
    SetLocked,
    SetMemberAddMode,
    SetSubject,
    SetTimer,
    check_description,
)
from ...stanza.groups import FetchInvitedGroup
from ...stanza.ids import message_id
from ...stanza.profile import SetPicture
from ...stanza.query import Query
from ...store import Database, UnitOfWork
from ...wire import GROUP_SERVER, Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..group_arguments import check_group, check_invitation, checked_people
from ..group_metadata import GroupMetadata
from ..group_notices import tell_changes
from ..group_people import numbered_request, numbered_results, resolve_people, results_in
from ..groups import NOT_OURS, mark_left, store_group
from ..handlers.groups import group_notification_handler
from ..own_group_changes import apply_own_changes, keep_results
from ..pictures import profile_picture
from ..probe_files import Source
from ..queries import Queries
from ..tokens import tokens_of
from ..work import EventSink, Work
from ..work_job import in_work

T = TypeVar("T")

_KINDS = {
    MemberAction.ADD: GroupChangeKind.ADD,
    MemberAction.REMOVE: GroupChangeKind.REMOVE,
    MemberAction.PROMOTE: GroupChangeKind.PROMOTE,
    MemberAction.DEMOTE: GroupChangeKind.DEMOTE,
}


class Groups:
    """Groups of one account.

    Every method raises what the question to the server may end in: QueryError (NotFound for an
    unknown group, NotAuthorized for one that we are not in or may not change), QueryTimeout,
    ConnectionClosed, StanzaError; and InvalidInput for arguments that the server would refuse.

    What we change ourselves stands in the store as soon as the server has confirmed it; the events
    come from the notification that it sends to all members, us included.

    Attributes:
        handle_notification: takes in notifications of the types `w:gp2` and `picture`.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        sink: EventSink,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._sink = sink
        self._clock = clock
        self._metadata = GroupMetadata(database, session_id, queries, clock)
        self.handle_notification = group_notification_handler(
            self.refetch, self._metadata.acknowledge
        )

    # --- what they are like ------------------------------------------------------------------

    async def info(self, group: Jid, *, fresh: bool = False) -> Group:
        """A group, as stored or as the server describes it now; see `GroupMetadata.info`.

        Args:
            fresh: ask the server in any case.
        """
        return await self._metadata.info(group, fresh=fresh)

    async def all(self) -> list[Group]:
        """Ask for all groups that we are in, and keep what comes."""
        return await self._metadata.all()

    async def listed(self) -> list[Group]:
        """Every known group, asked for where that works; see `GroupMetadata.listed`."""
        return await self._metadata.listed()

    async def several(self, groups: Iterable[Jid]) -> list[Group]:
        """Ask for several groups at once; those that are not ours are left out."""
        return await self._metadata.several(groups)

    async def ensure(self, groups: Iterable[Jid]) -> None:
        """Have at hand what messages to these groups need; NotAuthorized when we are not in one."""
        await self._metadata.ensure(groups)

    async def refetch(self, group: Jid) -> None:
        """Ask for a group soon, once for all who want it."""
        await self._metadata.refetch(group)

    # --- making one --------------------------------------------------------------------------

    async def create(
        self, subject: str, members: Iterable[Jid], options: GroupOptions = PLAIN_GROUP
    ) -> CreatedGroup:
        """Make a group.

        Args:
            subject: 1 to 100 characters.
            members: phone numbers or LIDs, us not needed; may be nobody.

        Returns:
            The group, and for each of the others what came of it: some may have to be invited.
        """
        people = await self._people(members, AddressingMode.LID)
        key, description_id = self._fresh_id(), self._fresh_id()
        tokens = await self._tokens(people)
        query = CreateGroup(subject, people, key, options, description_id, tokens)
        created = await self._create(query)
        if created.is_repeated:
            group = await self.info(created.group.jid, fresh=True)
            return replace(created, group=group, results=results_in(group, people))
        return await self._keep_created(created, key)

    async def _create(self, query: CreateGroup) -> CreatedGroup:
        try:
            return await self._queries.run(query, again=True)
        except QueryTimeout:
            # It may have been made all the same; the key says that it is the same one.
            return await self._queries.run(query)

    async def _keep_created(self, created: CreatedGroup, key: str) -> CreatedGroup:
        now = self._now()
        fetched_at = 0 if created.group.is_truncated else now
        change = GroupChange(GroupChangeKind.CREATE, text=created.group.subject, detail="new")

        def job(work: Work) -> CreatedGroup:
            group = store_group(work.store, replace(created.group, fetched_at=fetched_at))
            if not group.is_community:
                work.store.chats.touch(group.jid, now)
            results = numbered_results(work.store, created.results)
            # The server does not notify the device that has made it.
            tell_changes(
                work.store,
                work.own,
                work.emit,
                [change],
                group=group.jid,
                author=(work.own.lid or work.own.pn).bare,
                at=now,
                id=key,
            )
            return replace(created, group=group, results=results)

        return await in_work(self._database, self._session_id, self._sink, now, job)

    # --- members -----------------------------------------------------------------------------

    async def add(self, group: Jid, members: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        """Add people; where that is forbidden (403), a result may bring the code to invite by."""
        return await self._change(group, MemberAction.ADD, members)

    async def remove(self, group: Jid, members: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        """Remove members."""
        return await self._change(group, MemberAction.REMOVE, members)

    async def promote(self, group: Jid, members: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        """Make members admins."""
        return await self._change(group, MemberAction.PROMOTE, members)

    async def demote(self, group: Jid, members: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        """Take admins' rights back."""
        return await self._change(group, MemberAction.DEMOTE, members)

    async def _change(
        self, group: Jid, action: MemberAction, members: Iterable[Jid]
    ) -> tuple[ParticipantResult, ...]:
        members = checked_people(members)
        if not members:
            raise InvalidInput("name at least one participant")
        before = await self.info(group)
        people = await self._people(members, before.addressing, before)
        tokens = await self._tokens(people) if action is MemberAction.ADD else NO_TOKENS
        results = await self._queries.run(ChangeParticipants(group, action, people, tokens))
        return await self._keep_results(before, _KINDS[action], results)

    async def _keep_results(
        self, before: Group, kind: GroupChangeKind, results: tuple[ParticipantResult, ...]
    ) -> tuple[ParticipantResult, ...]:
        now = self._now()
        return await self._write(lambda store: keep_results(store, before, kind, results, now))

    # --- properties --------------------------------------------------------------------------

    async def set_subject(self, group: Jid, subject: str) -> None:
        """Name a group: 1 to 100 characters."""
        change = GroupChange(GroupChangeKind.SUBJECT, text=subject)
        await self._set(group, SetSubject(group, subject), change)

    async def set_description(self, group: Jid, text: str) -> None:
        """Describe a group: at most 2048 characters; an empty text takes the description away."""
        check_description(text)
        before = await self.info(group)
        try:
            await self._describe(before, text)
        except Conflict:
            # Somebody else has described it meanwhile.
            await self._describe(await self.info(group, fresh=True), text)

    async def _describe(self, before: Group, text: str) -> None:
        new_id = self._fresh_id()
        query = SetDescription(before.jid, text, new_id, before.description_id)
        detail = new_id if text else ""
        change = GroupChange(GroupChangeKind.DESCRIPTION, text=text, detail=detail)
        await self._set(before.jid, query, change)

    async def set_announcement(self, group: Jid, only_admins: bool) -> None:
        """Let only admins send, or everybody."""
        change = GroupChange(GroupChangeKind.ANNOUNCEMENT, enabled=only_admins)
        await self._set(group, SetAnnouncement(group, only_admins), change)

    async def set_locked(self, group: Jid, only_admins: bool) -> None:
        """Let only admins change subject, picture and description, or everybody."""
        change = GroupChange(GroupChangeKind.LOCKED, enabled=only_admins)
        await self._set(group, SetLocked(group, only_admins), change)

    async def set_timer(self, group: Jid, seconds: int) -> None:
        """Set the timer of the group's messages; 0: they stay."""
        change = GroupChange(GroupChangeKind.EPHEMERAL, enabled=seconds > 0, number=seconds)
        await self._set(group, SetTimer(group, seconds), change)

    async def set_approval(self, group: Jid, is_needed: bool) -> None:
        """Have admins decide who joins, or nobody."""
        change = GroupChange(GroupChangeKind.APPROVAL_MODE, enabled=is_needed)
        await self._set(group, SetApproval(group, is_needed), change)

    async def set_member_add_mode(self, group: Jid, only_admins: bool) -> None:
        """Let only admins add members, or everybody."""
        text = "admin_add" if only_admins else "all_member_add"
        change = GroupChange(GroupChangeKind.MEMBER_ADD_MODE, text=text, enabled=only_admins)
        await self._set(group, SetMemberAddMode(group, only_admins), change)

    async def set_picture(self, group: Jid, source: Source) -> None:
        """Show a picture, of which the middle square is taken; see `Profile.set_picture`."""
        check_group(group)
        await self._queries.run(SetPicture(await profile_picture(source), group), again=True)

    async def remove_picture(self, group: Jid) -> None:
        """Show no picture any more."""
        check_group(group)
        await self._queries.run(SetPicture(None, group), again=True)

    async def _set(self, group: Jid, query: Query[None], change: GroupChange) -> None:
        check_group(group)
        before = await self._metadata.stored(group)
        await self._queries.run(query)
        now = self._now()
        await self._write(lambda store: apply_own_changes(store, group, before, [change], now))

    # --- leaving and joining -----------------------------------------------------------------

    async def leave(self, group: Jid) -> None:
        """Leave a group; what was written in it stays."""
        check_group(group)
        now = self._now()
        try:
            await self._queries.run(LeaveGroup(group))
        except QueryError as exc:
            if exc.code in NOT_OURS:
                await self._write(lambda store: mark_left(store, group, now))
            raise
        await self._write(lambda store: mark_left(store, group, now))

    async def invite_code(self, group: Jid) -> str:
        """The code of the group's invite link."""
        check_group(group)
        return await self._queries.run(FetchInviteCode(group))

    async def reset_invite_code(self, group: Jid) -> str:
        """Make the present invite link useless; the code of the new one."""
        check_group(group)
        return await self._queries.run(ResetInviteCode(group))

    async def invite_info(self, code: str | GroupInvitation) -> Group:
        """What group an invite leads to; it is not kept, and only some of the members are named.

        Args:
            code: of an invite link, or the link itself, or a personal invitation.
        """
        if isinstance(code, GroupInvitation):
            check_invitation(code)
            return await self._queries.run(FetchInvitedGroup(code))
        return await self._queries.run(FetchInviteInfo(invite_code(code)))

    async def join(self, code: str) -> Joined:
        """Join by an invite link or its code. QueryError 304: a member already; 410: it was reset.

        The server describes the group by a notification.
        """
        return await self._queries.run(JoinByCode(invite_code(code)))

    async def accept_invite(self, invitation: GroupInvitation) -> Joined:
        """Join by a personal invitation. QueryError 410: it has ended."""
        check_invitation(invitation)
        return await self._queries.run(AcceptInvite(invitation))

    async def join_requests(self, group: Jid) -> tuple[JoinRequest, ...]:
        """Who waits to be let in; for admins."""
        check_group(group)
        requests = await self._queries.run(FetchJoinRequests(group))

        def job(store: UnitOfWork) -> tuple[JoinRequest, ...]:
            return tuple(numbered_request(store, request) for request in requests)

        return await self._write(job)

    async def decide_requests(
        self, group: Jid, people: Iterable[Jid], *, approve: bool
    ) -> tuple[ParticipantResult, ...]:
        """Let people in who wait, or refuse them."""
        people = checked_people(people)
        if not people:
            raise InvalidInput("name at least one participant")
        before = await self.info(group)
        named = await self._people(people, before.addressing)
        results = await self._queries.run(DecideJoinRequests(group, approve, named))
        if not approve:
            return await self._write(lambda store: numbered_results(store, results))
        return await self._keep_results(before, GroupChangeKind.ADD, results)

    # --- at the bottom -----------------------------------------------------------------------

    async def _people(
        self, people: Iterable[Jid], addressing: AddressingMode, group: Group | None = None
    ) -> tuple[GroupMember, ...]:
        """People as the group names them, or a new group will."""
        checked = checked_people(people)
        return await self._database.read(
            self._session_id, lambda store: resolve_people(store, addressing, checked, group)
        )

    async def _tokens(self, people: Iterable[GroupMember]) -> Tokens:
        """The privacy tokens of people who gave us one: without it some may not be added."""
        return await self._database.read(
            self._session_id, lambda store: tokens_of(store, people, self._now())
        )

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)

    def _now(self) -> int:
        return int(self._clock.unix())

    def _fresh_id(self) -> str:
        return message_id(GROUP_SERVER.server, self._now())
