"""Who may change what: checks made on what others send, before it takes effect.

All people are compared by bare address, so the caller names them in one address kind.

Source: docs/protocol/messages.md, "Message keys".
"""

from __future__ import annotations

from ..wire import Jid
from .contents.limits import EDIT_ACCEPT_WINDOW_S, REVOKE_WINDOW_S


def may_edit(author: Jid, editor: Jid) -> bool:
    """Whether somebody may edit a message: only its author may."""
    return author.bare == editor.bare


def may_revoke(author: Jid, revoker: Jid, *, in_group: bool, is_admin: bool) -> bool:
    """Whether somebody may take a message back.

    Args:
        author: who wrote the message.
        revoker: who takes it back.
        in_group: the chat is a group.
        is_admin: the revoker is an admin of that group.
    """
    return author.bare == revoker.bare or (in_group and is_admin)


def may_pin(*, in_group: bool, is_member: bool, is_admin: bool, members_may_edit: bool) -> bool:
    """Whether somebody may pin a message.

    Args:
        in_group: the chat is a group; in private chats both may.
        is_member: they are in the group.
        is_admin: they are one of its admins.
        members_may_edit: the group lets all members edit its info.
    """
    return not in_group or is_admin or (is_member and members_may_edit)


def may_add_on(*, in_group: bool, is_member: bool) -> bool:
    """Whether somebody may vote, react or answer: everybody in the chat may."""
    return not in_group or is_member


def is_newer(timestamp_ms: int, stored_ms: int | None) -> bool:
    """Whether an add-on replaces the stored one of the same person; the same age does."""
    return stored_ms is None or timestamp_ms >= stored_ms


def edit_in_time(sent_at: int, edited_at: int, window_s: int = EDIT_ACCEPT_WINDOW_S) -> bool:
    """Whether an edit came soon enough after its message; both in Unix seconds."""
    return edited_at - sent_at <= window_s


def revoke_in_time(sent_at: int, revoked_at: int, window_s: int = REVOKE_WINDOW_S) -> bool:
    """Whether a message is young enough to be taken back; both in Unix seconds."""
    return revoked_at - sent_at <= window_s
