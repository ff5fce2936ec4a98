"""People as questions and stanzas name them.

All of it reads the store in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConnectionClosed
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import Jid, Node
from .fanout import canonical
from .tokens import message_nodes
from .work import own_addresses


@dataclass(frozen=True, slots=True)
class Named:
    """How to ask about somebody.

    Attributes:
        address: a person by hidden id where that is known; bare.
        tokens: what shows that the person knows us.
    """

    address: Jid
    tokens: tuple[Node, ...] = ()


def linked_own(store: UnitOfWork) -> OwnAddresses:
    """This device's addresses.

    Raises:
        ConnectionClosed: it is not linked.
    """
    credentials = store.devices.get()
    if credentials is None or credentials.pn is None:
        raise ConnectionClosed("not linked", will_retry=False)
    return own_addresses(credentials)


def hidden(store: UnitOfWork, jid: Jid) -> Jid:
    """An address, bare; that of a person by hidden id where it is known.

    Source: docs/protocol/signal.md, "LID first".
    """
    bare = jid.bare
    return (store.addresses.lid_of(bare) or bare) if bare.is_pn else bare


def named(store: UnitOfWork, jid: Jid, now: int) -> Named:
    """How to ask about a person or a group; ourselves by number, and never with a token.

    Args:
        now: Unix seconds.

    Raises:
        ConnectionClosed: this device is not linked.
    """
    own = linked_own(store)
    if own.is_own(jid):
        return Named(own.pn.bare)
    nodes = message_nodes(store, own, jid, now)
    # The stand-in for a token is for messages.
    return Named(hidden(store, jid), tuple([each for each in nodes if each.tag == "tctoken"]))


def number_of(store: UnitOfWork, jid: Jid) -> Jid | None:
    """A person's phone number, bare; None when it is not known.

    Our own hidden id is known by the login alone.
    """
    found = canonical(store, jid)
    if found.is_pn:
        return found
    own = linked_own(store)
    return own.pn.bare if own.is_own(jid) else None
