"""What a phone has written into app state before anybody has changed a setting.

Source: docs/protocol/app-state.md, "Actions".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..proto import pb
from .appstate import Mutation

_LOCALE = "en_US"


def push_name(name: str, timestamp_ms: int) -> Mutation:
    """The account's push name; clients take their own name from it."""
    value = pb.SyncActionValue(timestamp=timestamp_ms)
    value.pushNameSetting.name = name
    return Mutation("SET", ("setting_pushName",), value, 1)


def key_expiration(epoch: int, timestamp_ms: int) -> Mutation:
    """Keys up to an epoch encrypt nothing any more."""
    value = pb.SyncActionValue(timestamp=timestamp_ms)
    value.keyExpiration.expiredKeyEpoch = epoch
    return Mutation("SET", ("sentinel",), value, 3)


def first_settings(name: str, timestamp_ms: int) -> Mapping[str, Sequence[Mutation]]:
    """The first patch of each collection that a phone with an empty address book writes to.

    Not only the name is of use: to whatsmeow a collection of version 0 has never been fetched, and
    it keeps to itself what the next patch says.
    """
    locale, status, clock, previews = (pb.SyncActionValue(timestamp=timestamp_ms) for _ in range(4))
    locale.localeSetting.locale = _LOCALE
    status.statusPrivacy.mode = pb.SyncActionValue.StatusPrivacyAction.CONTACTS
    clock.timeFormatAction.isTwentyFourHourFormatEnabled = True
    previews.privacySettingDisableLinkPreviewsAction.isPreviewsDisabled = False
    return {
        "critical_block": [
            push_name(name, timestamp_ms),
            Mutation("SET", ("setting_locale",), locale, 3),
        ],
        "regular_high": [Mutation("SET", ("status_privacy",), status, 7)],
        "regular_low": [Mutation("SET", ("time_format",), clock, 7)],
        "regular": [Mutation("SET", ("setting_disableLinkPreviews",), previews, 8)],
    }
