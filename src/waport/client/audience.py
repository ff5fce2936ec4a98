"""Whom a status post is encrypted for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from ..errors import QueryError, StanzaError
from ..stanza.status import AudienceKind, FetchStatusAudience, StatusAudience
from ..store import Database, UnitOfWork
from ..wire import Jid
from .fanout import canonical
from .queries import Queries

log = logging.getLogger(__name__)


_SETTINGS = {
    AudienceKind.CONTACTS: "contacts",
    AudienceKind.ONLY: "allowlist",
    AudienceKind.EXCEPT: "denylist",
}
"""What a post says of how its readers were chosen."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Who sees a status post.

    Attributes:
        people: they, bare.
        setting: how they were chosen: `contacts`, `allowlist` or `denylist`.
    """

    people: tuple[Jid, ...] = ()
    setting: str = _SETTINGS[AudienceKind.CONTACTS]


NOBODY: Final = Readers()


class Audience:
    """The account's own choice, applied to the address book."""

    def __init__(self, database: Database, session_id: str, queries: Queries) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries

    async def readers(self) -> Readers:
        """Who sees a post now.

        Raises:
            QueryTimeout, ConnectionClosed: the choice could not be asked for.
        """
        try:
            audience = await self._queries.run(FetchStatusAudience())
        except (QueryError, StanzaError) as exc:
            # A post for too few can be made again; one for too many can't be taken back.
            log.warning("who sees status posts is not known: %s", exc)
            raise
        people = await self._database.read(self._session_id, lambda store: _chosen(store, audience))
        return Readers(people, _SETTINGS[audience.kind])


def _chosen(store: UnitOfWork, audience: StatusAudience) -> tuple[Jid, ...]:
    listed = {canonical(store, jid) for jid in audience.people}
    if audience.kind is AudienceKind.ONLY:
        return tuple(sorted(listed, key=str))
    named = {contact.jid for contact in store.contacts.all() if contact.name} - listed
    if any(jid.is_lid for jid in listed):
        # Somebody is left out by a hidden id alone: it could be anybody whose own is not known.
        unknown = {jid for jid in named if jid.is_pn and store.addresses.lid_of(jid) is None}
        if unknown:
            log.warning("%d contacts don't see the post: they may be left out", len(unknown))
        named -= unknown
    return tuple(sorted(named, key=str))
