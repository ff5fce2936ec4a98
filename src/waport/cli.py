"""The command line: argument parsing only."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .admin.commands import add_admin_commands
from .errors import InvalidInput, WhatsAppError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except InvalidInput as exc:
        print(f"waport: {exc}", file=sys.stderr)
        return 2
    except WhatsAppError as exc:
        print(f"waport: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="waport", description="A WhatsApp account for any program: REST, webhooks, WebSocket."
    )
    parser.add_argument("--version", action="version", version=f"waport {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_serve(commands)
    _add_emulator(commands)
    _add_demo(commands)
    add_admin_commands(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve", help="run the server, with the settings of the environment and of .env"
    )
    serve.add_argument("--env-file", type=Path, help="settings file to read instead of .env")
    serve.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    # What is loaded stays: the collector need not look at it again and again while it comes, nor
    # ever after, when that would hold up the event loop for a tenth of a second each time.
    gc.disable()
    # Imported here so that `waport emulator --help` need not load the web server.
    from . import dashboard
    from .api.server import serve
    from .config import Settings

    gc.collect()
    gc.freeze()
    gc.enable()
    settings = Settings.load(arguments.env_file)
    return asyncio.run(serve(settings, pages=dashboard.operations(settings)))


def _add_emulator(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    emulator = commands.add_parser(
        "emulator", help="run WhatsApp's server and people's phones on this machine"
    )
    emulator.add_argument("--host", default="127.0.0.1")
    emulator.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    emulator.add_argument(
        "--state", default=":memory:", help="folder that keeps the state, or :memory:"
    )
    emulator.add_argument("--plain", action="store_true", help="announce the WebSocket without TLS")
    emulator.add_argument(
        "--chatstate-ttl",
        type=float,
        default=3.0,
        metavar="SECONDS",
        help="age at which a chatstate is not delivered any more",
    )
    emulator.add_argument(
        "--group", metavar="NAME", help="every new account is a member of a group of this name"
    )
    emulator.set_defaults(run=_emulator)


def _emulator(arguments: argparse.Namespace) -> int:
    from .emulator.server import EmulatorOptions, run

    options = EmulatorOptions(
        host=arguments.host,
        port=arguments.port,
        state=arguments.state,
        plain=arguments.plain,
        chatstate_ttl=arguments.chatstate_ttl,
        group=arguments.group,
    )
    asyncio.run(run(options))
    return 0


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser(
        "demo", help="emulator, server and a linked account that exchange messages, offline"
    )
    demo.add_argument("--once", action="store_true", help="exit after the round trip")
    demo.add_argument("--port", type=int, default=0, help="of the server; 0 takes a free one")
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run_demo

    return asyncio.run(run_demo(once=arguments.once, port=arguments.port))
