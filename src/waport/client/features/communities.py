"""Communities: making them, their groups, their people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from ...errors import InvalidInput, QueryError
from ...model.community import LinkResult, SubGroup
from ...model.group import (
    CommunityOptions,
    CreatedGroup,
    Group,
    GroupChange,
    GroupChangeKind,
    GroupMember,
    GroupOptions,
    Joined,
    MemberAction,
    ParticipantResult,
)
from ...stanza.communities import (
    ChangeCommunityAdmins,
    DecideSuggestion,
    DissolveCommunity,
    FetchLinkedGroup,
    FetchLinkedParticipants,
    FetchSubGroups,
    JoinLinkedGroup,
    LinkGroups,
    SuggestGroup,
    UnlinkGroup,
    read_sub_groups,
)
from ...stanza.group_leaving import LeaveCommunity
from ...stanza.group_members import ChangeParticipants
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..encryption import learn_mapping
from ..group_arguments import check_group
from ..group_people import completed, resolve_people
from ..groups import change_group, mark_left, own_of
from ..mex import Mex
from ..own_group_changes import apply_own_changes, keep_results
from ..queries import Queries
from .groups import Groups

log = logging.getLogger(__name__)

T = TypeVar("T")

PLAIN_COMMUNITY = CommunityOptions()
"""Everybody may join, only admins put groups into it, and there is no general chat."""

_NOT_BY_IQ = frozenset((400, 405, 410, 426, 501))
"""Refusals which say that the server does not answer this question in this form."""


class Communities:
    """The communities of one account. A community is a group too: `client.groups` names, describes
    and pictures it, adds people to it, and tells its invite code.

    Every method raises as those of `Groups`.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        mex: Mex,
        groups: Groups,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._mex = mex
        self._groups = groups
        self._clock = clock

    # --- making and ending -------------------------------------------------------------------

    async def create(
        self, subject: str, description: str = "", options: CommunityOptions = PLAIN_COMMUNITY
    ) -> Group:
        """Make a community; its announcement group comes with it, and is described soon after.

        Args:
            subject: 1 to 100 characters.
            description: at most 2048 characters.
        """
        wish = GroupOptions(description=description, community=options)
        return (await self._groups.create(subject, (), wish)).group

    async def create_group(
        self,
        parent: Jid,
        subject: str,
        members: Iterable[Jid] = (),
        options: GroupOptions | None = None,
    ) -> CreatedGroup:
        """Make a group inside a community; see `Groups.create`."""
        check_group(parent)
        wish = replace(options or GroupOptions(), parent=parent)
        return await self._groups.create(subject, members, wish)

    async def dissolve(self, parent: Jid) -> None:
        """End a community for all; its groups stay, but for the announcement group."""
        check_group(parent)
        await self._queries.run(DissolveCommunity(parent))
        now = self._now()

        def job(store: UnitOfWork) -> None:
            mark_left(store, parent, now)
            for group in store.groups.all():
                if group.parent == parent:
                    change = GroupChange(GroupChangeKind.UNLINK, text="parent_group")
                    left = group.is_left or group.is_default_subgroup
                    changed = change_group(store, own_of(store), group, change, by=None, at=now)
                    store.groups.put(replace(changed, is_left=left))

        await self._write(job)

    async def leave(self, parent: Jid) -> None:
        """Leave a community with all its groups; what was written stays."""
        check_group(parent)
        await self._queries.run(LeaveCommunity(parent))
        now = self._now()

        def job(store: UnitOfWork) -> None:
            mark_left(store, parent, now)
            for group in store.groups.all():
                if group.parent == parent:
                    mark_left(store, group.jid, now)

        await self._write(job)

    # --- groups ------------------------------------------------------------------------------

    async def link(
        self, parent: Jid, groups: Iterable[Jid], *, hidden: bool = False
    ) -> tuple[LinkResult, ...]:
        """Put groups that we run into a community that we run; what came of each.

        Args:
            hidden: they are shown to their members alone.
        """
        check_group(parent)
        named = tuple(dict.fromkeys(groups))
        for group in named:
            check_group(group)
        results = await self._queries.run(LinkGroups(parent, named, hidden))
        done = [result.group for result in results if result.is_done]
        await self._keep_links(parent, done, GroupChangeKind.LINK)
        return results

    async def unlink(self, parent: Jid, group: Jid, *, remove_orphans: bool = False) -> LinkResult:
        """Take a group out of a community.

        Args:
            remove_orphans: who is in no other group of the community leaves it, too.
        """
        check_group(parent)
        check_group(group)
        result = await self._queries.run(UnlinkGroup(parent, group, remove_orphans))
        if result.is_done:
            await self._keep_links(parent, [group], GroupChangeKind.UNLINK)
        return result

    async def _keep_links(self, parent: Jid, groups: Iterable[Jid], kind: GroupChangeKind) -> None:
        now = self._now()
        change = GroupChange(kind, text="parent_group", groups=(parent,))

        def job(store: UnitOfWork) -> None:
            for group in groups:
                apply_own_changes(store, group, store.groups.get(group), [change], now)

        await self._write(job)

    async def sub_groups(self, parent: Jid) -> tuple[SubGroup, ...]:
        """The groups of a community that we may see, the announcement group among them."""
        check_group(parent)
        try:
            return await self._queries.run(FetchSubGroups(parent), again=True)
        except QueryError as exc:
            if exc.code not in _NOT_BY_IQ:
                raise
            log.info("the groups of a community are asked for by GraphQL: %d", exc.code)
        variables = {"group_id": str(parent), "query_context": "INTERACTIVE"}
        return read_sub_groups(await self._mex.ask("FetchAllSubgroups", variables, again=True))

    async def announcement_group(self, parent: Jid) -> Jid | None:
        """The group in which the admins of a community write to all its members."""
        groups = await self.sub_groups(parent)
        return next((group.jid for group in groups if group.is_default), None)

    async def linked_group(self, parent: Jid, group: Jid) -> Group:
        """A group of a community that we are not in; it is not kept, and few members are named."""
        check_group(parent)
        check_group(group)
        return await self._queries.run(FetchLinkedGroup(parent, group), again=True)

    async def parent_of(self, group: Jid, parent: Jid) -> Group:
        """The community of a group that we are in, as members see it."""
        check_group(parent)
        check_group(group)
        query = FetchLinkedGroup(group, parent, is_parent=True)
        return await self._queries.run(query, again=True)

    async def join(self, parent: Jid, group: Jid) -> Joined:
        """Join a group of a community that we are in.

        The server describes the group by a notification.
        """
        check_group(parent)
        check_group(group)
        return await self._queries.run(JoinLinkedGroup(parent, group))

    # --- people ------------------------------------------------------------------------------

    async def participants(self, parent: Jid) -> tuple[GroupMember, ...]:
        """Everybody who is in some group of a community, each once."""
        check_group(parent)
        members = await self._queries.run(FetchLinkedParticipants(parent), again=True)

        def job(store: UnitOfWork) -> tuple[GroupMember, ...]:
            for member in members:
                if member.pn is not None and member.lid is not None:
                    learn_mapping(store, member.pn, member.lid)
            return tuple(completed(store, member) for member in members)

        return await self._write(job)

    async def remove(self, parent: Jid, members: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        """Remove members from a community and all its groups."""
        before, people = await self._people(parent, members)
        query = ChangeParticipants(parent, MemberAction.REMOVE, people, everywhere=True)
        return await self._keep(before, GroupChangeKind.REMOVE, await self._queries.run(query))

    async def promote(self, parent: Jid, members: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        """Make members of a community its admins."""
        return await self._change_admins(parent, MemberAction.PROMOTE, members)

    async def demote(self, parent: Jid, members: Iterable[Jid]) -> tuple[ParticipantResult, ...]:
        """Take the rights of a community's admins back."""
        return await self._change_admins(parent, MemberAction.DEMOTE, members)

    async def _change_admins(
        self, parent: Jid, action: MemberAction, members: Iterable[Jid]
    ) -> tuple[ParticipantResult, ...]:
        before, people = await self._people(parent, members)
        results = await self._queries.run(ChangeCommunityAdmins(parent, action, people))
        kinds = {
            MemberAction.PROMOTE: GroupChangeKind.COMMUNITY_PROMOTE,
            MemberAction.DEMOTE: GroupChangeKind.COMMUNITY_DEMOTE,
        }
        return await self._keep(before, kinds[action], results)

    async def _people(
        self, parent: Jid, members: Iterable[Jid]
    ) -> tuple[Group, tuple[GroupMember, ...]]:
        check_group(parent)
        named = tuple(members)
        if not named or not all(jid.is_user for jid in named):
            raise InvalidInput("name at least one participant by number or hidden id")
        before = await self._groups.info(parent)
        people = await self._database.read(
            self._session_id, lambda store: resolve_people(store, before.addressing, named, before)
        )
        return before, people

    async def _keep(
        self, before: Group, kind: GroupChangeKind, results: tuple[ParticipantResult, ...]
    ) -> tuple[ParticipantResult, ...]:
        now = self._now()
        return await self._write(lambda store: keep_results(store, before, kind, results, now))

    # --- suggestions -------------------------------------------------------------------------

    async def suggest(self, parent: Jid, group: Jid) -> None:
        """Suggest a group of ours to the admins of a community."""
        check_group(parent)
        check_group(group)
        await self._queries.run(SuggestGroup(parent, group), again=True)

    async def decide_suggestion(
        self, parent: Jid, group: Jid, creator: Jid, *, approve: bool
    ) -> None:
        """Take a suggested group into a community that we run, or refuse it.

        Args:
            creator: who suggested it.
        """
        check_group(parent)
        check_group(group)
        verb = "approve" if approve else "reject"
        await self._queries.run(DecideSuggestion(parent, group, creator, verb))

    async def withdraw_suggestion(self, parent: Jid, group: Jid) -> None:
        """Withdraw a suggestion of ours."""
        check_group(parent)
        check_group(group)
        own = await self._database.read(self._session_id, own_of)
        creator = (own.lid or own.pn).bare
        await self._queries.run(DecideSuggestion(parent, group, creator, "cancel"))

    # --- at the bottom -----------------------------------------------------------------------

    async def _write(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.write(self._session_id, job)

    def _now(self) -> int:
        return int(self._clock.unix())
