"""The actions about people.

Source: docs/protocol/app-state.md, "Actions".
"""

from __future__ import annotations

from typing import Final

from ..state import Collection
from . import people
from .fields import address, addresses, choice, choices, data, flag, many, serialized, text
from .indexes import flag_part, jid_part, text_part
from .row import Row

_CONTACTS: Final = Collection.CRITICAL_UNBLOCK_LOW
_HIGH: Final = Collection.REGULAR_HIGH
_REGULAR: Final = Collection.REGULAR

_NAMES = (
    text("full_name", "fullName", always=True),
    text("first_name", "firstName"),
    text("username", "username"),
)

PEOPLE_ROWS: Final = (
    Row(
        "contact",
        _CONTACTS,
        2,
        people.SaveContact,
        (jid_part("user"),),
        "contactAction",
        (
            *_NAMES,
            address("lid", "lidJid"),
            flag("on_phone", "saveOnPrimaryAddressbook"),
            address("pn", "pnJid"),
        ),
    ),
    Row(
        "lid_contact",
        _CONTACTS,
        1,
        people.SaveLidContact,
        (jid_part("lid"),),
        "lidContactAction",
        _NAMES,
    ),
    Row(
        "userStatusMute",
        _HIGH,
        7,
        people.MuteStatus,
        (jid_part("user"),),
        "userStatusMuteAction",
        (flag("muted", "muted"),),
    ),
    Row(
        "status_privacy",
        _HIGH,
        7,
        people.StatusPrivacy,
        (),
        "statusPrivacy",
        (
            choice("audience", "mode", people.StatusAudience, always=True),
            addresses("users", "userJid"),
            flag("share_to_facebook", "shareToFb", always=False),
            flag("share_to_instagram", "shareToIg", always=False),
            many(
                "lists",
                "customLists",
                people.AudienceList,
                (
                    text("id", "listId", always=True),
                    text("name", "name"),
                    text("emoji", "emoji"),
                    flag("is_selected", "isSelected"),
                    addresses("users", "userJid"),
                ),
            ),
            choices("audiences", "modes", people.StatusAudience),
        ),
    ),
    Row(
        "nct_salt_sync",
        _HIGH,
        1,
        people.PrivacySalt,
        (),
        "nctSaltSyncAction",
        (data("salt", "salt"),),
    ),
    Row(
        "pnForLidChat",
        _REGULAR,
        8,
        people.NumberOfLid,
        (jid_part("lid"),),
        "pnForLidChatAction",
        (address("pn", "pnJid"),),
    ),
    Row("shareOwnPn", _REGULAR, 8, people.SharedOwnNumber, (jid_part("lid"),)),
    Row(
        "call_log",
        _REGULAR,
        1,
        people.CallLogged,
        (jid_part("caller"), text_part("call_id"), flag_part("from_me")),
        "callLogAction",
        (serialized("record", "callLogRecord"),),
        is_written=False,
    ),
)
