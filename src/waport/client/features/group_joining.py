"""Ways into groups besides the invite link: requests of our own, invitations that we gave."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import CryptoError, InvalidInput, QueryError
from ...model import Message
from ...model.contents import GroupInvite
from ...model.group import AddressingMode, GroupMember, ParticipantResult
from ...stanza.group_members import CancelInvitations, WithdrawRequest
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..group_arguments import check_group
from ..group_people import numbered_results, resolve_people
from ..groups import own_of
from ..queries import Queries
from .messages import Messages


class GroupJoining:
    """Requests to join, and personal invitations.

    Every method raises as those of `Groups`.
    """

    def __init__(
        self, database: Database, session_id: str, queries: Queries, messages: Messages
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._messages = messages

    async def withdraw(self, group: Jid) -> None:
        """Wait no more to be let into a group. NotFound: we did not wait."""
        check_group(group)

        def own(store: UnitOfWork) -> Jid:
            known, addresses = store.groups.get(group), own_of(store)
            by_number = known is not None and known.addressing is AddressingMode.PN
            return (addresses.pn if by_number else addresses.lid or addresses.pn).bare

        address = await self._database.read(self._session_id, own)
        await self._queries.run(WithdrawRequest(group, address))

    async def invite(
        self, group: Jid, results: Iterable[ParticipantResult], caption: str = ""
    ) -> tuple[Message, ...]:
        """Send a personal invitation to everybody who could not be added but may be invited.

        Args:
            results: of creating the group or adding people; the others among them are left out.
            caption: the text below the invitation.

        Returns:
            the messages that were sent; one that could not be sent keeps no other from leaving.
        """
        check_group(group)
        known = await self._database.read(self._session_id, lambda store: store.groups.get(group))
        sent = []
        for result in results:
            if not result.invite_code:
                continue
            content = GroupInvite(
                group,
                code=result.invite_code,
                name="" if known is None else known.subject,
                caption=caption,
                expires_at=result.invite_expiration,
            )
            try:
                sent.append(await self._messages.send(result.pn or result.jid, content))
            except (QueryError, CryptoError):
                continue
        return tuple(sent)

    async def cancel_invitations(
        self, group: Jid, people: Iterable[Jid]
    ) -> tuple[ParticipantResult, ...]:
        """Take personal invitations back; what came of each."""
        check_group(group)
        named = tuple(people)
        if not named:
            raise InvalidInput("name at least one participant")

        def resolve(store: UnitOfWork) -> tuple[GroupMember, ...]:
            known = store.groups.get(group)
            mode = AddressingMode.LID if known is None else known.addressing
            return resolve_people(store, mode, named, known)

        members = await self._database.read(self._session_id, resolve)
        results = await self._queries.run(CancelInvitations(group, members))
        return await self._database.write(
            self._session_id, lambda store: numbered_results(store, results)
        )
