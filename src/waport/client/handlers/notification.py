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
from ..fanout import canonical
from ..work import Work

if TYPE_CHECKING:
    from ..prekeys import PreKeys

log = logging.getLogger(__name__)

DEBOUNCE_S = 5
"""A second word of the same new registration must not end the session that followed the first."""

MAX_REMEMBERED = 1000


def notification_handler(pre_keys: PreKeys) -> Callable[[Work, Node], None]:
    """A handler for `<notification>` that refills `pre_keys` when they run low."""
    changed_at: dict[Jid, int] = {}

    def handle_notification(work: Work, node: Node) -> None:
        kind = node.get("type")
        if kind == "devices":
            _devices(work, node)
        elif kind == "account_sync":
            if node.find("devices") is not None:
                work.store.addresses.forget_devices(work.own.pn.bare)
        elif kind == "encrypt":
            _encrypt(work, node, pre_keys, changed_at)
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


def _encrypt(work: Work, node: Node, pre_keys: PreKeys, changed_at: dict[Jid, int]) -> None:
    if remaining_pre_keys(node) is not None:
        # The number may be old by now; the server is asked for the present one.
        work.later(pre_keys.refill)
    elif node.find("identity") is not None:
        _identity_changed(work, node.jid("from"), changed_at)


def _identity_changed(work: Work, source: Jid, changed_at: dict[Jid, int]) -> None:
    """A person registered anew: the sessions with all devices of theirs are worth nothing.

    Source: docs/protocol/signal.md, "Identities".
    """
    user = source.bare
    if source.device or work.own.is_own(source):
        return
    if work.now - changed_at.get(user, 0) < DEBOUNCE_S:
        return
    if len(changed_at) >= MAX_REMEMBERED:
        changed_at.clear()
    changed_at[user] = work.now
    log.info("a contact registered anew")
    for name in {user, work.store.addresses.lid_of(user) or user}:
        for address in work.store.signal.session_addresses(name.signal_name):
            work.store.signal.delete_session(address)
            work.store.signal.delete_identity(address)
    work.store.addresses.forget_devices(canonical(work.store, user))
