"""The operator's commands: their arguments, and what they print."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import Settings


def add_admin_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add all of them to the command line."""
    _add_keys(commands)
    _add_backup(commands)
    _add_import(commands)


def _settings(arguments: argparse.Namespace) -> Settings:
    # Imported here so that `waport --help` need not load them.
    from ..config import Settings

    return Settings.load(arguments.env_file)


def _with_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env-file", type=Path, help="settings file to read instead of .env")


def _add_keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    keys = commands.add_parser("keys", help="API keys, while the server is stopped")
    actions = keys.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="make a key and print it")
    add.add_argument("name", help="for people")
    add.add_argument("--scope", action="append", required=True, choices=["read", "send", "manage"])
    add.add_argument("--session", action="append", default=[], help="only this one; repeatable")
    add.set_defaults(run=_add_key)
    listing = actions.add_parser("list", help="list the keys")
    listing.set_defaults(run=_list_keys)
    revoke = actions.add_parser("revoke", help="remove a key")
    revoke.add_argument("id")
    revoke.set_defaults(run=_revoke_key)
    for action in (add, listing, revoke):
        _with_settings(action)


def _add_key(arguments: argparse.Namespace) -> int:
    from .keys import add_key

    making = add_key(_settings(arguments), arguments.name, arguments.scope, arguments.session)
    about, secret = asyncio.run(making)
    print(about, file=sys.stderr)
    print(secret)
    return 0


def _list_keys(arguments: argparse.Namespace) -> int:
    from .keys import list_keys

    print("\n".join(asyncio.run(list_keys(_settings(arguments)))))
    return 0


def _revoke_key(arguments: argparse.Namespace) -> int:
    from .keys import revoke_key

    if asyncio.run(revoke_key(_settings(arguments), arguments.id)):
        return 0
    print("waport: no such key", file=sys.stderr)
    return 1


def _add_backup(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    backup = commands.add_parser("backup", help="copy everything on disk; the server may run")
    backup.add_argument("target", type=Path, help="a folder that does not exist yet")
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="put a backup where no data is yet")
    restore.add_argument("source", type=Path, help="a folder that `backup` made")
    restore.set_defaults(run=_restore)
    for action in (backup, restore):
        _with_settings(action)


def _backup(arguments: argparse.Namespace) -> int:
    from .backup import make_backup

    print("\n".join(make_backup(_settings(arguments), arguments.target)))
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from .backup import restore_backup

    print("\n".join(restore_backup(_settings(arguments), arguments.source)))
    return 0


def _add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    importing = commands.add_parser(
        "import", help="take over a device that Baileys has linked, while both are stopped"
    )
    importing.add_argument("folder", type=Path, help="its multi-file auth folder (creds.json)")
    importing.add_argument("--session", required=True, help="the new session's id")
    importing.set_defaults(run=_import)
    _with_settings(importing)


def _import(arguments: argparse.Namespace) -> int:
    from .importing import import_baileys

    taking = import_baileys(_settings(arguments), arguments.folder, arguments.session)
    print("\n".join(asyncio.run(taking)))
    return 0
