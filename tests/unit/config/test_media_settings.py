"""Settings about files, and what a client is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from waport.api.server import client_config
from waport.client.addresses import AllowList
from waport.config import Settings
from waport.errors import InvalidInput


@pytest.fixture(autouse=True)
def _no_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(**environ: str) -> Settings:
    return Settings.load(environ=environ)


def test_a_client_is_told_the_defaults(tmp_path: Path) -> None:
    media = client_config(load()).media
    assert media.folder == tmp_path / "sessions" / ".media"
    assert media.max_bytes == 2 * 1024**3
    assert media.url_max_bytes == 100 * 1024**2
    assert (media.url_timeout_s, media.retry_timeout_s) == (60.0, 60.0)
    assert media.link_preview
    assert media.outbound_allow == AllowList()


def test_a_client_is_told_what_was_set(tmp_path: Path) -> None:
    media = client_config(
        load(
            MEDIA_TEMP_DIR=str(tmp_path / "big disk"),
            MEDIA_MAX_BYTES="1000",
            URL_MEDIA_MAX_BYTES="500",
            MEDIA_RETRY_TIMEOUT="2.5",
            LINK_PREVIEW="off",
            OUTBOUND_ALLOW="10.1.0.0/16, files.local | 127.0.0.1:9000 [::1]:80",
        )
    ).media
    assert media.folder == tmp_path / "big disk"
    assert (media.max_bytes, media.url_max_bytes, media.retry_timeout_s) == (1000, 500, 2.5)
    assert not media.link_preview
    assert media.outbound_allow == AllowList.parse(
        ["10.1.0.0/16", "files.local", "127.0.0.1:9000", "[::1]:80"]
    )
    assert client_config(load(OUTBOUND_ALLOW="*")).media.outbound_allow.everything


def test_files_lie_beside_the_sessions_unless_told_otherwise(tmp_path: Path) -> None:
    assert load(SESSIONS_PATH=str(tmp_path / "x")).media_folder == tmp_path / "x" / ".media"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEDIA_MAX_BYTES", "0"),
        ("MEDIA_MAX_BYTES", "much"),
        ("URL_MEDIA_MAX_BYTES", "-1"),
        ("MEDIA_RETRY_TIMEOUT", "0"),
        ("MEDIA_RETRY_TIMEOUT", "inf"),
        ("LINK_PREVIEW", "perhaps"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{name}: "):
        load(**{name: value})


@pytest.mark.parametrize("entries", ["10.0.0.0/99", "http://host/", "a@b"])
def test_an_exception_that_is_no_address_stops_the_start(entries: str) -> None:
    with pytest.raises(InvalidInput, match=r"^OUTBOUND_ALLOW: "):
        client_config(load(OUTBOUND_ALLOW=entries))
