"""Measures work in CPU time, both sides in turn, so that a busy machine skews neither.

The Node side (`node/micro.mjs`) follows the same plan with the same names.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from .baileys import BaileysBench
from .figures import Figure

Run = Callable[[], object]
Prepare = Callable[[int], Run]
"""Makes fresh inputs for so many operations; the function it returns does them and is timed."""

MAX_BATCH = 4096
"""Operations that are prepared at a time."""

_BATCHES = 8  # that a round is cut into, about


@dataclass(frozen=True, slots=True)
class Subject:
    """One piece of work that both sides can do.

    Attributes:
        key: its name in the baseline, and on the Node side.
        work: what the table calls it.
        prepare: our side of it.
        target: the ratio to be reached, from the roadmap; None where it sets none.
    """

    key: str
    work: str
    prepare: Prepare
    target: float | None = None


def repeating(operation: Callable[[], object]) -> Prepare:
    """Work that takes the same input every time."""

    def prepare(count: int) -> Run:
        def run() -> None:
            for _ in range(count):
                operation()

        return run

    return prepare


def measure(prepare: Prepare, seconds: float) -> float:
    """Operations in a second of this process's CPU time, all its threads counted.

    Args:
        prepare: the work.
        seconds: how much CPU time to spend on it, preparations not counted.
    """
    batch, operations, spent = 1, 0, 0.0
    while spent < seconds:
        run = prepare(batch)
        before = time.process_time()
        run()
        took = time.process_time() - before
        operations += batch
        spent += took
        if took < seconds / _BATCHES:
            batch = min(2 * batch, MAX_BATCH)
    return operations / spent


def compare(subject: Subject, baileys: BaileysBench, *, rounds: int, seconds: float) -> Figure:
    """Measure one subject on both sides, alternating; the medians count.

    The first round of each side only warms up: compilers, caches, key schedules.
    """
    ours, theirs = [], []
    for number in range(rounds + 1):
        our_rate = measure(subject.prepare, seconds)
        their_rate = baileys.measure(subject.key, seconds)
        if number:
            ours.append(our_rate)
            theirs.append(their_rate)
    return Figure(
        key=subject.key,
        work=subject.work,
        ours=statistics.median(ours),
        theirs=statistics.median(theirs),
        target=None if subject.target is None else f"{subject.target:g}x",
    )
