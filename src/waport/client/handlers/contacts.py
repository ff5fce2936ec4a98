"""Notifications about people, and about the account's own settings.

Source: docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...model import AboutChanged, ContactRefreshed, NumberChanged, PictureChanged
from ...stanza.contacts import MAX_CHANGES, NumberMove, parse_number_moves, shown_mapping
from ...stanza.notices import parse_about, parse_picture
from ...stanza.receipt import ack
from ...store import UnitOfWork
from ...wire import Jid, Node
from ..encryption import learn_mapping
from ..fanout import canonical
from ..work import Work

log = logging.getLogger(__name__)

Handler = Callable[[Work, Node], None]
"""Acts on a notification and acks it."""


def handle_contacts(work: Work, node: Node) -> None:
    """A notification of type `contacts`: people have another number, or show something else.

    What they show is not kept, so only a new number changes anything here.
    """
    for move in parse_number_moves(node):
        _change_number(work, move)
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


def _change_number(work: Work, move: NumberMove) -> None:
    """Move what is known of a person to their new number, and tell it once."""
    store = work.store
    old = canonical(store, move.old)
    if move.new.is_pn and move.new_lid is not None:
        if work.own.is_own(move.new_lid):
            return
        learn_mapping(store, move.new, move.new_lid)
    new = canonical(store, move.new)
    if old == new or work.own.is_own(old) or work.own.is_own(new):
        return
    contact = store.contacts.get(old)
    if not store.contacts.change_number(old, new):
        return
    log.info("a contact has another number")
    _move_chat(store, old, new)
    store.addresses.forget_devices(old)
    store.addresses.forget_devices(new)
    is_contact = bool(contact is not None and contact.name)
    work.emit(NumberChanged(old, new, is_contact))


def _move_chat(store: UnitOfWork, old: Jid, new: Jid) -> None:
    store.messages.rename_chat(old, new)
    store.add_ons.move_chat(old, new)
    store.chats.rename(old, new)
    # What is still to be told of the chat stays ahead of what comes now.
    store.event_log.rename_lane(str(old), str(new))
