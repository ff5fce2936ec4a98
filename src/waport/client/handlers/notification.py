"""Notifications: every one is acked, each type by the handler that knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...stanza.notification import parse_device_change, remaining_pre_keys
from ...stanza.receipt import ack
from ...wire import Node
from ..devices import forget_session
from ..encryption import learn_mapping
from ..identities import Identities
from ..prekeys import PreKeys
from ..work import Work
from .notices import Unread

Handler = Callable[[Work, Node], None]
"""Acts on a notification and acks it."""


def notification_handler(
    pre_keys: PreKeys, identities: Identities, others: Mapping[str, Handler], unread: Unread
) -> Handler:
    """A handler for `<notification>`.

    Args:
        pre_keys: refilled when they run low, and verified when the server wants that.
        identities: hears of people who registered anew.
        others: by type.
        unread: takes all that nobody knows.
    """

    def handle_notification(work: Work, node: Node) -> None:
        kind = node.get("type") or ""
        other = others.get(kind)
        if other is not None:
            other(work, node)
            return
        if kind == "devices":
            _devices(work, node)
        elif kind == "encrypt":
            if remaining_pre_keys(node) is not None:
                # The number may be old by now; the server is asked for the present one.
                work.later(pre_keys.refill)
            elif node.find("digest") is not None:
                work.later(pre_keys.verify)
            elif node.find("identity") is not None:
                identities.changed(work, node.jid("from"))
            else:
                unread.keep(work, node)
        else:
            unread.keep(work, node)
        work.reply(ack(node))

    return handle_notification


def _devices(work: Work, node: Node) -> None:
    change = parse_device_change(node)
    user = change.user
    if change.lid is not None and user.is_pn:
        learn_mapping(work.store, user, change.lid)
    elif user.is_lid:
        user = work.store.addresses.pn_of(user) or user
    for number in change.removed:
        if number:
            forget_session(work.store, user.with_device(number))
    # Which of the new devices may be trusted only the signed list says: it is asked for anew.
    work.store.addresses.forget_devices(user)
