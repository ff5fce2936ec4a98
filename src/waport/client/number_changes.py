"""A person has another phone number: what is known of them moves along."""

from __future__ import annotations

import logging

from ..model import NumberChanged
from ..store import UnitOfWork
from ..wire import Jid
from .encryption import learn_mapping
from .fanout import canonical
from .work import Work

log = logging.getLogger(__name__)


def change_number(work: Work, was: Jid, becomes: Jid, lid: Jid | None = None) -> None:
    """Move what is known of a person to their new number, and tell it once.

    Args:
        was, becomes: bare; hidden ids where no number was named.
        lid: the hidden id from now on; None when not told.
    """
    store = work.store
    old = canonical(store, was)
    if becomes.is_pn and lid is not None:
        if work.own.is_own(lid):
            return
        learn_mapping(store, becomes, lid)
    new = canonical(store, becomes)
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
