"""The table that a run prints, and the baseline that later runs are read against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        key: its name in the baseline.
        work: what was measured, and per what.
        ours: our figure.
        theirs: that of Baileys; None where it has none.
        target: what the roadmap asks for.
        lower_is_better: times and memory; the ratio is turned round, so that above 1 is good.
    """

    key: str
    work: str
    ours: float
    theirs: float | None = None
    target: str | None = None
    lower_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; None where there is nothing to compare."""
        if not self.theirs or not self.ours:
            return None
        return self.theirs / self.ours if self.lower_is_better else self.ours / self.theirs


def table(figures: Iterable[Figure], baseline: Mapping[str, float]) -> str:
    """The figures as text, one line each; the last column compares with the baseline."""
    head = ("work", "ours", "Baileys", "ratio", "target", "ours before")
    rows = [
        (
            figure.work,
            number(figure.ours),
            "-" if figure.theirs is None else number(figure.theirs),
            "-" if figure.ratio is None else f"{figure.ratio:.2f}x",
            figure.target or "-",
            number(baseline[figure.key]) if figure.key in baseline else "-",
        )
        for figure in figures
    ]
    return _columns([head, *rows])


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def number(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def load_baseline(path: Path = BASELINE) -> dict[str, float]:
    """Our figures of the run that was saved last; none if there was no such run."""
    if not path.exists():
        return {}
    saved = json.loads(path.read_text())
    return {key: float(entry["ours"]) for key, entry in saved["figures"].items()}


def save_baseline(
    figures: Iterable[Figure], about: Mapping[str, object], path: Path = BASELINE
) -> None:
    """Keep figures for later runs; those of an earlier run that were not measured now stay."""
    saved = json.loads(path.read_text())["figures"] if path.exists() else {}
    for figure in figures:
        saved[figure.key] = {
            "work": figure.work,
            "ours": _rounded(figure.ours),
            "baileys": None if figure.theirs is None else _rounded(figure.theirs),
            "ratio": None if figure.ratio is None else round(figure.ratio, 2),
        }
    path.write_text(json.dumps({"about": dict(about), "figures": saved}, indent=2) + "\n")


def _rounded(value: float) -> float:
    return round(value) if value >= 100 else round(value, 2)
