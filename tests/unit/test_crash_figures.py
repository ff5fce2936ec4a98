"""The judge of `make crash`: each promise that is broken is counted as what it is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crash.emulator import Person
from crash.figures import MUST_BE_EMPTY, Figures, Outside, judge, unfinished
from crash.load import Ledger
from crash.receiver import Told

OWN, DEVICE, GROUP = "1555@s.whatsapp.net", "1555:1@s.whatsapp.net", "120363@g.us"
QUIET = "1777@s.whatsapp.net"
TABLES = """
CREATE TABLE messages (id, author, kind, chat);
CREATE TABLE event_log (id);
CREATE TABLE chats (jid, archived);
"""


def told(number: int, kind: str, about: str) -> Told:
    data = {"id": {"id": about}}
    return Told(f"evt_{number}", kind, data, json.dumps(data), {})


@dataclass
class Run:
    """A run in which nothing went wrong: one message came, one left for Alice, one for all."""

    messages: list[tuple[str, str, str, str]] = field(
        default_factory=lambda: [
            ("IN", "1666@s.whatsapp.net", "text", "1666@s.whatsapp.net"),
            ("OUT", "", "text", "1666@s.whatsapp.net"),
            ("ALL", "", "text", GROUP),
            ("NOTICE", "", "stub", GROUP),
        ]
    )
    told: list[Told] = field(
        default_factory=lambda: [
            told(1, "message", "IN"),
            told(2, "message_create", "IN"),
            told(3, "message_create", "OUT"),
            told(4, "message_create", "ALL"),
        ]
    )
    arrivals: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"from": DEVICE, "id": name, "sha256": name} for name in ("OUT", "OUT", "ALL")
        ]
    )
    complaints: list[str] = field(default_factory=list)
    alice: list[str] = field(default_factory=lambda: ["OUT", "ALL"])
    bob: list[str] = field(default_factory=lambda: ["ALL"])
    answered: list[str] = field(default_factory=lambda: ["OUT", "ALL"])
    archived: bool = True

    def judge(self, folder: Path) -> Figures:
        with closing(sqlite3.connect(folder / "waport.db")) as db:
            db.executescript(TABLES)
            db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", self.messages)
            db.executemany("INSERT INTO event_log VALUES (?)", [(n,) for n in range(1, 5)])
            db.execute("INSERT INTO chats VALUES (?, 1)", (QUIET,))
            db.commit()
        people = [self._person("Alice", self.alice), self._person("Bob", self.bob)]
        ledger = Ledger(DEVICE, Person(OWN), people, group=GROUP)
        ledger.written, ledger.answered = ["IN"], self.answered
        ledger.archived = {QUIET: True}
        outside = Outside(self.told, self.arrivals, self.complaints, {QUIET: self.archived})
        return judge(ledger, outside, f"sqlite:///{folder}/waport.db")

    @staticmethod
    def _person(name: str, ids: list[str]) -> Person:
        messages = [{"id": each, "from": OWN, "text": f"out {each}"} for each in ids]
        return Person(f"{name}@s.whatsapp.net", messages)


def test_a_run_in_which_all_went_well_is_clean(tmp_path: Path) -> None:
    figures = Run().judge(tmp_path)
    assert figures.is_clean
    assert (figures.received, figures.sent, figures.notices, figures.repeats) == (1, 2, 1, 1)


def _without(run: Run, name: str) -> None:
    run.messages = [row for row in run.messages if row[0] != name]


def _as_notice(run: Run, name: str) -> None:
    run.messages = [
        (row[0], row[1], "stub", row[3]) if row[0] == name else row for row in run.messages
    ]


Break = Callable[[Run], Any]

BROKEN: dict[str, tuple[str, Break]] = {
    "a message that came is not there": ("lost", lambda run: _without(run, "IN")),
    "a message that was answered for is not there": ("lost", lambda run: _without(run, "OUT")),
    "nobody has what we sent": ("lost", lambda run: run.alice.remove("OUT")),
    "one of the group lacks what we sent": ("lost", lambda run: run.bob.clear()),
    "somebody has what we do not know": ("lost", lambda run: run.bob.append("?")),
    "a message of ours passes for a notice": ("lost", lambda run: _as_notice(run, "ALL")),
    "one that came passes for a notice": ("lost", lambda run: _as_notice(run, "IN")),
    "a notice stands in a private chat": (
        "lost",
        lambda run: run.messages.append(("N", "", "stub", QUIET)),
    ),
    "a placeholder stays": (
        "undecryptable",
        lambda run: run.messages.append(("C", "x", "ciphertext", GROUP)),
    ),
    "a phone could not read": ("undecryptable", lambda run: run.complaints.append("retry 1")),
    "an event of the log was not told": ("events_missing", lambda run: run.told.pop()),
    "a message was told under two ids": (
        "events_doubled",
        lambda run: run.told.append(told(9, "message", "IN")),
    ),
    "one id was told with two contents": (
        "events_doubled",
        lambda run: run.told.append(told(1, "status", "another")),
    ),
    "one id left with two contents": (
        "sends_doubled",
        lambda run: run.arrivals.append({"from": DEVICE, "id": "OUT", "sha256": "else"}),
    ),
    "somebody has read one text twice": ("sends_doubled", lambda run: run.alice.append("OUT")),
    "a chat is archived here alone": (
        "app_state_astray",
        lambda run: setattr(run, "archived", False),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_counted(tmp_path: Path, case: str) -> None:
    kind, break_it = BROKEN[case]
    run = Run()
    break_it(run)
    figures = run.judge(tmp_path)
    assert not figures.is_clean
    assert getattr(figures, kind), figures


def test_what_waits_still_is_counted_by_table(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "waport.db")) as db:
        for name in MUST_BE_EMPTY:
            db.execute(f"CREATE TABLE {name} (id)")
        db.execute("INSERT INTO send_queue VALUES (1)")
        db.commit()
    assert unfinished(f"sqlite:///{tmp_path}/waport.db") == {"send_queue": 1}
