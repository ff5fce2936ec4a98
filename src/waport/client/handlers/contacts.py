"""Notifications about people, and about the account's own settings.

Source: docs/protocol/queries.md, "Other notifications".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from ...model import NumberChanged
from ...stanza.contacts import NumberMove, parse_number_moves, shown_mapping
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
    work.reply(ack(node))


def handle_about(work: Work, node: Node) -> None:
    """A notification of type `status`: a person's about text, which is asked for when wanted."""
    _learn(work, node)
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
        work.reply(ack(node))

    return handle_picture


def account_sync_handler(privacy_changed: Callable[[], Coroutine[Any, Any, None]]) -> Handler:
    """A handler for notifications of type `account_sync`: another own device changed something.

    The block list, the about text, the picture and the default timer are asked for when they are
    wanted, so nothing follows from a change of these.

    Args:
        privacy_changed: called after the commit when privacy settings did.
    """

    def handle_account_sync(work: Work, node: Node) -> None:
        if node.find("devices") is not None:
            work.store.addresses.forget_devices(work.own.pn.bare)
        if node.find("privacy") is not None or node.find("category") is not None:
            work.later(privacy_changed)
        work.reply(ack(node))

    return handle_account_sync


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
