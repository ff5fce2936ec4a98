"""Trusted-contact tokens: which one a message carries, and giving people ours.

Source: docs/protocol/messages.md, "Trusted-contact token".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..appstate.actions import PrivacySalt, read_action
from ..model import GroupMember, PrivacyToken
from ..stanza.message import OwnAddresses
from ..stanza.tokens import (
    IssueTokens,
    bears_tokens,
    cstoken_node,
    is_giving_due,
    tctoken_node,
)
from ..store import Database, UnitOfWork
from ..wire import Jid, Node
from .clock import SYSTEM_CLOCK, Clock
from .fanout import canonical
from .queries import Queries

log = logging.getLogger(__name__)


def token_key(store: UnitOfWork, user: Jid) -> Jid:
    """The address under which a person's token is kept: the LID where it is known."""
    bare = user.bare
    return (store.addresses.lid_of(bare) or bare) if bare.is_pn else bare


def known_token(store: UnitOfWork, user: Jid) -> PrivacyToken:
    """What is known of a person's token, also from before their hidden id was."""
    key = token_key(store, user)
    token = store.tokens.get(key) or PrivacyToken(key)
    number = canonical(store, key)
    old = None if number == key else store.tokens.get(number)
    if old is None:
        return token
    newest = max(token, old, key=lambda each: each.timestamp)
    return PrivacyToken(key, newest.token, newest.timestamp, max(token.given_at, old.given_at))


def message_nodes(store: UnitOfWork, own: OwnAddresses, recipient: Jid, now: int) -> list[Node]:
    """What stands in a private message to show that its recipient knows us.

    Args:
        recipient: by phone number or hidden id.
        now: Unix seconds.

    Returns:
        one node or none. Bots, the service and we ourselves get none, and groups have none.
    """
    if not _bears_tokens(store, own, recipient):
        return []
    token = known_token(store, recipient)
    node = tctoken_node(token, now)
    if node is None and token.user.is_lid and (salt := _salt(store)):
        node = cstoken_node(salt, token.user)
    return [] if node is None else [node]


def _salt(store: UnitOfWork) -> bytes:
    """What makes the stand-in for a token that we were not given; empty when we have none.

    App state tells it, and takes it back; before that the phone's history does.
    """
    for kept in store.app_state.kept("nct_salt_sync"):
        action = read_action(kept.mutation)
        if isinstance(action, PrivacySalt):
            return action.salt
    return store.history.kept_one("account", "salt") or b""


def tokens_of(store: UnitOfWork, people: Iterable[GroupMember], now: int) -> dict[Jid, bytes]:
    """The tokens that people gave us and that are still good, by the address they are named by.

    Args:
        now: Unix seconds.
    """
    found = {}
    for person in people:
        node = tctoken_node(known_token(store, person.jid), now) if person.jid.is_user else None
        if node is not None and isinstance(node.content, bytes):
            found[person.jid] = node.content
    return found


def to_be_given(store: UnitOfWork, own: OwnAddresses, recipient: Jid, now: int) -> bool:
    """Whether the recipient of a private message should be given our token after it.

    Args:
        recipient: by phone number or hidden id.
        now: Unix seconds.
    """
    if not _bears_tokens(store, own, recipient):
        return False
    return is_giving_due(known_token(store, recipient).given_at, now)


def _bears_tokens(store: UnitOfWork, own: OwnAddresses, recipient: Jid) -> bool:
    """Whether messages to an address carry a token; a bot is known by its number alone."""
    if not bears_tokens(recipient) or own.is_own(recipient):
        return False
    return bears_tokens(canonical(store, recipient))


class Tokens:
    """Gives people our token."""

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._clock = clock
        self._giving: set[Jid] = set()

    async def give(self, user: Jid, timestamp: int | None = None) -> None:
        """Give a person our token, unless that is on its way already.

        Args:
            user: by phone number or hidden id.
            timestamp: the token's time, Unix seconds; None for now.

        Raises:
            QueryError, QueryTimeout, ConnectionClosed: it is not known to be given; the next
                message to the person tries again.
        """
        key = await self._database.read(self._session_id, lambda store: token_key(store, user))
        if key in self._giving:
            return
        at = int(self._clock.unix()) if timestamp is None else timestamp
        self._giving.add(key)
        try:
            await self._queries.run(IssueTokens([key], at))
            await self._database.write(
                self._session_id, lambda store: store.tokens.mark_given(key, at)
            )
        finally:
            self._giving.discard(key)
        log.debug("gave a contact our token")
