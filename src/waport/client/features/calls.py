"""Calls: to decline them, to look at them, and the links that others call through.

Placing and taking calls needs sound and pictures, which are out of reach here.
"""

from __future__ import annotations

from ...errors import NotFound
from ...model import Call, CallLink
from ...stanza.calls import CreateCallLink, QueryCallLink, RejectCall
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..fanout import canonical
from ..people import linked_own
from ..queries import Queries

MAX_LISTED = 1000


class Calls:
    """The calls of one account.

    A method that asks the server raises what the question may end in: QueryError, QueryTimeout,
    ConnectionClosed, StanzaError.
    """

    def __init__(self, database: Database, session_id: str, queries: Queries) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries

    async def reject(self, call_id: str, caller: Jid | None = None) -> None:
        """Decline a call that rings.

        Args:
            call_id: of the call, as its event told it.
            caller: who calls; needed only when the offer did not come here.

        Raises:
            NotFound: the call is not known, and nobody is named who might have placed it.
        """

        def job(store: UnitOfWork) -> RejectCall:
            own = linked_own(store)
            call = (
                store.calls.find(call_id)
                if caller is None
                else store.calls.get(canonical(store, caller), call_id)
            )
            creator = call.creator if call is not None else caller
            if creator is None:
                raise NotFound(404, "no such call")
            is_lid = creator.is_lid and own.lid is not None
            return RejectCall(call_id, creator, own.lid if is_lid and own.lid else own.pn)

        query = await self._database.read(self._session_id, job)
        await self._queries.run(query)

    async def latest(self, limit: int = 50) -> list[Call]:
        """The calls that came last, the latest first; of each, how far it has come."""
        limit = max(0, min(limit, MAX_LISTED))
        return await self._database.read(self._session_id, lambda store: store.calls.latest(limit))

    async def create_link(self, *, video: bool = False, start_at: int | None = None) -> CallLink:
        """Make a link through which anybody can call.

        Args:
            video: with a picture.
            start_at: when the call is planned, Unix seconds.
        """
        return await self._queries.run(CreateCallLink(video, start_at))

    async def query_link(self, token: str, *, video: bool = False) -> CallLink:
        """What is known of a link.

        Args:
            token: the last part of the link.

        Raises:
            NotFound: there is no such link.
        """
        return await self._queries.run(QueryCallLink(token, video))
