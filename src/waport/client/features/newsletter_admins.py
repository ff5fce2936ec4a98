"""The people of a channel: who runs it, who is invited to, who follows it, who reacted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from ...errors import InvalidInput, WhatsAppError
from ...model import Message
from ...model.contents import ChannelInvite
from ...model.newsletter import (
    ChannelChangeKind,
    ChannelPerson,
    ChannelRole,
    Newsletter,
    ReactionSenders,
)
from ...stanza import newsletter_mex as calls
from ...stanza.json_values import JsonObject
from ...stanza.newsletters import (
    check_channel,
    read_admins,
    read_followers,
    read_pending,
    read_reaction_senders,
)
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..group_people import learned_number, number_of
from ..mex import Mex
from ..newsletters import change_channel, known_channel
from ..work import EventSink, Work
from ..work_job import in_work
from .messages import Messages

T = TypeVar("T")


class NewsletterAdmins:
    """The people of the account's channels.

    Every method raises as those of `Newsletters`.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        mex: Mex,
        messages: Messages,
        sink: EventSink,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._mex = mex
        self._messages = messages
        self._sink = sink
        self._clock = clock

    # --- becoming an admin -------------------------------------------------------------------

    async def invite(self, channel: Jid, person: Jid, comment: str = "") -> Message:
        """Invite somebody to become an admin: the message by which they learn of it.

        If the message cannot be sent the invitation is taken back.

        Args:
            comment: the text below the invitation.

        Raises:
            NotAuthorized: we do not own the channel.
            Conflict: they are an admin already.
            NotFound: they have no account; or what `Messages.send` raises.
        """
        expires_at = await self.offer(channel, person)
        known = await self._database.read(
            self._session_id, lambda store: known_channel(store, channel)
        )
        content = ChannelInvite(
            channel,
            name="" if known is None else known.name,
            caption=comment,
            as_admin=True,
            expires_at=expires_at,
        )
        try:
            return await self._messages.send(person, content)
        except WhatsAppError:
            # Whatever it was: nobody has been told.
            with contextlib.suppress(WhatsAppError):
                await self.revoke_invite(channel, person)
            raise

    async def offer(self, channel: Jid, person: Jid) -> int:
        """Let somebody become an admin, without a message; until when, Unix seconds."""
        found = await self._about("CreateNewsletterAdminInvite", channel, person)
        return found.number("invite_expiration_time")

    async def accept_invite(self, channel: Jid) -> None:
        """Become an admin. QueryError 410: the invitation has ended; NotFound: there is none."""
        check_channel(channel)
        call = calls.of_channel("AcceptNewsletterAdminInvite", channel)
        await self._mex.ask(call.operation, call.variables)
        await self._own_role(channel, ChannelRole.ADMIN, ChannelChangeKind.PROMOTED)

    async def revoke_invite(self, channel: Jid, person: Jid) -> None:
        """Take an invitation back. NotFound: there is none."""
        await self._about("RevokeNewsletterAdminInvite", channel, person)

    async def pending(self, channel: Jid) -> tuple[ChannelPerson, ...]:
        """Who was invited to become an admin; for admins."""
        found = await self._list("FetchNewsletterPendingInvites", channel)
        return await self._numbered(read_pending(found))

    # --- roles -------------------------------------------------------------------------------

    async def demote(self, channel: Jid, person: Jid) -> None:
        """Make an admin a follower; the owner may, and every admin for themselves."""
        await self._about("DemoteNewsletterAdmin", channel, person)
        await self._role_changed(channel, person, ChannelChangeKind.DEMOTED, ChannelRole.SUBSCRIBER)

    async def transfer(self, channel: Jid, person: Jid, *, demote_self: bool = False) -> None:
        """Give a channel to one of its admins; we are an admin then.

        Args:
            demote_self: be a mere follower afterwards.
        """
        own = await self._own()
        await self._about("ChangeNewsletterOwner", channel, person)
        await self._role_changed(channel, person, ChannelChangeKind.OWNER, ChannelRole.OWNER)
        if demote_self:
            await self.demote(channel, own)

    async def count(self, channel: Jid) -> int:
        """How many run a channel, its owner included."""
        found = await self._list("FetchNewsletterAdminInfo", channel)
        return found.number("admin_count")

    async def all(self, channel: Jid) -> tuple[ChannelPerson, ...]:
        """Who runs a channel, as far as the server names them to us.

        Admins are found among the followers where it does not list them by themselves.
        """
        admins = read_admins(await self._list("FetchNewsletterAdminInfo", channel))
        if not admins:
            followers = await self.subscribers(channel)
            admins = tuple(
                person
                for person in followers
                if person.role in (ChannelRole.OWNER, ChannelRole.ADMIN)
            )
        return await self._numbered(admins)

    # --- followers ---------------------------------------------------------------------------

    async def subscribers(
        self, channel: Jid, limit: int = calls.MAX_FOLLOWERS
    ) -> tuple[ChannelPerson, ...]:
        """Who follows a channel, at most 1000 of them; for admins.

        The server shows an admin those people that are contacts.
        """
        check_channel(channel)
        if limit < 1:
            raise InvalidInput("list at least one")
        call = calls.followers(channel, limit)
        found = await self._mex.ask(call.operation, call.variables, again=True)
        return await self._numbered(read_followers(found))

    async def reactions(self, channel: Jid, server_id: int) -> tuple[ReactionSenders, ...]:
        """Who reacted to a post; for admins."""
        check_channel(channel)
        call = calls.reaction_senders(channel, server_id)
        found = await self._mex.ask(call.operation, call.variables, again=True)
        senders = read_reaction_senders(found)
        return await self._database.write(
            self._session_id,
            lambda store: tuple(
                replace(each, people=_numbered(store, each.people)) for each in senders
            ),
        )

    # --- at the bottom -----------------------------------------------------------------------

    async def _about(self, operation: str, channel: Jid, person: Jid) -> JsonObject:
        check_channel(channel)
        if not person.is_user:
            raise InvalidInput("admins are people: phone numbers or hidden ids")
        named = await self._database.read(
            self._session_id,
            lambda store: (
                (store.addresses.lid_of(person.bare) if person.is_pn else None) or person.bare
            ),
        )
        call = calls.of_person(operation, channel, named)
        return await self._mex.ask(call.operation, call.variables)

    async def _list(self, operation: str, channel: Jid) -> JsonObject:
        check_channel(channel)
        call = calls.of_channel(operation, channel)
        return await self._mex.ask(call.operation, call.variables, again=True)

    async def _own(self) -> Jid:
        return await self._job(lambda work: work.own.pn.bare)

    async def _own_role(self, channel: Jid, role: ChannelRole, kind: ChannelChangeKind) -> None:
        await self._role_changed(channel, await self._own(), kind, role)

    async def _role_changed(
        self, channel: Jid, person: Jid, kind: ChannelChangeKind, role: ChannelRole
    ) -> None:
        def job(work: Work) -> None:
            known = known_channel(work.store, channel) or Newsletter(channel)
            if work.own.is_own(person):
                known = replace(known, role=role)
            elif kind is ChannelChangeKind.OWNER and known.role == ChannelRole.OWNER:
                known = replace(known, role=ChannelRole.ADMIN)
            who = number_of(work.store, person) or person.bare
            change_channel(work, known, kind, who)

        await self._job(job)

    async def _numbered(self, people: Iterable[ChannelPerson]) -> tuple[ChannelPerson, ...]:
        return await self._database.write(self._session_id, lambda store: _numbered(store, people))

    async def _job(self, job: Callable[[Work], T]) -> T:
        now = int(self._clock.unix())
        return await in_work(self._database, self._session_id, self._sink, now, job)


def _numbered(store: UnitOfWork, people: Iterable[ChannelPerson]) -> tuple[ChannelPerson, ...]:
    """People with the phone numbers that we know; those that are shown are learned."""
    return tuple(
        replace(person, pn=learned_number(store, person.jid, person.pn)) for person in people
    )
