"""What must be true of everything that was sent, received and told once the dying is over."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .load import Ledger
from .receiver import Told

MUST_BE_EMPTY = ("deliveries", "delivery_lanes", "send_queue", "app_state_pending")
"""Tables in which nothing stands once everything is delivered, sent and shared."""


_PROMISES: Final = {
    "messages lost": "lost",
    "undecryptable": "undecryptable",
    "events missing": "events_missing",
    "events doubled without the same id": "events_doubled",
    "sends doubled": "sends_doubled",
    "app state astray": "app_state_astray",
}
"""What is printed of the promises, and where it stands in `Figures`."""


@dataclass
class Figures:
    """The result. What is a list names the offenders, for whoever looks for the reason."""

    received: int
    sent: int
    events: int
    repeats: int
    """Sends that came to the server more than once, as the same bytes."""
    lost: list[str] = field(default_factory=list)
    undecryptable: list[str] = field(default_factory=list)
    events_missing: list[str] = field(default_factory=list)
    events_doubled: list[str] = field(default_factory=list)
    sends_doubled: list[str] = field(default_factory=list)
    app_state_astray: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(getattr(self, name) for name in _PROMISES.values())

    def lines(self) -> list[str]:
        """One line for each figure, and the first offenders behind those that are not 0."""
        lines = [
            f"incoming messages: {self.received}",
            f"outgoing messages: {self.sent}",
            f"events: {self.events}",
            f"sends repeated as the same bytes: {self.repeats}",
        ]
        for label, name in _PROMISES.items():
            found: list[str] = getattr(self, name)
            lines.append(f"{label}: {len(found)}" + (f"   {found[:5]}" if found else ""))
        return lines


def unfinished(path: Path) -> dict[str, int]:
    """How much still has to be delivered, sent or shared; the tables that are not empty."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        counts = {
            table: int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in MUST_BE_EMPTY
        }
    return {table: count for table, count in counts.items() if count}


def judge(
    ledger: Ledger,
    told: Sequence[Told],
    arrivals: Sequence[Mapping[str, Any]],
    path: Path,
) -> Figures:
    """Compare what everybody has; the server is at rest."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        # Notices of groups stand among the messages, but nobody has sent them.
        rows = db.execute(
            "SELECT id, author = '', kind FROM messages WHERE kind <> 'stub'"
        ).fetchall()
        logged = {f"evt_{row[0]}" for row in db.execute("SELECT id FROM event_log")}
        archived = dict(db.execute("SELECT jid, archived FROM chats").fetchall())
    inside = {row[0] for row in rows if not row[1]}
    stored_own = {row[0] for row in rows if row[1]}
    ours = [each for each in arrivals if each["from"] == ledger.device]
    by_id: dict[str, list[str]] = defaultdict(list)
    for each in ours:
        by_id[each["id"]].append(each["sha256"])
    heard = ledger.heard()
    figures = Figures(
        received=len(ledger.written),
        sent=len(stored_own),
        events=len(logged),
        repeats=sum(len(hashes) - 1 for hashes in by_id.values()),
    )
    named = {kind: _ids(told, kind) for kind in ("message", "message_create")}

    figures.lost += [f"in {name}" for name in ledger.written if name not in inside]
    figures.lost += [f"out {name}" for name in sorted(stored_own) if name not in heard]
    figures.lost += [f"answered {name}" for name in ledger.answered if name not in stored_own]

    figures.undecryptable += [row[0] for row in rows if row[2] == "ciphertext"]
    figures.undecryptable += [each.text[:80] for each in told if each.kind == "message_ciphertext"]
    figures.undecryptable += ledger.unread

    figures.events_missing += sorted(logged - {each.webhook_id for each in told})
    for name in ledger.written:
        figures.events_missing += [f"{kind} {name}" for kind in named if name not in named[kind]]
    figures.events_missing += [
        f"message_create {name}" for name in sorted(stored_own - named["message_create"])
    ]

    figures.events_doubled += _doubled(told)

    figures.sends_doubled += [name for name, hashes in by_id.items() if len(set(hashes)) > 1]
    figures.sends_doubled += ledger.doubled()

    for chat, wanted in ledger.archived_in_the_end().items():
        figures.app_state_astray += [f"{chat} here"] if archived.get(chat) != wanted else []
        figures.app_state_astray += (
            [f"{chat} phone"] if ledger.archived_on_phone(chat) != wanted else []
        )
    return figures


def _ids(told: Sequence[Told], kind: str) -> set[str]:
    return {each.data["id"]["id"] for each in told if each.kind == kind}


def _doubled(told: Sequence[Told]) -> list[str]:
    """Events about one thing that came under different ids, or others under one id."""
    ids: dict[tuple[str, ...], set[str]] = defaultdict(set)
    texts: dict[str, set[str]] = defaultdict(set)
    for each in told:
        texts[each.webhook_id].add(each.text)
        if each.kind in ("message", "message_create"):
            ids[each.kind, each.data["id"]["id"]].add(each.webhook_id)
        elif each.kind == "message_ack" and "participant" not in each.data:
            about = each.data["message"]["id"]["id"], str(each.data["ack"])
            ids[each.kind, *about].add(each.webhook_id)
    return [
        *("/".join(about) for about, found in ids.items() if len(found) > 1),
        *(name for name, found in texts.items() if len(found) > 1),
    ]
