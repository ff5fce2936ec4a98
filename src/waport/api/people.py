"""People in questions: who may be asked about, and what is answered where nobody is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..client.phone_numbers import phone_digits
from ..errors import InvalidInput, NotFound
from ..wire import Jid
from .addresses import is_reachable, parse_address
from .errors import InvalidRequest, contact_not_found
from .ports import ClientPort


def number_jid(text: str) -> Jid | None:
    """The person of a number or an id; None for what is neither."""
    digits = phone_digits(text)
    jid = parse_address(text if digits is None else digits)
    return jid if jid.is_user and is_reachable(jid) else None


async def picture_url(client: ClientPort, jid: Jid) -> str | None:
    """Where a picture can be fetched; None for what has none.

    Raises:
        WhatsAppError: it was not told.
    """
    if not is_reachable(jid) or jid.is_broadcast:
        return None
    return await client.contacts.picture_url(jid)


@contextlib.contextmanager
def blockable(jid: Jid) -> Iterator[None]:
    """Around a call that blocks somebody, or no longer.

    Raises:
        HttpError: 404, where there is no such person.
    """
    if not jid.is_user or not is_reachable(jid):
        raise contact_not_found()
    try:
        yield
    except NotFound as exc:
        raise contact_not_found() from exc


@contextlib.contextmanager
def numbered(jid: Jid, name: str) -> Iterator[None]:
    """Around a call about somebody's phone number.

    Args:
        name: of the field.

    Raises:
        InvalidRequest: it is no phone number, or not known.
    """
    refusal = InvalidRequest(f"{name} must be a phone number")
    if not jid.is_user or not is_reachable(jid):
        raise refusal
    try:
        yield
    except InvalidInput as exc:
        raise refusal from exc
