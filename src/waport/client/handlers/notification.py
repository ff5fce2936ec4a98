"""Notifications: every one is acked, the ones that concern first contact are acted on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...stanza.notification import parse_device_change, remaining_pre_keys
from ...stanza.receipt import ack
from ...wire import Jid, Node
from ..devices import forget_session
from ..encryption import learn_mapping
from ..work import Work

if TYPE_CHECKING:
    from ..prekeys import PreKeys

log = logging.getLogger(__name__)


def notification_handler(pre_keys: PreKeys) -> Callable[[Work, Node], None]:
    """A handler for `<notification>` that refills `pre_keys` when they run low."""

    def handle_notification(work: Work, node: Node) -> None:
        kind = node.get("type")
        if kind == "devices":
            _devices(work, node)
        elif kind == "account_sync":
            if node.find("devices") is not None:
                work.store.addresses.forget_devices(work.own.pn.bare)
        elif kind == "encrypt":
            _encrypt(work, node, pre_keys)
        else:
            log.debug("notification of type %s", kind)
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


def _encrypt(work: Work, node: Node, pre_keys: PreKeys) -> None:
    if remaining_pre_keys(node) is not None:
        work.later(pre_keys.refill)
        return
    if node.find("identity") is not None:
        _identity_changed(work, node.jid("from"))


def _identity_changed(work: Work, source: Jid) -> None:
    """A person registered anew: the sessions with all devices of theirs are worth nothing."""
    if source.device or work.own.is_own(source):
        return
    for name in {source.bare, work.store.addresses.lid_of(source.bare) or source.bare}:
        for address in work.store.signal.session_addresses(name.signal_name):
            work.store.signal.delete_session(address)
            work.store.signal.delete_identity(address)
    work.store.addresses.forget_devices(source.bare)
