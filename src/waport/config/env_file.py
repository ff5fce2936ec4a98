"""Where settings are written: a `.env` file, and names that any session may have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from ..errors import InvalidInput
from .values import checked_url

_SESSION_URL_SUFFIX: Final = "_WEBHOOK_URL"


def read_env_file(
    env_file: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """What the file says; nothing when there is none and none was named.

    Raises:
        InvalidInput: the file that was named does not exist, or can't be read.
    """
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


def session_urls(values: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The per-session webhook URLs, and the names that look like one but hold no URL."""
    urls: dict[str, str] = {}
    unusable: list[str] = []
    for name, value in values.items():
        if not name.endswith(_SESSION_URL_SUFFIX) or name == "BASE_WEBHOOK_URL":
            continue
        try:
            # Any program may use such a name for itself: one that holds no URL is no error.
            urls[name.removesuffix(_SESSION_URL_SUFFIX).upper()] = checked_url(
                value, "http", "https"
            )
        except ValueError:
            unusable.append(name)
    return urls, tuple(unusable)
