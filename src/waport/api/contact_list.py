"""People as answers show them: what is stored of them, beside the block list."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from ..errors import NotFound, WhatsAppError
from ..events import ContactJson, contact_json
from ..model import Contact
from ..wire import Jid
from .addresses import is_reachable
from .errors import contact_not_found
from .ports import ClientPort

log = logging.getLogger(__name__)

T = TypeVar("T")


async def one_contact(client: ClientPort, jid: Jid) -> ContactJson:
    """A person, group or channel.

    Raises:
        HttpError: 404, where nobody is known and the number has no account.
        WhatsAppError: it could not be asked for.
    """
    if not is_reachable(jid):
        raise contact_not_found()
    try:
        contact = await client.contacts.get(jid)
    except NotFound as exc:
        raise contact_not_found() from exc
    is_blocked = contact.jid.is_user and await client.contacts.is_blocked(contact.jid)
    return contact_json(contact, client.own_jid, is_blocked=is_blocked)


async def shaper(client: ClientPort) -> Callable[[Contact], ContactJson]:
    """What makes the JSON of many people; asks for the block list once."""
    blocked = frozenset(
        jid
        for user in await client.contacts.blocked()
        for jid in (user.pn, user.lid)
        if jid is not None
    )

    def shape(contact: Contact) -> ContactJson:
        is_blocked = not blocked.isdisjoint((contact.jid, contact.lid))
        return contact_json(contact, client.own_jid, is_blocked=is_blocked)

    return shape


async def known_contacts(client: ClientPort, people: Iterable[Jid]) -> list[ContactJson]:
    """What is stored of these people."""
    contacts = await client.contacts.known(people)
    if not contacts:
        return []
    shape = await shaper(client)
    return [shape(contact) for contact in contacts]


async def shown_or_none(question: Awaitable[T]) -> T | None:
    """What somebody shows; None where it can't be had, for whatever reason."""
    try:
        return await question
    except WhatsAppError as exc:
        log.info("what a person shows was not told: %s", type(exc).__name__)
        return None
