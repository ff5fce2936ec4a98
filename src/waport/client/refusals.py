"""What it means that the server refuses a message, and what follows.

Source: docs/protocol/messages.md, "Server ack".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ..errors import (
    AccountRestricted,
    AddressingChanged,
    ChatNotFound,
    MessageRefused,
    NewChatLimit,
    SendingTooFast,
    ServerTrouble,
    StanzaRefused,
    WritingForbidden,
)


class Action(Enum):
    """What follows a refusal. The message has failed, save where this says otherwise."""

    FAIL = auto()
    """Nothing."""
    REFRESH_GROUP = auto()
    """What we know of the group is old: ask for it."""
    SEND_ONCE_MORE = auto()
    """Ask for the group, then try once more, under the same id; a second refusal is final."""
    GIVE_TOKEN = auto()
    """Give the person our token, once. Another try would count as one more new chat."""
    SEND_LATER = auto()
    """Not failed: the same bytes go out again later, under the same id."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row of the table.

    Attributes:
        error: raised to whoever sent the message.
        text: for people, about a private chat.
        group_text: for people, about a group.
        action: what follows in a private chat.
        group_action: what follows in a group.
    """

    error: type[MessageRefused]
    text: str
    group_text: str
    action: Action = Action.FAIL
    group_action: Action = Action.FAIL


_MALFORMED: Final = Refusal(
    MessageRefused,
    "WhatsApp does not accept this message",
    "WhatsApp does not accept this message",
)
_FORBIDDEN: Final = Refusal(
    WritingForbidden,
    "this account may not write to that chat",
    "this account is no member of the group",
    group_action=Action.REFRESH_GROUP,
)
_TROUBLE: Final = Refusal(
    ServerTrouble,
    "WhatsApp has trouble and could not take the message",
    "WhatsApp has trouble and could not take the message",
    action=Action.SEND_LATER,
    group_action=Action.SEND_LATER,
)

ADDRESSING_CHANGED: Final = 421
"""The code for a message that names the members of a group in another way than it does now."""

UNREADABLE: Final = 479
"""The code for a stanza whose form the server does not accept."""

REFUSALS: Final[Mapping[int, Refusal]] = {
    400: _MALFORMED,
    401: Refusal(
        WritingForbidden,
        "this account may not write to that chat",
        "only admins may write in this group",
        group_action=Action.REFRESH_GROUP,
    ),
    403: _FORBIDDEN,
    404: Refusal(
        ChatNotFound,
        "nobody is registered under this address",
        "there is no such group",
    ),
    405: _MALFORMED,
    406: _MALFORMED,
    ADDRESSING_CHANGED: Refusal(
        AddressingChanged,
        "WhatsApp does not accept this address any more",
        "the group has changed the way it names its members; send the message again",
        group_action=Action.SEND_ONCE_MORE,
    ),
    429: Refusal(
        SendingTooFast,
        "too many messages in a short time; wait before the next one",
        "too many messages in a short time; wait before the next one",
    ),
    463: Refusal(
        AccountRestricted,
        "WhatsApp does not let this account write to people who have not written to it",
        "WhatsApp does not let this account write to this group",
        action=Action.GIVE_TOKEN,
    ),
    473: Refusal(
        MessageRefused,
        "this kind of account may not send such a message",
        "this kind of account may not send such a message",
    ),
    475: Refusal(
        NewChatLimit,
        "this account has opened too many new chats; wait before the next one",
        "this account has opened too many new chats; wait before the next one",
    ),
    UNREADABLE: Refusal(
        StanzaRefused,
        "WhatsApp refused the form of this message",
        "WhatsApp refused the form of this message",
    ),
    500: _TROUBLE,
    503: _TROUBLE,
}

UNKNOWN: Final = Refusal(
    MessageRefused, "WhatsApp refused the message", "WhatsApp refused the message"
)
"""For every code that is not in the table."""


def action_for(code: int, *, is_group: bool) -> Action:
    """What follows the refusal of a message.

    Args:
        code: `error` of the server's ack.
        is_group: the message was for a group.
    """
    row = REFUSALS.get(code, UNKNOWN)
    return row.group_action if is_group else row.action


def refusal(code: int, *, is_group: bool) -> MessageRefused:
    """What to raise to whoever sent a message that was refused; see `action_for`."""
    row = REFUSALS.get(code, UNKNOWN)
    return row.error(code, row.group_text if is_group else row.text)
