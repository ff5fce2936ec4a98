"""Choices of a session in a file of its folder."""

from __future__ import annotations

from pathlib import Path

from waport.sessions import SessionFolders
from waport.sessions.preferences import FILE_NAME, Preferences


async def test_choices_are_kept_and_go_with_the_session(tmp_path: Path) -> None:
    folders = SessionFolders(tmp_path)
    folders.make("a")
    preferences = Preferences(folders)
    assert await preferences.get("a") == {}
    await preferences.set("a", "autoDownloadAudio", False)
    await preferences.set("a", "backgroundSync", True)
    kept = {"autoDownloadAudio": False, "backgroundSync": True}
    assert await Preferences(folders).get("a") == kept
    folders.remove("a")
    assert await preferences.get("a") == {}


async def test_a_spoiled_file_counts_as_nothing_chosen(tmp_path: Path) -> None:
    folders = SessionFolders(tmp_path)
    folders.make("a")
    preferences = Preferences(folders)
    for text in ("", "{", "[]", '{"autoDownloadAudio": 5}', "\x00"):
        (folders.path("a") / FILE_NAME).write_text(text)
        assert await preferences.get("a") == {}
    await preferences.set("a", "backgroundSync", False)
    assert await preferences.get("a") == {"backgroundSync": False}
