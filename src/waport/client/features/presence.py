"""Being online, showing that one types, and following others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from ...errors import InvalidInput
from ...model import Presence as PresenceValue
from ...model import PresenceState
from ...stanza.presence import chat_state, presence, subscription
from ...store import Database
from ...wire import Jid
from ..clock import SYSTEM_CLOCK, Clock
from ..fanout import canonical
from ..people import hidden, named
from ..presences import Presences
from ..queries import Queries

MAX_FOLLOWED = 1000
"""People whose presence is asked for anew with each connection; the oldest wishes go first."""


class Presence:
    """The presence of one account, and what it knows of that of others.

    Nothing here is answered by the server. Every method that sends raises ConnectionClosed when
    there is no connection.

    Args:
        is_online: told whenever this device has announced itself as online, or as no longer so.
        known: what others do; its writer is the handler of their stanzas.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        is_online: Callable[[bool], None],
        known: Presences,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._is_online = is_online
        self._known = known
        self._clock = clock
        self._wants_online = True
        self._followed: OrderedDict[Jid, None] = OrderedDict()

    # --- ourselves ---------------------------------------------------------------------------

    async def available(self) -> None:
        """Be online, also over the connections to come; that is how a client begins.

        Without a push name the server takes no notice; it is announced as soon as there is one.
        """
        await self._choose(True)

    async def unavailable(self) -> None:
        """Be offline, also over the connections to come: the phone shows notifications then."""
        await self._choose(False)

    async def _choose(self, online: bool) -> None:
        name = await self._push_name()
        if not online or name:
            self._queries.link.send(presence(name, available=online))
            self._is_online(online)
        self._wants_online = online

    async def announce(self) -> None:
        """Come online if that is wanted, and the account's name is known."""
        if not self._wants_online:
            return
        name = await self._push_name()
        if name:
            self._queries.link.send(presence(name, available=True))
            self._is_online(True)

    async def resume(self) -> None:
        """After a login: be as before, and follow whom we followed before."""
        self._known.clear()
        await self.announce()
        for jid in list(self._followed):
            await self._follow(jid)

    async def _push_name(self) -> str:
        credentials = await self._database.read(self._session_id, lambda store: store.devices.get())
        return "" if credentials is None else credentials.push_name

    # --- in a chat ---------------------------------------------------------------------------

    async def composing(self, chat: Jid) -> None:
        """Show that we type; it is shown for some 25 s, or until a message or `paused`."""
        await self._show(chat, PresenceState.COMPOSING)

    async def recording(self, chat: Jid) -> None:
        """Show that we record a voice note; likewise."""
        await self._show(chat, PresenceState.RECORDING)

    async def paused(self, chat: Jid) -> None:
        """Show that we do neither any more."""
        await self._show(chat, PresenceState.PAUSED)

    async def _show(self, chat: Jid, state: PresenceState) -> None:
        if not (chat.bare.is_pn or chat.bare.is_lid or chat.is_group):
            raise InvalidInput("typing is shown to people and groups")
        to = await self._database.read(self._session_id, lambda store: hidden(store, chat))
        self._queries.link.send(chat_state(to, state))

    # --- others ------------------------------------------------------------------------------

    async def subscribe(self, jid: Jid) -> None:
        """Follow a person: `PresenceChanged` tells when they come online or leave.

        The server tells it only while we are online ourselves.
        """
        bare = jid.bare
        if not (bare.is_pn or bare.is_lid):
            raise InvalidInput("only people are followed")
        await self._follow(bare)
        self._followed[bare] = None
        self._followed.move_to_end(bare)
        if len(self._followed) > MAX_FOLLOWED:
            self._followed.popitem(last=False)

    async def _follow(self, jid: Jid) -> None:
        now = int(self._clock.unix())
        who = await self._database.read(self._session_id, lambda store: named(store, jid, now))
        self._queries.link.send(subscription(who.address, *who.tokens))

    async def get(self, chat: Jid) -> tuple[PresenceValue, ...]:
        """What those in a chat do, as far as it was told over this connection."""
        return self._known.of(
            await self._database.read(self._session_id, lambda store: canonical(store, chat))
        )
