"""Notifications about people, and about the account's own settings.

Source: docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

from collections.abc import Callable

from ...model import AboutChanged, ContactRefreshed, PictureChanged
from ...stanza.contacts import MAX_CHANGES, parse_number_moves, shown_mapping
from ...stanza.notices import parse_about, parse_picture
from ...stanza.receipt import ack
from ...wire import Node
from ..encryption import learn_mapping
from ..fanout import canonical
from ..number_changes import change_number
from ..work import Work

Handler = Callable[[Work, Node], None]
"""Acts on a notification and acks it."""


def handle_contacts(work: Work, node: Node) -> None:
    """A notification of type `contacts`: people have another number, or show something else.

    What they show is not kept, so only a new number changes anything here.
    """
    for move in parse_number_moves(node):
        change_number(work, move.old, move.new, move.new_lid)
    for child in node.children("update")[:MAX_CHANGES]:
        jid = child.get_jid("jid")
        # Whom a hash means is not known.
        if jid is not None and (jid.is_pn or jid.is_lid):
            work.emit(ContactRefreshed(canonical(work.store, jid)))
    work.reply(ack(node))


def handle_about(work: Work, node: Node) -> None:
    """A notification of type `status`: a person has another about text; it is told, not kept."""
    _learn(work, node)
    about = parse_about(node)
    if about is not None:
        work.emit(AboutChanged(canonical(work.store, about[0]), about[1]))
    work.reply(ack(node))


def picture_handler(of_groups: Handler) -> Handler:
    """A handler for notifications of type `picture`.

    Args:
        of_groups: takes those that come from a group.
    """

    def handle_picture(work: Work, node: Node) -> None:
        source = node.get_jid("from")
        if source is not None and source.is_group:
            of_groups(work, node)
            return
        _learn(work, node)
        picture = parse_picture(node)
        if picture is not None:
            work.emit(PictureChanged(canonical(work.store, picture.user), picture.id))
        work.reply(ack(node))

    return handle_picture


def _learn(work: Work, node: Node) -> None:
    """Keep the pair of number and hidden id that a notification shows."""
    pair = shown_mapping(node)
    if pair is not None and not work.own.is_own(pair[0]) and not work.own.is_own(pair[1]):
        learn_mapping(work.store, *pair)
