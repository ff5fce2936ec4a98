"""What is told of businesses: their certified names, and that something else is new.

Source: docs/protocol/queries.md, "Business".
"""

from __future__ import annotations

from ...model import BusinessChanged
from ...stanza.business import parse_verified_name
from ...stanza.receipt import ack
from ...wire import Jid, Node
from ..fanout import canonical
from ..work import Work

_MAX_CHILDREN = 64


def handle_business(work: Work, node: Node) -> None:
    """A notification of type `business`.

    A name is kept, and so is that an account is no business any more. Profiles and catalogues are
    not kept, so that they are new is only told.
    """
    for child in node.children()[:_MAX_CHILDREN]:
        jid = child.get_jid("jid") or node.get_jid("from")
        if jid is None or not (jid.is_pn or jid.is_lid):
            continue  # whom a hash means is not known
        business = canonical(work.store, jid)
        if child.tag == "verified_name":
            take_verified_name(work, child, business)
        elif child.tag == "remove":
            work.store.contacts.set_no_business(business)
        work.emit(BusinessChanged(business, child.tag))
    work.reply(ack(node))


def take_verified_name(work: Work, node: Node | None, business: Jid) -> None:
    """Keep the name in a `<verified_name>`, if it can be read.

    Args:
        business: whose it is, as chats are keyed.
    """
    name = parse_verified_name(node)
    if name is not None:
        work.store.contacts.set_business(business, name.name, name.level)
