"""The block list.

Source: docs/protocol/queries.md, "Blocklist".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidInput
from ..model import BlockedUser
from ..wire import AttrValue, Jid, Node
from .contacts import person
from .query import Query, iq_get, iq_set

MAX_BLOCKED = 20_000

_XMLNS = "blocklist"
_MAX_HASH = 256


@dataclass(frozen=True, slots=True)
class BlockedUsers:
    """The whole list.

    Attributes:
        dhash: names this state of it; empty when the server gave it no name.
        users: who is blocked.
    """

    dhash: str
    users: tuple[BlockedUser, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchBlockList(Query[BlockedUsers | None]):
    """The list; None when it is still the one that we have.

    Attributes:
        dhash: of the one that we have; empty without one.
    """

    dhash: str = ""

    def request(self) -> Node:
        """`<item dhash/>`, or nothing."""
        return iq_get(_XMLNS, *([Node("item", {"dhash": self.dhash})] if self.dhash else []))

    def parse(self, reply: Node) -> BlockedUsers | None:
        """The list.

        Raises:
            StanzaError: there is none, although we have none either.
        """
        listing = reply.find("list")
        if listing is None and self.dhash:
            return None
        return _read(reply.child("list"))


@dataclass(frozen=True, slots=True)
class BlockAnswer:
    """What the server says to a change.

    Attributes:
        dhash: of the list as it is now; empty when not told.
        whole: the list as it is now, when it was not the one that we have; None when our change
            applies to what we have.
    """

    dhash: str
    whole: BlockedUsers | None = None


@dataclass(frozen=True, slots=True)
class ChangeBlockList(Query[BlockAnswer]):
    """Block somebody, or no longer.

    Attributes:
        block: or unblock.
        pn, lid: the person. The server wants the hidden id; the number goes along where it is
            known.
        dhash: of the list that we have; empty without one.
    """

    block: bool
    pn: Jid | None
    lid: Jid | None
    dhash: str = ""

    def request(self) -> Node:
        """`<item action jid pn_jid dhash/>`.

        Raises:
            InvalidInput: there is no address.
        """
        jid = self.lid or self.pn
        if jid is None:
            raise InvalidInput("whoever is blocked has an address")
        attrs: dict[str, AttrValue] = {"action": "block" if self.block else "unblock", "jid": jid}
        if self.block and self.lid is not None and self.pn is not None:
            attrs["pn_jid"] = self.pn
        if self.dhash:
            attrs["dhash"] = self.dhash
        return iq_set(_XMLNS, Node("item", attrs))

    def parse(self, reply: Node) -> BlockAnswer:
        """The answer; one without a list says nothing but that the change was made."""
        listing = reply.find("list")
        if listing is None:
            return BlockAnswer("")
        if listing.get("matched") == "false":
            whole = _read(listing)
            return BlockAnswer(whole.dhash, whole)
        return BlockAnswer((listing.get("dhash") or "")[:_MAX_HASH])


def _read(listing: Node) -> BlockedUsers:
    users = []
    for item in listing.children("item")[:MAX_BLOCKED]:
        pn = person(item, "jid", is_lid=False) or person(item, "pn_jid", is_lid=False)
        lid = person(item, "jid", is_lid=True) or person(item, "lid", is_lid=True)
        if pn is not None or lid is not None:
            users.append(BlockedUser(pn, lid))
    return BlockedUsers((listing.get("dhash") or "")[:_MAX_HASH], tuple(users))
