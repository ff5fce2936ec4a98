"""The payload by which a client introduces itself: to register a new device, or to log in.

Source: docs/protocol/transport.md, "ClientPayload".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ..errors import InvalidInput
from ..proto import pb
from . import qr

_MAX_PAGE_CHARS = 8 * 1024 * 1024
_UINT32_MAX = 2**32 - 1
_VERSION = re.compile(r"(\d{1,10})\.(\d{1,10})\.(\d{1,10})", re.ASCII)
_REVISION = re.compile(rb'client_revision\\{0,4}"?\s{0,8}:\s{0,8}(\d{1,10})(?!\d)')

_PLATFORM_TYPES = {
    "chrome": pb.DeviceProps.PlatformType.CHROME,
    "firefox": pb.DeviceProps.PlatformType.FIREFOX,
    "ie": pb.DeviceProps.PlatformType.IE,
    "opera": pb.DeviceProps.PlatformType.OPERA,
    "safari": pb.DeviceProps.PlatformType.SAFARI,
    "edge": pb.DeviceProps.PlatformType.EDGE,
    "desktop": pb.DeviceProps.PlatformType.DESKTOP,
    "uwp": pb.DeviceProps.PlatformType.UWP,
}


# --- version -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class ClientVersion:
    """The version of WhatsApp Web that we say we are: `2.3000.<client revision>`."""

    primary: int
    secondary: int
    tertiary: int

    def __post_init__(self) -> None:
        if not all(0 <= part <= _UINT32_MAX for part in (self.primary, self.secondary)) or not (
            0 < self.tertiary <= _UINT32_MAX
        ):
            raise InvalidInput("a client version is three numbers of 32 bits")

    @classmethod
    def parse(cls, text: str) -> ClientVersion:
        """Read `2.3000.1045649367`.

        Raises:
            InvalidInput: not three numbers with dots, or a number is too large.
        """
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise InvalidInput("a client version looks like 2.3000.1045649367")
        return cls(*(int(part) for part in match.groups()))

    @classmethod
    def of_revision(cls, revision: int) -> ClientVersion:
        """The version of a client revision of WhatsApp Web."""
        return cls(2, 3000, revision)

    def __str__(self) -> str:
        return f"{self.primary}.{self.secondary}.{self.tertiary}"


DEFAULT_VERSION = ClientVersion(2, 3000, 1045649367)
"""The version this release was made against; the server refuses a version that is too old."""


def build_hash(version: ClientVersion) -> bytes:
    """MD5 of the version's text, 16 bytes."""
    return hashlib.md5(str(version).encode(), usedforsecurity=False).digest()


def find_client_revision(page: str | bytes) -> int | None:
    """The client revision that WhatsApp's web page or service worker names; None if it does not.

    Only the first 8 MiB are looked at.

    Source: docs/protocol/transport.md, "Version and build hash".
    """
    page = page[:_MAX_PAGE_CHARS]
    data = page.encode(errors="replace") if isinstance(page, str) else page
    for match in _REVISION.finditer(data):
        revision = int(match.group(1))
        if 0 < revision <= _UINT32_MAX:
            return revision
    return None


# --- what the phone shows of us ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """How the linked device presents itself; fixed when it is linked.

    Attributes:
        os_name: shown on the phone. For a pairing code the server accepts Windows, Mac OS, Linux,
            Android and iOS for certain.
        browser: Chrome, Edge, Firefox, IE, Opera or Safari; Desktop and UWP for desktop clients.
            Any other name is shown as an unknown web client.
        os_version: three numbers.
        wants_full_history: ask the phone for all of its history instead of the recent part.

    Source: docs/protocol/transport.md, "DeviceProps".
    """

    os_name: str = "Linux"
    browser: str = "Chrome"
    os_version: tuple[int, int, int] = (0, 1, 0)
    wants_full_history: bool = False

    @property
    def platform_type(self) -> pb.DeviceProps.PlatformType:
        """The DeviceProps.PlatformType that goes with the browser."""
        return _PLATFORM_TYPES.get(self.browser.lower(), pb.DeviceProps.PlatformType.UNKNOWN)

    @property
    def client_type(self) -> str:
        """The client type for QR texts and pairing codes."""
        return qr.client_type(self.platform_type, self.os_name)

    @property
    def display_name(self) -> str:
        """`Browser (OS)`, as a pairing code's request needs it."""
        return f"{self.browser} ({self.os_name})"

    def device_props(self) -> bytes:
        """The DeviceProps message.

        Each history flag promises that we can read that kind of history.
        """
        primary, secondary, tertiary = self.os_version
        return pb.DeviceProps(
            os=self.os_name,
            version=pb.DeviceProps.AppVersion(
                primary=primary, secondary=secondary, tertiary=tertiary
            ),
            platformType=self.platform_type,
            requireFullSync=self.wants_full_history,
            historySyncConfig=pb.DeviceProps.HistorySyncConfig(
                storageQuotaMb=10240,
                inlineInitialPayloadInE2EeMsg=True,
                supportCallLogHistory=True,
                supportBotUserAgentChatHistory=True,
                supportCagReactionsAndPolls=True,
                supportBizHostedMsg=True,
                supportRecentSyncChunkMessageCountTuning=True,
                supportHostedGroupMsg=True,
                supportFbidBotChatHistory=True,
                supportMessageAssociation=True,
                supportGroupHistory=True,
                thumbnailSyncDaysLimit=60,
                supportManusHistory=True,
                supportHatchHistory=True,
            ),
        ).SerializeToString()


DEFAULT_PROFILE = DeviceProfile()


# --- the two payloads ----------------------------------------------------------------------------


def registration_payload(
    *,
    registration_id: int,
    identity_public: bytes,
    signed_pre_key_id: int,
    signed_pre_key_public: bytes,
    signed_pre_key_signature: bytes,
    version: ClientVersion = DEFAULT_VERSION,
    device_props: bytes | None = None,
    push_name: str | None = None,
    country: str = "US",
    language: str = "en",
) -> bytes:
    """The ClientPayload of a device that is not linked yet.

    Args:
        registration_id: 1..16383 for a device of ours; the field holds 32 bits.
        identity_public: 32 bytes, no type byte.
        signed_pre_key_id: 24 bits.
        signed_pre_key_public: 32 bytes, no type byte.
        signed_pre_key_signature: 64 bytes, over `05` and the signed prekey.
        version: the WhatsApp Web version to claim.
        device_props: DeviceProps bytes; those of `DEFAULT_PROFILE` if not given.
        push_name: left out unless given.
        country: ISO 3166-1 alpha-2.
        language: ISO 639-1.
    Raises:
        InvalidInput: a key or signature has the wrong length, or a number does not fit.

    Source: docs/protocol/transport.md, "Registration".
    """
    lengths = (len(identity_public), len(signed_pre_key_public), len(signed_pre_key_signature))
    if lengths != (32, 32, 64):
        raise InvalidInput("keys have 32 bytes and a signature has 64")
    payload = _common(version, push_name, country, language)
    payload.passive = False
    payload.pull = False
    payload.devicePairingData.CopyFrom(
        pb.ClientPayload.DevicePairingRegistrationData(
            eRegid=big_endian(registration_id, 4),
            eKeytype=b"\x05",
            eIdent=identity_public,
            eSkeyId=big_endian(signed_pre_key_id, 3),
            eSkeyVal=signed_pre_key_public,
            eSkeySig=signed_pre_key_signature,
            buildHash=build_hash(version),
            deviceProps=DEFAULT_PROFILE.device_props() if device_props is None else device_props,
        )
    )
    return payload.SerializeToString()


def login_payload(
    *,
    user: str,
    device: int,
    login_counter: int | None = None,
    version: ClientVersion = DEFAULT_VERSION,
    push_name: str | None = None,
    country: str = "US",
    language: str = "en",
) -> bytes:
    """The ClientPayload of a linked device.

    It is passive: the server holds back what came while we were away until we say that we are
    ready. It claims no LID migration, since chats are stored by phone number.

    Args:
        user: the account's phone number, digits only.
        device: our device number, 1 or more.
        login_counter: logins since pairing; left out if None.
        version: the WhatsApp Web version to claim.
        push_name: left out unless given.
        country: ISO 3166-1 alpha-2.
        language: ISO 639-1.
    Raises:
        InvalidInput: the user is no number of 64 bits, the device or the counter is out of range.

    Source: docs/protocol/transport.md, "Login".
    """
    if not (user.isascii() and user.isdigit() and len(user) <= 20 and int(user) < 2**64):
        raise InvalidInput("a login needs the account's phone number")
    if not 1 <= device <= _UINT32_MAX:
        raise InvalidInput("a linked device has a number from 1")
    if login_counter is not None and not 0 <= login_counter < 2**31:
        raise InvalidInput("the login counter is out of range")
    payload = _common(version, push_name, country, language)
    payload.username = int(user)
    payload.device = device
    payload.passive = True
    payload.pull = True
    payload.lidDbMigrated = False
    if login_counter is not None:
        payload.lc = login_counter
    return payload.SerializeToString()


def big_endian(number: int, width: int) -> bytes:
    """A number as `width` bytes, most significant first.

    Raises:
        InvalidInput: the number is negative or too large.
    """
    try:
        return number.to_bytes(width, "big")
    except OverflowError as exc:
        raise InvalidInput(f"{number} does not fit {width} bytes") from exc


def _common(
    version: ClientVersion, push_name: str | None, country: str, language: str
) -> pb.ClientPayload:
    # Zero and empty values are set on purpose: their presence is part of the form. A phone id is
    # never set, since one that changes makes the server close sessions.
    payload = pb.ClientPayload(
        userAgent=pb.ClientPayload.UserAgent(
            platform=pb.ClientPayload.UserAgent.Platform.WEB,
            appVersion=pb.ClientPayload.UserAgent.AppVersion(
                primary=version.primary, secondary=version.secondary, tertiary=version.tertiary
            ),
            mcc="000",
            mnc="000",
            osVersion="0.1",
            manufacturer="",
            device="Desktop",
            osBuildNumber="0.1",
            releaseChannel=pb.ClientPayload.UserAgent.ReleaseChannel.RELEASE,
            localeLanguageIso6391=language,
            localeCountryIso31661Alpha2=country,
        ),
        webInfo=pb.ClientPayload.WebInfo(
            webSubPlatform=pb.ClientPayload.WebInfo.WebSubPlatform.WEB_BROWSER
        ),
        connectType=pb.ClientPayload.ConnectType.WIFI_UNKNOWN,
        connectReason=pb.ClientPayload.ConnectReason.USER_ACTIVATED,
    )
    if push_name is not None:
        payload.pushName = push_name
    return payload
