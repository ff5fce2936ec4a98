"""How the text of a setting becomes its value; what can't be read is a ValueError that says why."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_LEADING_INT: Final = re.compile(r"\s*([+-]?[0-9]{1,18})")
_LIST_BREAK: Final = re.compile(r"[,|\s]+")


def _flag(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("write true or false (also 1, yes, on, 0, no, off)")


def _integer(value: object) -> object:
    """Leading digits count, as in the server that this one replaces: `3000abc` is 3000."""
    if not isinstance(value, str):
        return value
    match = _LEADING_INT.match(value)
    if match is None:
        raise ValueError("write a whole number")
    return int(match.group(1))


def _words(value: object) -> object:
    """A list with commas, vertical bars or blanks between its entries."""
    if not isinstance(value, str):
        return value
    return frozenset(word for word in _LIST_BREAK.split(value) if word)


def _ordered_words(value: object) -> object:
    """The same, in the order written."""
    if not isinstance(value, str):
        return value
    return tuple(word for word in _LIST_BREAK.split(value) if word)


def _comma_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def checked_url(value: str, *schemes: str) -> str:
    """The URL itself, if it has one of the schemes and a host.

    Raises:
        ValueError: it has not.
    """
    try:
        parts = urlsplit(value)
        usable = parts.scheme.lower() in schemes and bool(parts.hostname)
        _ = parts.port  # raises when it is no port
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"write a URL that starts with {' or '.join(s + '://' for s in schemes)}")
    return value


def _http_url(value: object) -> object:
    return checked_url(value, "http", "https") if isinstance(value, str) else value


def _socket_url(value: object) -> object:
    return checked_url(value, "ws", "wss") if isinstance(value, str) else value


def _proxy_url(value: object) -> object:
    schemes = ("http", "https", "socks5", "socks5h")
    return checked_url(value, *schemes) if isinstance(value, str) else value


def _root_key(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        key = bytes.fromhex(value.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("write 64 hexadecimal digits (32 bytes)")
    return key


def _file(value: object) -> object:
    if isinstance(value, str) and not Path(value).is_file():
        raise ValueError("the file does not exist")
    return value


def _base_path(value: object) -> object:
    """ "/" becomes "", anything else one leading slash and no trailing one."""
    if not isinstance(value, str):
        return value
    path = value.strip().strip("/")
    if not path:
        return ""
    if not re.fullmatch(r"[A-Za-z0-9._~/-]+", path) or "//" in path:
        raise ValueError("write a path such as /whatsapp")
    return f"/{path}"


MIN_SECRET: Final = 32
"""Characters of a secret key: it is not stretched, so it must have its chance in itself."""


def _secret_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) < MIN_SECRET:
        raise ValueError(
            f"write at least {MIN_SECRET} characters made by chance: openssl rand -hex 32"
        )
    return text


def read_secret_file(path: Path) -> str:
    """The secret key in a file, without blanks around it.

    Raises:
        ValueError: it can't be read, or is too short.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise ValueError("the file can't be read") from exc
    return str(_secret_text(text))


def _signing_secret(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        digits = text.removeprefix("whsec_").rstrip("=")
        key = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not 16 <= len(key) <= 64:
        raise ValueError("write whsec_ and the base64 of 16 to 64 random bytes")
    return text


def _header_value(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isprintable()):
        raise ValueError("write printable ASCII characters; it goes out in a header")
    return value


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to this address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


Flag = Annotated[bool, BeforeValidator(_flag)]
Count = Annotated[int, BeforeValidator(_integer)]
HttpUrl = Annotated[str, BeforeValidator(_http_url)]
SocketUrl = Annotated[str, BeforeValidator(_socket_url)]
ProxyUrl = Annotated[str, BeforeValidator(_proxy_url)]
ExistingFile = Annotated[Path, BeforeValidator(_file)]
RootKey = Annotated[bytes, BeforeValidator(_root_key)]
BasePath = Annotated[str, BeforeValidator(_base_path)]
SecretText = Annotated[str, BeforeValidator(_secret_text)]
SigningSecret = Annotated[str, BeforeValidator(_signing_secret)]
HeaderValue = Annotated[str, BeforeValidator(_header_value)]
Words = Annotated[frozenset[str], BeforeValidator(_words)]
OrderedWords = Annotated[tuple[str, ...], BeforeValidator(_ordered_words)]
CommaList = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]
LogLevel = Annotated[
    Literal["trace", "debug", "info", "warn", "error", "fatal", "silent"], BeforeValidator(_lower)
]
EventPayloads = Annotated[Literal["flat", "wwebjs", "both"], BeforeValidator(_lower)]
