"""The command: `python -m benchmarks [--quick] [--only micro|e2e] [--save]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import frames, nodes, ratchets, stored, texts
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
    """

    rounds: int
    seconds: float
    texts: texts.Effort


FULL = Effort(3, 0.25, texts.Effort(rounds=3, seconds=3.0, warm_s=2.0))
QUICK = Effort(1, 0.12, texts.Effort(rounds=1, seconds=1.5, warm_s=0.7))


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
        if options.only in (None, "e2e"):
            print("\nTexts end to end", flush=True)
            found, remark = _end_to_end(node, effort)
            print(remark)
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
    parser.add_argument("--quick", action="store_true", help="rough figures in half a minute")
    parser.add_argument("--only", choices=("micro", "e2e"), help="one half of it")
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
    inputs = {**ratchets.inputs(), "stanzas": nodes.inputs(), "frames": frames.SIZES}
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
            *stored_subjects,
        ):
            yield compare(subject, baileys, rounds=effort.rounds, seconds=effort.seconds)


def _end_to_end(node: Path, effort: Effort) -> tuple[Sequence[Figure], str]:
    with tempfile.TemporaryDirectory(prefix="waport-bench-") as folder:
        return asyncio.run(texts.measure(node, Path(folder), effort.texts))


if __name__ == "__main__":
    sys.exit(main())
