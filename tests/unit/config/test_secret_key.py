"""The secret key of what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from waport.config import Settings
from waport.errors import InvalidInput

KEY = "0123456789abcdef0123456789abcdef"


def load(tmp_path: Path, **environ: str) -> Settings:
    (tmp_path / "empty.env").touch()
    return Settings.load(tmp_path / "empty.env", environ)


def test_it_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    assert load(tmp_path).secrets == (None, None)
    settings = load(tmp_path, WAPORT_SECRET_KEY=f" {KEY} ", WAPORT_OLD_SECRET_KEY=KEY[::-1])
    assert settings.secrets == (KEY.encode(), KEY[::-1].encode())
    assert KEY not in repr(settings)
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert load(tmp_path, WAPORT_SECRET_KEY_FILE=str(file)).secrets == (KEY.encode(), None)


def test_a_key_that_is_too_short_stops_the_start_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="WAPORT_SECRET_KEY: write at least 32") as caught:
        load(tmp_path, WAPORT_SECRET_KEY="hunter2")
    assert "hunter2" not in str(caught.value)
    file = tmp_path / "key"
    file.write_text("hunter2")
    with pytest.raises(InvalidInput, match="WAPORT_SECRET_KEY_FILE: write at least 32"):
        load(tmp_path, WAPORT_SECRET_KEY_FILE=str(file))
    file.write_bytes(b"\xff" * 40)
    with pytest.raises(InvalidInput, match="WAPORT_SECRET_KEY_FILE: the file can't be read"):
        load(tmp_path, WAPORT_SECRET_KEY_FILE=str(file))
    with pytest.raises(InvalidInput, match="WAPORT_SECRET_KEY_FILE: the file does not exist"):
        load(tmp_path, WAPORT_SECRET_KEY_FILE=str(tmp_path / "none"))


def test_two_keys_are_one_too_many(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    with pytest.raises(InvalidInput, match="WAPORT_SECRET_KEY_FILE: WAPORT_SECRET_KEY is set, too"):
        load(tmp_path, WAPORT_SECRET_KEY=KEY, WAPORT_SECRET_KEY_FILE=str(file))
