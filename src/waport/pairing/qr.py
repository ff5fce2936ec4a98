"""The QR code that a phone scans to link us.

Source: docs/protocol/pairing.md, "pair-device and the QR text".
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from ..errors import InvalidInput
from ..proto import pb
from ..wire import Node

QR_PREFIX = "https://wa.me/settings/linked_devices#"
FIRST_QR_LIFE_S = 60
NEXT_QR_LIFE_S = 20

OTHER_WEB_CLIENT = "9"
_CLIENT_TYPES: dict[int, str] = {
    pb.DeviceProps.PlatformType.CHROME: "1",
    pb.DeviceProps.PlatformType.ANDROID_TABLET: "1",
    pb.DeviceProps.PlatformType.ANDROID_PHONE: "1",
    pb.DeviceProps.PlatformType.ANDROID_AMBIGUOUS: "1",
    pb.DeviceProps.PlatformType.EDGE: "2",
    pb.DeviceProps.PlatformType.FIREFOX: "3",
    pb.DeviceProps.PlatformType.IE: "4",
    pb.DeviceProps.PlatformType.OPERA: "5",
    pb.DeviceProps.PlatformType.SAFARI: "6",
    pb.DeviceProps.PlatformType.DESKTOP: "7",
    pb.DeviceProps.PlatformType.UWP: "8",
}

_MAX_QR_CHARS = 4096
_MAX_REF_BYTES = 1024
_CLIENT_TYPE = re.compile(r"[0-9a-z]{1,2}")


@dataclass(frozen=True, slots=True)
class QrParts:
    """The fields of a QR text.

    Attributes:
        ref: the server's name for the waiting connection.
        noise_public, identity_public: our public keys, 32 bytes each.
        adv_secret: the secret shared with the phone, 32 bytes.
        client_type: which icon the phone shows; None in the old form of four fields.
    """

    ref: str
    noise_public: bytes
    identity_public: bytes
    adv_secret: bytes = field(repr=False)
    client_type: str | None


def client_type(platform_type: int, os_name: str = "") -> str:
    """The client type of a QR text or a pairing code that goes with a DeviceProps platform type.

    A desktop client on Windows is told apart as the Windows one.
    """
    if platform_type == pb.DeviceProps.PlatformType.DESKTOP and os_name.lower() == "windows":
        platform_type = pb.DeviceProps.PlatformType.UWP
    return _CLIENT_TYPES.get(platform_type, OTHER_WEB_CLIENT)


def qr_text(
    ref: str,
    noise_public: bytes,
    identity_public: bytes,
    adv_secret: bytes,
    client_type: str = "1",
) -> str:
    """The text to draw as a QR code; made when it is shown, since the secret may change meanwhile.

    Raises:
        InvalidInput: an empty ref, a key or secret that is not 32 bytes, or no client type.
    """
    values = (noise_public, identity_public, adv_secret)
    if not ref or any(len(value) != 32 for value in values):
        raise InvalidInput("a QR code needs a ref and three values of 32 bytes")
    if not _CLIENT_TYPE.fullmatch(client_type):
        raise InvalidInput("a client type is one or two lower-case letters or digits")
    fields = [b64encode(value).decode() for value in values]
    return QR_PREFIX + ",".join([ref, *fields, client_type])


def parse_qr(text: str) -> QrParts:
    """Take a QR text apart, with or without the address before it and the client type behind it.

    The ref may hold commas, so the fields are counted from the right.

    Raises:
        InvalidInput: anything else.
    """
    if len(text) > _MAX_QR_CHARS:
        raise InvalidInput("QR text is too long")
    fields = text.strip().removeprefix(QR_PREFIX).split(",")
    client_type = None
    # A key is 44 characters, a client type one or two: the last field shows which form this is.
    if _CLIENT_TYPE.fullmatch(fields[-1]):
        client_type = fields.pop()
    if len(fields) < 4:
        raise InvalidInput("QR text has too few fields")
    ref = ",".join(fields[:-3])
    if not ref:
        raise InvalidInput("QR text has no ref")
    noise_public, identity_public, adv_secret = (_decode_field(value) for value in fields[-3:])
    return QrParts(ref, noise_public, identity_public, adv_secret, client_type)


def parse_refs(pair_device: Node) -> list[str]:
    """The refs of a `<pair-device>`, in the order in which they are to be shown.

    Children that are no usable ref are passed over. An empty list means that linking failed.
    """
    refs = []
    for child in pair_device.children("ref"):
        content = child.content
        if not isinstance(content, bytes) or not 0 < len(content) <= _MAX_REF_BYTES:
            continue
        try:
            refs.append(content.decode())
        except UnicodeDecodeError:
            continue
    return refs


def wants_new_secret(notification: Node) -> bool:
    """Whether a `companion_reg_refresh` notification really asks for a new secret.

    Source: docs/protocol/pairing.md, "companion_reg_refresh".
    """
    known = ("companion_reg_refresh", "pair-device-rotate-qr")
    return any(notification.find(tag) is not None for tag in known)


def _decode_field(text: str) -> bytes:
    try:
        value = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidInput("QR text holds a field that is not base64") from exc
    if len(value) != 32:
        raise InvalidInput("QR text holds a field that is not 32 bytes")
    return value
