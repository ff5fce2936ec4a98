"""The settings.

Source: docs/protocol/app-state.md, "Actions".
"""

from __future__ import annotations

from typing import Final

from ..state import Collection
from . import settings
from .fields import data, flag, number, serialized, text, texts, whole
from .indexes import number_part, text_part
from .row import Row

_BLOCK: Final = Collection.CRITICAL_BLOCK
_LOW: Final = Collection.REGULAR_LOW
_REGULAR: Final = Collection.REGULAR

SETTING_ROWS: Final = (
    Row(
        "setting_pushName",
        _BLOCK,
        1,
        settings.PushName,
        (),
        "pushNameSetting",
        (text("name", "name", always=True),),
    ),
    Row(
        "setting_locale",
        _BLOCK,
        3,
        settings.Locale,
        (),
        "localeSetting",
        (text("locale", "locale", always=True),),
    ),
    Row(
        "setting_securityNotification",
        _BLOCK,
        0,
        settings.SecurityNotifications,
        (),
        "securityNotificationSetting",
        (flag("shown", "showNotification"),),
        is_written=False,
    ),
    Row(
        "setting_chatLock",
        _LOW,
        7,
        settings.ChatLockSettings,
        (),
        "chatLockSettings",
        (flag("hidden", "hideLockedChats"), serialized("secret_code", "secretCode")),
    ),
    Row(
        "setting_unarchiveChats",
        _LOW,
        4,
        settings.UnarchiveChats,
        (),
        "unarchiveChatsSetting",
        (flag("enabled", "unarchiveChats"),),
    ),
    Row(
        "time_format",
        _LOW,
        7,
        settings.TimeFormat,
        (),
        "timeFormatAction",
        (flag("is_24_hours", "isTwentyFourHourFormatEnabled"),),
    ),
    Row(
        "favoriteSticker",
        _LOW,
        7,
        settings.FavoriteSticker,
        (text_part("file_hash"),),
        "stickerAction",
        (
            flag("is_favorite", "isFavorite"),
            text("url", "url"),
            data("file_enc_sha256", "fileEncSha256"),
            data("media_key", "mediaKey"),
            text("mimetype", "mimetype"),
            number("height", "height"),
            number("width", "width"),
            text("direct_path", "directPath"),
            number("file_length", "fileLength"),
            number("device", "deviceIdHint"),
            flag("is_lottie", "isLottie", always=False),
            text("image_hash", "imageHash"),
            flag("is_avatar", "isAvatarSticker", always=False),
        ),
    ),
    Row(
        "removeRecentSticker",
        _LOW,
        7,
        settings.RemoveRecentSticker,
        (text_part("file_hash"),),
        "removeRecentStickerAction",
        (number("last_sent", "lastStickerSentTs"),),
    ),
    Row(
        "sentinel",
        _LOW,
        3,
        settings.KeyExpiration,
        (),
        "keyExpiration",
        (number("expired_epoch", "expiredKeyEpoch", always=True),),
    ),
    Row(
        "primary_version",
        _LOW,
        7,
        settings.PrimaryVersion,
        (text_part("key"),),
        "primaryVersionAction",
        (text("version", "version", always=True),),
    ),
    Row(
        "android_unsupported_actions",
        _LOW,
        4,
        settings.UnsupportedActions,
        (),
        "androidUnsupportedActions",
        (flag("allowed", "allowed"),),
    ),
    Row(
        "nux",
        _LOW,
        7,
        settings.HintSeen,
        (text_part("key"),),
        "nuxAction",
        (flag("acknowledged", "acknowledged"),),
    ),
    Row(
        "device_capabilities",
        _LOW,
        7,
        settings.DeviceCapabilities,
        (),
        "deviceCapabilities",
        (whole("capabilities"),),
    ),
    Row(
        "settings_sync",
        _LOW,
        1,
        settings.DesktopSetting,
        (number_part("platform"), number_part("key"), text_part("scope")),
        "settingsSyncAction",
        (whole("settings"),),
    ),
    Row(
        "setting_disableLinkPreviews",
        _REGULAR,
        8,
        settings.LinkPreviews,
        (),
        "privacySettingDisableLinkPreviewsAction",
        (flag("disabled", "isPreviewsDisabled"),),
    ),
    Row(
        "setting_relayAllCalls",
        _REGULAR,
        1,
        settings.RelayCalls,
        (),
        "privacySettingRelayAllCalls",
        (flag("enabled", "isEnabled"),),
    ),
    Row(
        "external_web_beta",
        _REGULAR,
        3,
        settings.ExternalWebBeta,
        (),
        "externalWebBetaAction",
        (flag("joined", "isOptIn"),),
    ),
    Row(
        "primary_feature",
        _REGULAR,
        7,
        settings.PrimaryFeatures,
        (),
        "primaryFeature",
        (texts("flags", "flags"),),
    ),
)
