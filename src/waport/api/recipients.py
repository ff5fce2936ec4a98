"""Who may be written to, and what is answered when they are not there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from ..errors import NotFound, QueryError
from ..wire import Jid
from .addresses import is_reachable
from .errors import (
    HttpError,
    InvalidRequest,
    chat_not_found,
    contact_not_found,
    group_not_found,
)

_NOT_IN_GROUP: Final = frozenset((403, 410))
"""Codes that say that the group is gone, or that the account is not in it."""


def check_recipient(chat: Jid, name: str) -> None:
    """Refuse to write to what nobody has, or to what takes no messages.

    Args:
        name: of the field that names the chat.

    Raises:
        HttpError: nobody can have this address.
        InvalidRequest: it is no chat that can be written to.
    """
    if not is_reachable(chat):
        raise nobody_there(chat)
    if not (chat.is_user or chat.is_group or chat.is_newsletter or chat.is_status):
        raise InvalidRequest(f"{name} must be a person, a group, a channel or status@broadcast")


def check_heard(chat: Jid, name: str) -> None:
    """Refuse to show something to a chat whose people never see what the account does.

    Raises:
        HttpError, InvalidRequest: as `check_recipient`, and for channels and status posts.
    """
    check_recipient(chat, name)
    if not (chat.is_user or chat.is_group):
        raise InvalidRequest(f"{name} must be a person or a group")


def nobody_there(chat: Jid) -> HttpError:
    """The answer when there is no such recipient."""
    if chat.is_group:
        return group_not_found()
    return chat_not_found() if chat.is_newsletter else contact_not_found()


@contextlib.contextmanager
def answers_for(chat: Jid) -> Iterator[None]:
    """Around a call that speaks to a chat: says who is missing, where WhatsApp says it by a code.

    Raises:
        HttpError: 404, for an unknown person, or a group or channel that the account is not in.
    """
    try:
        yield
    except QueryError as exc:
        if isinstance(exc, NotFound) or (chat.is_group and exc.code in _NOT_IN_GROUP):
            raise nobody_there(chat) from exc
        raise
