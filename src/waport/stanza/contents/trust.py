"""Whom to believe a `protocolMessage`.

Source: docs/protocol/messages.md, "Protocol messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from ...proto import pb

_TYPE = pb.ProtocolMessage.Type


class Trust(Enum):
    """Who may send a protocol message."""

    OWN = "own"
    """Any own device."""
    PRIMARY = "primary"
    """The own phone alone."""
    ANYBODY = "anybody"
    """Any member of the chat; what it changes has rules of its own (`model.authority`)."""
    PRIVATE = "private"
    """Both sides of a private chat."""


TRUST: Final[Mapping[int, Trust]] = {
    _TYPE.REVOKE: Trust.ANYBODY,
    _TYPE.EPHEMERAL_SETTING: Trust.PRIVATE,
    _TYPE.EPHEMERAL_SYNC_RESPONSE: Trust.ANYBODY,
    _TYPE.HISTORY_SYNC_NOTIFICATION: Trust.OWN,
    _TYPE.APP_STATE_SYNC_KEY_SHARE: Trust.OWN,
    _TYPE.APP_STATE_SYNC_KEY_REQUEST: Trust.OWN,
    _TYPE.MSG_FANOUT_BACKFILL_REQUEST: Trust.OWN,
    _TYPE.INITIAL_SECURITY_NOTIFICATION_SETTING_SYNC: Trust.OWN,
    _TYPE.APP_STATE_FATAL_EXCEPTION_NOTIFICATION: Trust.OWN,
    _TYPE.SHARE_PHONE_NUMBER: Trust.ANYBODY,
    _TYPE.MESSAGE_EDIT: Trust.ANYBODY,
    _TYPE.PEER_DATA_OPERATION_REQUEST_MESSAGE: Trust.OWN,
    _TYPE.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE: Trust.PRIMARY,
    _TYPE.REQUEST_WELCOME_MESSAGE: Trust.ANYBODY,
    _TYPE.BOT_FEEDBACK_MESSAGE: Trust.OWN,
    _TYPE.MEDIA_NOTIFY_MESSAGE: Trust.OWN,
    _TYPE.CLOUD_API_THREAD_CONTROL_NOTIFICATION: Trust.ANYBODY,
    _TYPE.LID_MIGRATION_MAPPING_SYNC: Trust.OWN,
    _TYPE.REMINDER_MESSAGE: Trust.OWN,
    _TYPE.STATUS_MENTION_MESSAGE: Trust.ANYBODY,
    _TYPE.STOP_GENERATION_MESSAGE: Trust.OWN,
    _TYPE.LIMIT_SHARING: Trust.ANYBODY,
    _TYPE.GROUP_MEMBER_LABEL_CHANGE: Trust.ANYBODY,
}
"""All types that mean something to us. Others are kept and have no effect."""


def is_trusted(kind: int | None, *, from_me: bool, device: int, is_private: bool) -> bool:
    """Whether a protocol message may take effect.

    Args:
        kind: its type.
        from_me: an own device wrote it.
        device: the number of the device that wrote it; 0 is a phone.
        is_private: it stands in a private chat.
    """
    match None if kind is None else TRUST.get(kind):
        case Trust.OWN:
            return from_me
        case Trust.PRIMARY:
            return from_me and device == 0
        case Trust.PRIVATE:
            return is_private
        case Trust.ANYBODY:
            return True
    return False
