"""Who sees our status posts.

Source: docs/protocol/messages.md, "Status".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..errors import StanzaError
from ..wire import Jid, Node
from .query import Query, iq_get

MAX_LISTED = 20_000
"""People looked at in one list; no address book is larger."""


class AudienceKind(StrEnum):
    """What a list of people means."""

    CONTACTS = "contacts"
    """All contacts; the list is empty."""
    ONLY = "whitelist"
    """Nobody but these."""
    EXCEPT = "blacklist"
    """All contacts but these."""


@dataclass(frozen=True, slots=True)
class StatusAudience:
    """Who sees status posts.

    Attributes:
        kind: what the list means.
        people: the list, bare.
    """

    kind: AudienceKind = AudienceKind.CONTACTS
    people: frozenset[Jid] = frozenset()


@dataclass(frozen=True, slots=True)
class FetchStatusAudience(Query[StatusAudience]):
    """The audience that the account has chosen on its phone."""

    def request(self) -> Node:
        return iq_get("status", Node("privacy"))

    def parse(self, reply: Node) -> StatusAudience:
        """What is not understood is refused: no post may reach more people than were chosen."""
        lists = reply.child("privacy").children("list")
        chosen = next((one for one in lists if one.get("default") == "true"), None)
        if chosen is None:
            return StatusAudience()
        if chosen.get("type") not in {kind.value for kind in AudienceKind}:
            raise StanzaError("privacy", "an audience of status posts that is not known")
        kind = AudienceKind(chosen.attr("type"))
        users = chosen.children("user")
        named = (user.get_jid("jid") for user in users[:MAX_LISTED])
        people = [jid.bare for jid in named if jid is not None and jid.is_user]
        if kind is AudienceKind.EXCEPT and len(people) < len(users):
            raise StanzaError("privacy", "somebody who is left out can't be read")
        return StatusAudience(kind, frozenset(people))
