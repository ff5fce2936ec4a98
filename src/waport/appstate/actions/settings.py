"""Settings of the account and of its devices."""

from __future__ import annotations

from dataclasses import dataclass, field

from .base import Action


@dataclass(frozen=True, slots=True)
class PushName(Action):
    """The account's own name, which others see."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Locale(Action):
    """Language and country, such as `en_US`."""

    locale: str = ""


@dataclass(frozen=True, slots=True)
class SecurityNotifications(Action):
    """Tell when somebody's identity key changes. Only read, never written."""

    shown: bool = False


@dataclass(frozen=True, slots=True)
class ChatLockSettings(Action):
    """How locked chats are shown.

    Attributes:
        secret_code: a serialized `UserPassword`; empty without one.
    """

    hidden: bool = False
    secret_code: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class UnarchiveChats(Action):
    """A new message brings an archived chat back."""

    enabled: bool = False


@dataclass(frozen=True, slots=True)
class TimeFormat(Action):
    """Clocks count to 24."""

    is_24_hours: bool = False


@dataclass(frozen=True, slots=True)
class LinkPreviews(Action):
    """Links are sent without a preview."""

    disabled: bool = False


@dataclass(frozen=True, slots=True)
class RelayCalls(Action):
    """All calls go over WhatsApp's servers."""

    enabled: bool = False


@dataclass(frozen=True, slots=True)
class ExternalWebBeta(Action):
    """The account takes part in the beta."""

    joined: bool = False


@dataclass(frozen=True, slots=True)
class FavoriteSticker(Action):
    """A sticker among the favorites; everything that is needed to load its file.

    Attributes:
        file_hash: the name of the sticker in app state.
        device: the number of the device that uploaded it; 0 may also mean that it is not told.
    """

    file_hash: str
    is_favorite: bool = False
    url: str = ""
    file_enc_sha256: bytes = b""
    media_key: bytes = field(default=b"", repr=False)
    mimetype: str = ""
    height: int = 0
    width: int = 0
    direct_path: str = ""
    file_length: int = 0
    device: int = 0
    is_lottie: bool = False
    image_hash: str = ""
    is_avatar: bool = False


@dataclass(frozen=True, slots=True)
class RemoveRecentSticker(Action):
    """A sticker is out of the recent ones.

    Attributes:
        last_sent: when it was sent last, as its writer counts; the unit is not known.
    """

    file_hash: str
    last_sent: int = 0


@dataclass(frozen=True, slots=True)
class KeyExpiration(Action):
    """Sync keys up to this epoch must not write any more (`KeyRing.writing_key`)."""

    expired_epoch: int = -1


@dataclass(frozen=True, slots=True)
class PrimaryVersion(Action):
    """The version of the phone's app.

    Attributes:
        key: which one.
    """

    key: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class PrimaryFeatures(Action):
    """What the phone's app can do."""

    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnsupportedActions(Action):
    """Android may be sent actions that it does not know."""

    allowed: bool = False


@dataclass(frozen=True, slots=True)
class HintSeen(Action):
    """A hint for newcomers was acknowledged."""

    key: str
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class DeviceCapabilities(Action):
    """What the account's phone can do.

    Attributes:
        capabilities: a serialized `DeviceCapabilities`.
    """

    capabilities: bytes = b""


@dataclass(frozen=True, slots=True)
class DesktopSetting(Action):
    """A setting of a desktop app.

    Attributes:
        platform: a number of `SettingPlatform`.
        key: a number of `SettingKey`: which setting it is.
        scope: the chat that it is for, or another text.
        settings: a serialized `SettingsSyncAction`.
    """

    platform: int
    key: int
    scope: str
    settings: bytes = b""
