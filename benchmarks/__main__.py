"""The command: `python -m benchmarks [--quick] [--only PART] [--save]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import appstate, frames, groups, history, media, nodes, ratchets, stored, texts
from .baileys import BaileysBench, BenchError, find_node, versions
from .figures import Figure, load_baseline, save_baseline, table
from .timing import compare


@dataclass(frozen=True, slots=True)
class Effort:
    """How much time a run takes.

    Attributes:
        rounds: of each side of a small subject, one to warm up not counted.
        seconds: of CPU time in one round.
        texts: of the measurements end to end.
        groups: of messages to large groups.
        media: of a large file.
        history: of the phone's history.
    """

    rounds: int
    seconds: float
    texts: texts.Effort
    groups: groups.Effort
    media: media.Effort
    history: history.Effort


FULL = Effort(
    rounds=3,
    seconds=0.25,
    texts=texts.Effort(rounds=3, seconds=3.0, warm_s=2.0),
    groups=groups.Effort(members=256, rounds=3, messages=6),
    media=media.Effort(size_mb=200),
    history=history.Effort(chats=500, messages=50_000, chunk=5_000),
)
QUICK = Effort(
    rounds=1,
    seconds=0.12,
    texts=texts.Effort(rounds=1, seconds=1.5, warm_s=0.7),
    groups=groups.Effort(members=32, rounds=1, messages=3),
    media=media.Effort(size_mb=20),
    history=history.Effort(chats=50, messages=5_000, chunk=500),
)


PARTS = ("micro", "e2e", "groups", "media", "history")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and perhaps save; returns the exit code."""
    options = _parser().parse_args(arguments)
    effort = QUICK if options.quick else FULL
    try:
        node = find_node(options.node)
        about = _about(node)
        print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
        figures: list[Figure] = []
        if options.only in (None, "micro"):
            print("\nSingle pieces of work, per second of CPU time", flush=True)
            for figure in _micro(node, effort):
                print(f"  {figure.work}: {figure.ratio:.2f}x", flush=True)
                figures.append(figure)
        for part, title, measure in (
            ("e2e", "Texts end to end", _texts),
            ("groups", "A message to a large group", _groups),
            ("media", "A large file through the server", _media),
            ("history", "The phone's history", _history),
        ):
            if options.only in (None, part):
                print(f"\n{title}", flush=True)
                found, remark = measure(node, effort)
                print(remark, flush=True)
                figures += found
    except (BenchError, OSError) as exc:
        print(f"bench: {exc}", file=sys.stderr)
        return 1
    print("\n" + table(figures, load_baseline()))
    if options.save:
        save_baseline(figures, about)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Figures beside Baileys, from one run on this machine."
    )
    parser.add_argument("--quick", action="store_true", help="rough figures in a minute")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    parser.add_argument(
        "--node", type=Path, metavar="PATH", help="another Node than the pinned one"
    )
    parser.add_argument("--save", action="store_true", help="write benchmarks/baseline.json")
    return parser


def _about(node: Path) -> Mapping[str, object]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        **versions(node),
        "cpus": os.cpu_count(),
    }


def _micro(node: Path, effort: Effort) -> Iterator[Figure]:
    inputs = {
        **ratchets.inputs(),
        **appstate.inputs(),
        "stanzas": nodes.inputs(),
        "frames": frames.SIZES,
    }
    with (
        BaileysBench(node, inputs) as baileys,
        tempfile.TemporaryDirectory(prefix="waport-bench-") as folder,
        stored.subjects(Path(folder)) as stored_subjects,
    ):
        nodes.check(baileys.checks["sizes"])
        for subject in (
            *nodes.subjects(),
            *frames.subjects(),
            *ratchets.subjects(),
            *appstate.subjects(),
            *stored_subjects,
        ):
            yield compare(subject, baileys, rounds=effort.rounds, seconds=effort.seconds)


_Found = tuple[Sequence[Figure], str]
"""Figures, and a remark for those who read them."""


def _texts(node: Path, effort: Effort) -> _Found:
    return _run(lambda folder: texts.measure(node, folder, effort.texts))


def _groups(node: Path, effort: Effort) -> _Found:
    return _run(lambda folder: groups.measure(node, folder, effort.groups))


def _media(_: Path, effort: Effort) -> _Found:
    return _run(lambda folder: media.measure(folder, effort.media))


def _history(node: Path, effort: Effort) -> _Found:
    return _run(lambda folder: history.measure(node, folder, effort.history))


def _run(measure: Callable[[Path], Coroutine[Any, Any, _Found]]) -> _Found:
    with tempfile.TemporaryDirectory(prefix="waport-bench-") as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
