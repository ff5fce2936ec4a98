"""What the server offers besides chats: its properties, bots, terms, announcements, reports."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import InvalidInput, NotFound
from ...model import Message
from ...model.server import BotList, ServerProperties
from ...stanza.server import (
    MAX_REPORTED,
    AcceptTerms,
    AnnouncementsBlocked,
    FetchBots,
    FetchProperties,
    ReportedMessage,
    ReportSpam,
    SpamFlow,
)
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..fanout import canonical
from ..people import named
from ..queries import Queries


class Server:
    """Small questions of one account.

    Every method that asks raises what the question may end in: QueryError, QueryTimeout,
    ConnectionClosed, StanzaError.
    """

    def __init__(
        self, database: Database, session_id: str, queries: Queries, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._clock = clock
        self._known: ServerProperties | None = None

    async def properties(self, *, fresh: bool = False) -> ServerProperties:
        """The server's properties, asked for once, and again when it says that they changed.

        Args:
            fresh: ask in any case.
        """
        if self._known is None or fresh:
            known = self._known or ServerProperties()
            self._known = await self._queries.run(FetchProperties(known), again=True)
        return self._known

    async def on_properties_changed(self) -> None:
        """The server says that its properties have changed; whoever never asked does not care."""
        if self._known is not None:
            await self.properties(fresh=True)

    async def bots(self) -> BotList:
        """The bots that may be written to."""
        return await self._queries.run(FetchBots(), again=True)

    async def accept_terms(self, notice: str, stage: int = 5) -> None:
        """Agree to terms, such as those of channels, on behalf of the account's owner."""
        await self._queries.run(AcceptTerms(notice, stage))

    async def announcements_blocked(self) -> bool:
        """Whether the chat of WhatsApp's own announcements is blocked."""
        return await self._queries.run(AnnouncementsBlocked(), again=True)

    async def block_announcements(self, blocked: bool = True) -> bool:
        """Block that chat, or no longer; whether it is now."""
        return await self._queries.run(AnnouncementsBlocked(blocked))

    async def report(self, chat: Jid, flow: SpamFlow | None = None) -> str:
        """Report a person or a group to WhatsApp, with their last messages; the report's id.

        Raises:
            InvalidInput: it is neither a person nor a group.
            NotFound: nothing of it has come here.
        """
        if not (chat.bare.is_pn or chat.bare.is_lid or chat.is_group):
            raise InvalidInput("people and groups are reported")

        def job(store: UnitOfWork) -> ReportSpam:
            jid = canonical(store, chat)
            page = store.messages.page(jid, MAX_REPORTED * 4)
            theirs = [message for message in page if not message.key.from_me][:MAX_REPORTED]
            if not theirs:
                raise NotFound(404, "there are no messages to report")
            shown = _shown(theirs, jid)
            if jid.is_group:
                known = store.chats.get(jid)
                subject = "" if known is None else known.name
                return ReportSpam(flow or "GroupInfoReport", shown, jid, subject)
            who = named(store, jid, int(self._clock.unix()))
            return ReportSpam(flow or "ContactInfo", shown, tokens=who.tokens)

        query = await self._database.read(self._session_id, job)
        return await self._queries.run(query)


def _shown(messages: Sequence[Message], chat: Jid) -> list[ReportedMessage]:
    return [
        ReportedMessage(
            message.key.id,
            chat,
            message.timestamp,
            message.content,
            message.key.sender if chat.is_group else None,
        )
        for message in messages
    ]
