from __future__ import annotations

from pathlib import Path

import pytest

from waport.errors import InvalidInput
from waport.sessions import SessionFolders


@pytest.fixture
def folders(tmp_path: Path) -> SessionFolders:
    return SessionFolders(tmp_path / "sessions")


def test_a_session_has_a_marked_folder_that_goes_with_it(
    folders: SessionFolders, tmp_path: Path
) -> None:
    folders.make("main")
    folders.make("main")
    path = tmp_path / "sessions" / "session-main"
    assert folders.path("main") == path
    assert path.stat().st_mode & 0o777 == 0o700
    (path / "file").write_text("x")
    folders.remove("main")
    folders.remove("main")
    assert not path.exists()


@pytest.mark.parametrize(
    "session_id",
    ["", ".", "..", "a/b", "../x", "a\\b", "a b", "a\n", "ä", "a\x00", "x" * 248, "%2e%2e"],
)
def test_an_id_never_names_another_place(folders: SessionFolders, session_id: str) -> None:
    for act in (folders.path, folders.make, folders.remove):
        with pytest.raises(InvalidInput):
            act(session_id)


def test_the_longest_id_still_fits(folders: SessionFolders) -> None:
    folders.make("x" * 247)
    assert folders.path("x" * 247).is_dir()


def test_a_folder_that_somebody_else_made_is_left_alone(folders: SessionFolders) -> None:
    foreign = folders.path("old")
    foreign.mkdir(parents=True)
    (foreign / "creds.json").write_text("{}")
    folders.make("old")
    folders.remove("old")
    assert [path.name for path in foreign.iterdir()] == ["creds.json"]


def test_a_file_in_the_place_of_a_folder_is_left_alone(folders: SessionFolders) -> None:
    path = folders.path("file")
    path.parent.mkdir()
    path.write_text("x")
    folders.make("file")
    folders.remove("file")
    assert path.read_text() == "x"


def test_a_link_to_another_place_is_never_followed(folders: SessionFolders, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".waport").touch()
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "session-link").symlink_to(elsewhere)
    folders.make("link")
    folders.remove("link")
    assert [path.name for path in elsewhere.iterdir()] == [".waport"]
    assert (tmp_path / "sessions" / "session-link").is_symlink()


def test_what_a_crash_left_half_made_is_cleared_and_nothing_else(
    folders: SessionFolders, tmp_path: Path
) -> None:
    folders.make("kept")
    root = tmp_path / "sessions"
    (root / ".passing-abc" / "inner").mkdir(parents=True)
    (root / "other").mkdir()
    folders.clear()
    assert sorted(path.name for path in root.iterdir()) == ["other", "session-kept"]


def test_a_link_inside_a_folder_is_removed_but_not_what_it_points_to(
    folders: SessionFolders, tmp_path: Path
) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").touch()
    folders.make("main")
    (folders.path("main") / "link").symlink_to(keep)
    folders.remove("main")
    assert (keep / "file").exists()
