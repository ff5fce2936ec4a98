"""`make crash`: kill the server a few hundred times under load, and print what came of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Returns the exit code: 0 when every promise was kept and every point was hit."""
    # Each server that is forked loads this module once more; it shall load nothing along.
    from support.postgres import postgres_server

    from .campaign import Campaign

    parser = argparse.ArgumentParser(prog="crash")
    parser.add_argument("--kills", type=int, default=240)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--keep", type=Path, help="folder for the data, kept afterwards")
    parser.add_argument("--minutes", type=float, help="begin no further kill after so long")
    parser.add_argument("--encrypted", action="store_true", help="with keys encrypted at rest")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.kills} kills", flush=True)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-"))
        kept = Path(folder) if arguments.keep is None else arguments.keep
        kept.mkdir(parents=True, exist_ok=True)
        url = None
        if arguments.postgres:
            url = stack.enter_context(stack.enter_context(postgres_server()).database())
        campaign = Campaign(
            kept,
            arguments.kills,
            arguments.seed,
            minutes=arguments.minutes,
            database_url=url,
            settings={"WAPORT_SECRET_KEY": secrets.token_hex(32)} if arguments.encrypted else {},
            tell=_tell,
        )
        begun = time.monotonic()
        figures = asyncio.run(campaign.run())
    print(f"\n{sum(campaign.hits.values())} kills in {time.monotonic() - begun:.0f} s:")
    for name, count in sorted(campaign.hits.items()):
        print(f"  {name or 'at any moment':20} {count}")
    print("\n".join(figures.lines()))
    if campaign.never_hit:
        print("crash points that were never hit:", ", ".join(campaign.never_hit))
    return 0 if figures.is_clean and not campaign.never_hit else 1


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
