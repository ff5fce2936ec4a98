"""Actions about people and settings, and what they look like on the wire."""

from __future__ import annotations

from support.appstate import CHAT, Sample
from waport.appstate import Collection
from waport.appstate.actions import (
    AudienceList,
    ChatLockSettings,
    DesktopSetting,
    DeviceCapabilities,
    ExternalWebBeta,
    FavoriteSticker,
    HintSeen,
    KeyExpiration,
    LinkPreviews,
    Locale,
    MuteStatus,
    NumberOfLid,
    PrimaryFeatures,
    PrimaryVersion,
    PrivacySalt,
    PushName,
    RelayCalls,
    RemoveRecentSticker,
    SaveContact,
    SaveLidContact,
    SharedOwnNumber,
    StatusAudience,
    StatusPrivacy,
    TimeFormat,
    UnarchiveChats,
    UnsupportedActions,
)
from waport.proto import pb
from waport.wire import Jid

LID = Jid("100000000000002", "lid")
C = str(CHAT)
CAPABILITIES = pb.DeviceCapabilities(chatLockSupportLevel=pb.DeviceCapabilities.FULL)
CODE = pb.UserPassword(transformedData=b"x")
DESKTOP = pb.SyncActionValue.SettingsSyncAction(startAtLogin=True)
LOW, HIGH, REGULAR = Collection.REGULAR_LOW, Collection.REGULAR_HIGH, Collection.REGULAR
BLOCK, CONTACTS = Collection.CRITICAL_BLOCK, Collection.CRITICAL_UNBLOCK_LOW

PEOPLE_SAMPLES: list[Sample] = [
    (
        SaveContact(CHAT, "Amara Silva", "Amara", LID, True, CHAT, "amara"),
        CONTACTS,
        2,
        ["contact", C],
        {
            "contactAction": {
                "fullName": "Amara Silva",
                "firstName": "Amara",
                "lidJid": str(LID),
                "saveOnPrimaryAddressbook": True,
                "pnJid": C,
                "username": "amara",
            }
        },
    ),
    (
        SaveLidContact(LID, "Amara Silva", "Amara", "amara"),
        CONTACTS,
        1,
        ["lid_contact", str(LID)],
        {
            "lidContactAction": {
                "fullName": "Amara Silva",
                "firstName": "Amara",
                "username": "amara",
            }
        },
    ),
    (
        MuteStatus(LID, True),
        HIGH,
        7,
        ["userStatusMute", str(LID)],
        {"userStatusMuteAction": {"muted": True}},
    ),
    (
        StatusPrivacy(StatusAudience.ONLY, (CHAT, LID)),
        HIGH,
        7,
        ["status_privacy"],
        {"statusPrivacy": {"mode": "ALLOW_LIST", "userJid": [C, str(LID)]}},
    ),
    (
        StatusPrivacy(
            StatusAudience.CUSTOM_LIST,
            (),
            True,
            True,
            (AudienceList("7", "Work", "W", True, (CHAT,)),),
            (StatusAudience.CONTACTS, StatusAudience.CUSTOM_LIST),
        ),
        HIGH,
        7,
        ["status_privacy"],
        {
            "statusPrivacy": {
                "mode": "CUSTOM_LIST",
                "shareToFb": True,
                "shareToIg": True,
                "customLists": [
                    {
                        "listId": "7",
                        "name": "Work",
                        "emoji": "W",
                        "isSelected": True,
                        "userJid": [C],
                    }
                ],
                "modes": ["CONTACTS", "CUSTOM_LIST"],
            }
        },
    ),
    (
        PrivacySalt(b"\1\2"),
        HIGH,
        1,
        ["nct_salt_sync"],
        {"nctSaltSyncAction": {"salt": "AQI="}},
    ),
    (
        NumberOfLid(LID, CHAT),
        REGULAR,
        8,
        ["pnForLidChat", str(LID)],
        {"pnForLidChatAction": {"pnJid": C}},
    ),
    (SharedOwnNumber(LID), REGULAR, 8, ["shareOwnPn", str(LID)], {}),
]

SETTING_SAMPLES: list[Sample] = [
    (PushName("Bruno"), BLOCK, 1, ["setting_pushName"], {"pushNameSetting": {"name": "Bruno"}}),
    (Locale("pt_BR"), BLOCK, 3, ["setting_locale"], {"localeSetting": {"locale": "pt_BR"}}),
    (
        ChatLockSettings(True, CODE.SerializeToString()),
        LOW,
        7,
        ["setting_chatLock"],
        {"chatLockSettings": {"hideLockedChats": True, "secretCode": {"transformedData": "eA=="}}},
    ),
    (
        UnarchiveChats(True),
        LOW,
        4,
        ["setting_unarchiveChats"],
        {"unarchiveChatsSetting": {"unarchiveChats": True}},
    ),
    (
        TimeFormat(True),
        LOW,
        7,
        ["time_format"],
        {"timeFormatAction": {"isTwentyFourHourFormatEnabled": True}},
    ),
    (
        FavoriteSticker(
            "HASH",
            True,
            "https://x",
            b"\1",
            b"\2",
            "image/webp",
            5,
            6,
            "/v/x",
            7,
            8,
            True,
            "i",
            True,
        ),
        LOW,
        7,
        ["favoriteSticker", "HASH"],
        {
            "stickerAction": {
                "url": "https://x",
                "fileEncSha256": "AQ==",
                "mediaKey": "Ag==",
                "mimetype": "image/webp",
                "height": 5,
                "width": 6,
                "directPath": "/v/x",
                "fileLength": "7",
                "isFavorite": True,
                "deviceIdHint": 8,
                "isLottie": True,
                "imageHash": "i",
                "isAvatarSticker": True,
            }
        },
    ),
    (
        RemoveRecentSticker("HASH", 9),
        LOW,
        7,
        ["removeRecentSticker", "HASH"],
        {"removeRecentStickerAction": {"lastStickerSentTs": "9"}},
    ),
    (KeyExpiration(0), LOW, 3, ["sentinel"], {"keyExpiration": {"expiredKeyEpoch": 0}}),
    (
        PrimaryVersion("current", "2.24.1"),
        LOW,
        7,
        ["primary_version", "current"],
        {"primaryVersionAction": {"version": "2.24.1"}},
    ),
    (
        UnsupportedActions(True),
        LOW,
        4,
        ["android_unsupported_actions"],
        {"androidUnsupportedActions": {"allowed": True}},
    ),
    (HintSeen("k", True), LOW, 7, ["nux", "k"], {"nuxAction": {"acknowledged": True}}),
    (
        DeviceCapabilities(CAPABILITIES.SerializeToString()),
        LOW,
        7,
        ["device_capabilities"],
        {"deviceCapabilities": {"chatLockSupportLevel": "FULL"}},
    ),
    (
        DesktopSetting(3, 14, C, DESKTOP.SerializeToString()),
        LOW,
        1,
        ["settings_sync", "3", "14", C],
        {"settingsSyncAction": {"startAtLogin": True}},
    ),
    (
        LinkPreviews(True),
        REGULAR,
        8,
        ["setting_disableLinkPreviews"],
        {"privacySettingDisableLinkPreviewsAction": {"isPreviewsDisabled": True}},
    ),
    (
        RelayCalls(True),
        REGULAR,
        1,
        ["setting_relayAllCalls"],
        {"privacySettingRelayAllCalls": {"isEnabled": True}},
    ),
    (
        ExternalWebBeta(True),
        REGULAR,
        3,
        ["external_web_beta"],
        {"externalWebBetaAction": {"isOptIn": True}},
    ),
    (
        PrimaryFeatures(("a", "bb")),
        REGULAR,
        7,
        ["primary_feature"],
        {"primaryFeature": {"flags": ["a", "bb"]}},
    ),
]
