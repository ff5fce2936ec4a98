"""`waport keys`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from waport.cli import main
from waport.store import Database, sqlite_url


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("API_KEY", "DATABASE_URL", "HOST"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "settings.env"
    file.write_text(f"SESSIONS_PATH={tmp_path / 'sessions'}\n")
    return str(file)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["keys", *arguments])
    told = capsys.readouterr()
    return code, told.out.strip(), told.err.strip()


def test_a_key_is_made_listed_and_revoked(
    env_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = ("--env-file", env_file)
    code, out, _ = run(capsys, "add", "the first", "--scope", "read", *rest)
    assert (code, out) == (2, "")  # without API_KEY the first one must manage
    code, secret, about = run(
        capsys, "add", "the first", "--scope", "read", "--scope", "manage", *rest
    )
    assert code == 0
    assert secret.startswith("wpk_")
    key_id = about.partition(":")[0]
    code, listed, _ = run(capsys, "list", *rest)
    assert listed == f"{key_id}  read,manage  all sessions  the first"
    assert run(capsys, "revoke", key_id, *rest)[0] == 0
    assert run(capsys, "list", *rest)[1] == "no keys"
    assert run(capsys, "revoke", key_id, *rest)[0] == 1


async def test_a_running_server_is_left_alone(
    env_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = await Database.open(sqlite_url(tmp_path / "sessions" / "waport.db"))
    try:
        code, out, err = await asyncio.to_thread(run, capsys, "list", "--env-file", env_file)
    finally:
        await database.close()
    assert (code, out) == (1, "")
    assert "in use by another process" in err
