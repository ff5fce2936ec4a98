"""Every setting of the server: type, unit, default and environment name.

Settings come from the process environment and from a `.env` file; the environment wins. A name set
to nothing counts as unset. An unknown name is never an error; a value of a known name that can't
be read stops the start with a message that names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import InvalidInput
from ..store import Secrets, sqlite_url
from .env_file import read_env_file, session_urls
from .values import (
    BasePath,
    CommaList,
    Count,
    EventPayloads,
    ExistingFile,
    Flag,
    HeaderValue,
    HttpUrl,
    LogLevel,
    OrderedWords,
    ProxyUrl,
    RootKey,
    SecretText,
    SigningSecret,
    SocketUrl,
    Words,
    is_loopback,
    read_secret_file,
)

_WEB_VERSION: Final = re.compile(r"(2)\.(3000)\.([0-9]{1,15})(?:-[a-z]+)?")

BROWSER_ONLY: Final = (
    "WEB_VERSION_CACHE_TYPE",
    "CHROME_BIN",
    "HEADLESS",
    "RELEASE_BROWSER_LOCK",
)
"""Names that another server used for its browser; they are ignored with a notice."""

_FIXED: Final[Mapping[str, object]] = {
    "recover_sessions": True,
}
"""Settings without effect so far, and what they would have to be to say what happens."""


class Settings(BaseModel):
    """The settings of one server process; read them with `Settings.load`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # --- listening ---
    host: str | None = Field(None, alias="HOST")
    port: Count = Field(3000, alias="PORT", ge=0, le=65535)
    base_path: BasePath = Field("", alias="BASE_PATH")
    trust_proxy: Flag = Field(False, alias="TRUST_PROXY")
    log_level: LogLevel = Field("info", alias="LOG_LEVEL")

    # --- who may call ---
    api_key: str = Field("", alias="API_KEY", repr=False)
    allow_unauthenticated: Flag = Field(False, alias="ALLOW_UNAUTHENTICATED")
    allowed_origins: CommaList = Field((), alias="ALLOWED_ORIGINS")
    rate_limit_max: Count | None = Field(None, alias="RATE_LIMIT_MAX", ge=1)
    rate_limit_window_ms: Count | None = Field(None, alias="RATE_LIMIT_WINDOW_MS", ge=1)

    # --- what is served ---
    enable_legacy_router: Flag = Field(True, alias="ENABLE_LEGACY_ROUTER")
    legacy_strict: Flag = Field(False, alias="LEGACY_STRICT")
    enable_websocket: Flag = Field(True, alias="ENABLE_WEBSOCKET")
    enable_swagger: Flag | None = Field(None, alias="ENABLE_SWAGGER_ENDPOINT")
    enable_web_ui: Flag = Field(False, alias="ENABLE_WEB_UI")
    enable_local_callback_example: Flag = Field(False, alias="ENABLE_LOCAL_CALLBACK_EXAMPLE")

    # --- sessions and storage ---
    sessions_path: Path = Field(Path("./sessions"), alias="SESSIONS_PATH")
    database_url: str | None = Field(None, alias="DATABASE_URL", repr=False)
    secret_key_text: SecretText | None = Field(None, alias="WAPORT_SECRET_KEY", repr=False)
    secret_key_file: ExistingFile | None = Field(None, alias="WAPORT_SECRET_KEY_FILE")
    old_secret_key: SecretText | None = Field(None, alias="WAPORT_OLD_SECRET_KEY", repr=False)
    auto_start_sessions: Flag = Field(True, alias="AUTO_START_SESSIONS")
    recover_sessions: Flag = Field(True, alias="RECOVER_SESSIONS")
    max_reconnect_retries: Count = Field(0, alias="MAX_RECONNECT_RETRIES", ge=0)
    reconnect_interval_ms: Count = Field(3000, alias="RECONNECT_INTERVAL", ge=1)
    send_ack_timeout_s: float = Field(10.0, alias="SEND_ACK_TIMEOUT", gt=0, allow_inf_nan=False)
    set_messages_as_seen: Flag = Field(False, alias="SET_MESSAGES_AS_SEEN")
    max_attachment_size: Count = Field(10_000_000, alias="MAX_ATTACHMENT_SIZE", ge=0)

    # --- files ---
    media_temp_dir: Path | None = Field(None, alias="MEDIA_TEMP_DIR")
    media_max_bytes: Count = Field(2 * 1024**3, alias="MEDIA_MAX_BYTES", ge=1)
    url_media_max_bytes: Count = Field(100 * 1024**2, alias="URL_MEDIA_MAX_BYTES", ge=1)
    media_retry_timeout_s: float = Field(
        60.0, alias="MEDIA_RETRY_TIMEOUT", gt=0, allow_inf_nan=False
    )
    link_preview: Flag = Field(True, alias="LINK_PREVIEW")
    outbound_allow: OrderedWords = Field((), alias="OUTBOUND_ALLOW")

    # --- events ---
    enable_webhook: Flag = Field(True, alias="ENABLE_WEBHOOK")
    base_webhook_url: HttpUrl | None = Field(None, alias="BASE_WEBHOOK_URL", repr=False)
    webhook_api_key: HeaderValue | None = Field(None, alias="WEBHOOK_API_KEY", repr=False)
    webhook_secret: SigningSecret | None = Field(None, alias="WEBHOOK_SECRET", repr=False)
    webhook_max_age_hours: Count = Field(96, alias="WEBHOOK_MAX_AGE_HOURS", ge=1, le=87_600)
    event_retention_hours: Count = Field(168, alias="EVENT_RETENTION_HOURS", ge=1, le=87_600)
    event_log_max_events: Count = Field(1_000_000, alias="EVENT_LOG_MAX_EVENTS", ge=1000)
    event_log_max_bytes: Count = Field(2 * 1024**3, alias="EVENT_LOG_MAX_BYTES", ge=1_000_000)
    disabled_callbacks: Words = Field(frozenset(), alias="DISABLED_CALLBACKS")
    event_payloads: EventPayloads = Field("flat", alias="EVENT_PAYLOADS")

    # --- WhatsApp ---
    wa_websocket_url: SocketUrl | None = Field(None, alias="WA_WEBSOCKET_URL")
    wa_noise_root_key: RootKey | None = Field(None, alias="WA_NOISE_ROOT_KEY")
    wa_ca_file: ExistingFile | None = Field(None, alias="WA_CA_FILE")
    wa_web_url: HttpUrl | None = Field(None, alias="WA_WEB_URL")
    web_version_text: str | None = Field(None, alias="WEB_VERSION")
    proxy_url: ProxyUrl | None = Field(None, alias="PROXY_URL", repr=False)
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
        values = {**read_env_file(env_file, process), **process}
        values = {name: value.strip() for name, value in values.items() if value.strip()}
        known = {field.alias for field in cls.model_fields.values() if field.alias}
        chosen: dict[str, object] = {name: values[name] for name in known if name in values}
        urls, bad_urls = session_urls(values)
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

    @model_validator(mode="after")
    def _refuse_two_secret_keys(self) -> Self:
        if self.secret_key_file is not None:
            if self.secret_key_text is not None:
                raise ValueError("WAPORT_SECRET_KEY_FILE: WAPORT_SECRET_KEY is set, too")
            try:
                read_secret_file(self.secret_key_file)
            except ValueError as exc:
                raise ValueError(f"WAPORT_SECRET_KEY_FILE: {exc}") from exc
        return self

    @property
    def secrets(self) -> Secrets:
        """The keys that what is stored is sealed with, and may be sealed with so far.

        Raises:
            InvalidInput: the key file can't be read any more.
        """
        now = self.secret_key_text
        if self.secret_key_file is not None:
            try:
                now = read_secret_file(self.secret_key_file)
            except ValueError as exc:
                raise InvalidInput(f"WAPORT_SECRET_KEY_FILE: {exc}") from exc
        before = self.old_secret_key
        return Secrets(
            None if now is None else now.encode(), None if before is None else before.encode()
        )

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

    @property
    def media_folder(self) -> Path:
        """For temporary files: `MEDIA_TEMP_DIR`, else `.media` in the sessions folder."""
        return (self.media_temp_dir or self.sessions_path / ".media").absolute()

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


def _explain(exc: ValidationError) -> str:
    error = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    text = error["msg"].removeprefix("Value error, ")
    name = ".".join(str(part) for part in error["loc"][:1])
    return f"{name}: {text}" if name else text
