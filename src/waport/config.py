"""Every setting of the server: type, unit, default and environment name.

Settings come from the process environment and from a `.env` file; the environment wins. A name set
to nothing counts as unset. An unknown name is never an error; a value of a known name that can't
be read stops the start with a message that names it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from .errors import InvalidInput
from .store import sqlite_url

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_LEADING_INT: Final = re.compile(r"\s*([+-]?[0-9]{1,18})")
_WEB_VERSION: Final = re.compile(r"(2)\.(3000)\.([0-9]{1,15})(?:-[a-z]+)?")
_SESSION_URL_SUFFIX: Final = "_WEBHOOK_URL"
_LIST_BREAK: Final = re.compile(r"[,|\s]+")

BROWSER_ONLY: Final = (
    "WEB_VERSION_CACHE_TYPE",
    "CHROME_BIN",
    "HEADLESS",
    "RELEASE_BROWSER_LOCK",
)
"""Names that another server used for its browser; they are ignored with a notice."""

_FIXED: Final[Mapping[str, object]] = {
    "enable_legacy_router": False,
    "legacy_strict": False,
    "enable_web_ui": False,
    "enable_local_callback_example": False,
    "max_attachment_size": None,
    "event_payloads": "flat",
    "recover_sessions": True,
}
"""Settings without effect so far, and what they would have to be to say what happens."""

LogLevel = Literal["trace", "debug", "info", "warn", "error", "fatal", "silent"]


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


def _comma_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _url(value: str, *schemes: str) -> str:
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
    return _url(value, "http", "https") if isinstance(value, str) else value


def _socket_url(value: object) -> object:
    return _url(value, "ws", "wss") if isinstance(value, str) else value


def _proxy_url(value: object) -> object:
    schemes = ("http", "https", "socks5", "socks5h")
    return _url(value, *schemes) if isinstance(value, str) else value


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


def _signing_secret(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        digits = text.removeprefix("whsec_").rstrip("=")
        key = base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 16:
        raise ValueError("write whsec_ and the base64 of at least 16 random bytes")
    return text


def _header_value(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isprintable()):
        raise ValueError("write printable ASCII characters; it goes out in a header")
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]
Count = Annotated[int, BeforeValidator(_integer)]
HttpUrl = Annotated[str, BeforeValidator(_http_url)]


class Settings(BaseModel):
    """The settings of one server process; read them with `Settings.load`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # --- listening ---
    host: str | None = Field(None, alias="HOST")
    port: Count = Field(3000, alias="PORT", ge=0, le=65535)
    base_path: Annotated[str, BeforeValidator(_base_path)] = Field("", alias="BASE_PATH")
    trust_proxy: Flag = Field(False, alias="TRUST_PROXY")
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field("info", alias="LOG_LEVEL")

    # --- who may call ---
    api_key: str = Field("", alias="API_KEY", repr=False)
    allow_unauthenticated: Flag = Field(False, alias="ALLOW_UNAUTHENTICATED")
    allowed_origins: Annotated[tuple[str, ...], BeforeValidator(_comma_list)] = Field(
        (), alias="ALLOWED_ORIGINS"
    )
    rate_limit_max: Annotated[int | None, BeforeValidator(_integer)] = Field(
        None, alias="RATE_LIMIT_MAX", ge=1
    )
    rate_limit_window_ms: Annotated[int | None, BeforeValidator(_integer)] = Field(
        None, alias="RATE_LIMIT_WINDOW_MS", ge=1
    )

    # --- what is served ---
    enable_legacy_router: Flag = Field(True, alias="ENABLE_LEGACY_ROUTER")
    legacy_strict: Flag = Field(False, alias="LEGACY_STRICT")
    enable_websocket: Flag = Field(True, alias="ENABLE_WEBSOCKET")
    enable_swagger: Annotated[bool | None, BeforeValidator(_flag)] = Field(
        None, alias="ENABLE_SWAGGER_ENDPOINT"
    )
    enable_web_ui: Flag = Field(False, alias="ENABLE_WEB_UI")
    enable_local_callback_example: Flag = Field(False, alias="ENABLE_LOCAL_CALLBACK_EXAMPLE")

    # --- sessions and storage ---
    sessions_path: Path = Field(Path("./sessions"), alias="SESSIONS_PATH")
    database_url: str | None = Field(None, alias="DATABASE_URL", repr=False)
    auto_start_sessions: Flag = Field(True, alias="AUTO_START_SESSIONS")
    recover_sessions: Flag = Field(True, alias="RECOVER_SESSIONS")
    max_reconnect_retries: Count = Field(0, alias="MAX_RECONNECT_RETRIES", ge=0)
    reconnect_interval_ms: Count = Field(3000, alias="RECONNECT_INTERVAL", ge=1)
    send_ack_timeout_s: float = Field(10.0, alias="SEND_ACK_TIMEOUT", gt=0, allow_inf_nan=False)
    set_messages_as_seen: Flag = Field(False, alias="SET_MESSAGES_AS_SEEN")
    max_attachment_size: Count = Field(10_000_000, alias="MAX_ATTACHMENT_SIZE", ge=0)

    # --- events ---
    enable_webhook: Flag = Field(True, alias="ENABLE_WEBHOOK")
    base_webhook_url: HttpUrl | None = Field(None, alias="BASE_WEBHOOK_URL", repr=False)
    webhook_api_key: Annotated[str | None, BeforeValidator(_header_value)] = Field(
        None, alias="WEBHOOK_API_KEY", repr=False
    )
    webhook_secret: Annotated[str | None, BeforeValidator(_signing_secret)] = Field(
        None, alias="WEBHOOK_SECRET", repr=False
    )
    webhook_max_age_hours: Count = Field(96, alias="WEBHOOK_MAX_AGE_HOURS", ge=1, le=87_600)
    disabled_callbacks: Annotated[frozenset[str], BeforeValidator(_words)] = Field(
        frozenset(), alias="DISABLED_CALLBACKS"
    )
    event_payloads: Annotated[Literal["flat", "wwebjs", "both"], BeforeValidator(_lower)] = Field(
        "flat", alias="EVENT_PAYLOADS"
    )

    # --- WhatsApp ---
    wa_websocket_url: Annotated[str | None, BeforeValidator(_socket_url)] = Field(
        None, alias="WA_WEBSOCKET_URL"
    )
    wa_noise_root_key: Annotated[bytes | None, BeforeValidator(_root_key)] = Field(
        None, alias="WA_NOISE_ROOT_KEY"
    )
    wa_ca_file: Annotated[Path | None, BeforeValidator(_file)] = Field(None, alias="WA_CA_FILE")
    wa_web_url: HttpUrl | None = Field(None, alias="WA_WEB_URL")
    web_version_text: str | None = Field(None, alias="WEB_VERSION")
    proxy_url: Annotated[str | None, BeforeValidator(_proxy_url)] = Field(
        None, alias="PROXY_URL", repr=False
    )
    proxy_username: str | None = Field(None, alias="PROXY_USERNAME", repr=False)
    proxy_password: str | None = Field(None, alias="PROXY_PASSWORD", repr=False)

    # --- filled by `load` ---
    session_webhook_urls: dict[str, str] = Field(default_factory=dict, repr=False)
    """Session id in upper case -> URL of `<SESSIONID>_WEBHOOK_URL`."""
    ignored: tuple[str, ...] = ()
    """Names that were set and have no effect."""

    @classmethod
    def load(
        cls,
        env_file: str | os.PathLike[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Read the environment over a `.env` file.

        Args:
            env_file: the file to read; None means the one that `ENV_PATH` names, else `.env`.
            environ: the environment; None means that of the process.
        Raises:
            InvalidInput: a setting is unusable; the message starts with its name.
        """
        process = dict(os.environ if environ is None else environ)
        values = {**_read_env_file(env_file, process), **process}
        values = {name: value.strip() for name, value in values.items() if value.strip()}
        known = {field.alias for field in cls.model_fields.values() if field.alias}
        chosen: dict[str, object] = {name: values[name] for name in known if name in values}
        urls, bad_urls = _session_urls(values)
        chosen["session_webhook_urls"] = urls
        chosen["ignored"] = tuple(name for name in BROWSER_ONLY if name in values) + bad_urls
        try:
            return cls.model_validate(chosen)
        except ValidationError as exc:
            raise InvalidInput(_explain(exc)) from None

    @model_validator(mode="after")
    def _refuse_an_open_door(self) -> Self:
        if self.api_key or self.allow_unauthenticated or self.host is None:
            return self
        if not is_loopback(self.host):
            raise ValueError(
                f"HOST: {self.host} is public and no API_KEY is set; set one, or say "
                "ALLOW_UNAUTHENTICATED=true if everybody who reaches the port may use the account"
            )
        return self

    @property
    def listen_host(self) -> str:
        """The address to bind: all interfaces with a key, loopback without."""
        if self.host is not None:
            return self.host
        # Public only behind a key, or when the operator said that none is wanted.
        is_open = bool(self.api_key) or self.allow_unauthenticated
        return "0.0.0.0" if is_open else "127.0.0.1"

    @property
    def has_docs(self) -> bool:
        """Whether `/docs`, `/api-docs` and `/openapi.json` are served: unless switched off."""
        return self.enable_swagger is not False

    @property
    def rate_limit(self) -> tuple[int, int] | None:
        """Requests and window in ms; None unless one of the two settings is set."""
        if self.rate_limit_max is None and self.rate_limit_window_ms is None:
            return None
        return self.rate_limit_max or 1000, self.rate_limit_window_ms or 1000

    @property
    def web_version(self) -> tuple[int, int, int] | None:
        """The pinned client version; None when unset or not of the form 2.3000.x."""
        match = _WEB_VERSION.fullmatch((self.web_version_text or "").strip())
        return None if match is None else (int(match[1]), int(match[2]), int(match[3]))

    @property
    def store_url(self) -> str:
        """The database to use: `DATABASE_URL`, else `waport.db` in the sessions folder."""
        return self.database_url or sqlite_url(self.sessions_path.absolute() / "waport.db")

    def webhook_url(self, session_id: str) -> str | None:
        """Where this session's events are posted; None when nowhere."""
        if not self.enable_webhook:
            return None
        return self.session_webhook_urls.get(session_id.upper(), self.base_webhook_url)

    def _without_effect(self) -> list[str]:
        """Settings that were set to something else than what happens whatever they say."""
        return [
            str(type(self).model_fields[name].alias)
            for name, truth in _FIXED.items()
            if name in self.model_fields_set and getattr(self, name) != truth
        ]

    def notices(self) -> list[str]:
        """What the operator should be told at the start about these settings."""
        idle = [*self.ignored, *self._without_effect()]
        notices = [f"{name} is set and has no effect here" for name in idle]
        if self.web_version_text and self.web_version is None:
            notices.append("WEB_VERSION is not of the form 2.3000.x and is ignored")
        if not self.api_key:
            notices.append(f"no API_KEY is set: listening on {self.listen_host} without a key")
        endpoint = {
            "WA_WEBSOCKET_URL": self.wa_websocket_url,
            "WA_NOISE_ROOT_KEY": self.wa_noise_root_key,
            "WA_CA_FILE": self.wa_ca_file,
            "WA_WEB_URL": self.wa_web_url,
        }
        changed = [name for name, value in endpoint.items() if value is not None]
        if changed:
            notices.append(f"{', '.join(changed)}: not talking to WhatsApp itself")
        return notices


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to this address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _read_env_file(
    env_file: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> dict[str, str]:
    named = env_file if env_file is not None else environ.get("ENV_PATH", "").strip()
    path = Path(named or ".env")
    if not path.is_file():
        if named:
            raise InvalidInput(f"ENV_PATH: {path} does not exist")
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"ENV_PATH: {path} cannot be read") from exc
    return {name: value for name, value in values.items() if value is not None}


def _session_urls(values: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The per-session webhook URLs, and the names that look like one but hold no URL."""
    urls: dict[str, str] = {}
    unusable: list[str] = []
    for name, value in values.items():
        if not name.endswith(_SESSION_URL_SUFFIX) or name == "BASE_WEBHOOK_URL":
            continue
        try:
            # Any program may use such a name for itself: one that holds no URL is no error.
            urls[name.removesuffix(_SESSION_URL_SUFFIX).upper()] = _url(value, "http", "https")
        except ValueError:
            unusable.append(name)
    return urls, tuple(unusable)


def _explain(exc: ValidationError) -> str:
    error = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    text = error["msg"].removeprefix("Value error, ")
    name = ".".join(str(part) for part in error["loc"][:1])
    return f"{name}: {text}" if name else text
