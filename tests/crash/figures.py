"""What must be true of everything that was sent, received and told once the dying is over."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from waport.store.backend import sqlite_file

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
    notices: int
    """Notes in the group's chat, such as that it was made: they stand among the messages."""
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
            f"notices in chats, sent by nobody: {self.notices}",
            f"events: {self.events}",
            f"sends repeated as the same bytes: {self.repeats}",
        ]
        for label, name in _PROMISES.items():
            found: list[str] = getattr(self, name)
            lines.append(f"{label}: {len(found)}" + (f"   {found[:5]}" if found else ""))
        return lines


@dataclass(frozen=True, slots=True)
class Outside:
    """What those outside the server have in the end.

    Attributes:
        told: events that the receiver took.
        arrivals: message stanzas as the emulator got them.
        complaints: of phones that could not read a message.
        archived: of each chat, what the owner's phone knows.
    """

    told: Sequence[Told]
    arrivals: Sequence[Mapping[str, Any]]
    complaints: Sequence[str]
    archived: Mapping[str, bool]


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Read from the server's database, past all of its code."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(f"file:{sqlite_file(url)}?mode=ro", uri=True)) as db:
            return db.execute(statement).fetchall()
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def unfinished(url: str) -> dict[str, int]:
    """How much still has to be delivered, sent or shared; the tables that are not empty."""
    counts = {name: ask(url, f"SELECT count(*) FROM {name}")[0][0] for name in MUST_BE_EMPTY}
    return {table: count for table, count in counts.items() if count}


def judge(ledger: Ledger, outside: Outside, url: str) -> Figures:
    """Compare what everybody has; the server is at rest."""
    told, arrivals = outside.told, outside.arrivals
    everything = ask(url, "SELECT id, author = '', kind, chat FROM messages")
    # Notices of groups stand among the messages, but nobody has sent them.
    rows = [row for row in everything if row[2] != "stub"]
    notices = [row for row in everything if row[2] == "stub"]
    logged = {f"evt_{row[0]}" for row in ask(url, "SELECT id FROM event_log")}
    archived = {row[0]: bool(row[1]) for row in ask(url, "SELECT jid, archived FROM chats")}
    inside = {row[0] for row in rows if not row[1]}
    stored_own = {row[0] for row in rows if row[1]}
    ours = [each for each in arrivals if each["from"] == ledger.device]
    by_id: dict[str, list[str]] = defaultdict(list)
    for each in ours:
        by_id[each["id"]].append(each["sha256"])
    heard = [{message["id"] for message in person.messages} for person in ledger.people]
    figures = Figures(
        received=len(ledger.written),
        sent=len(stored_own),
        notices=len(notices),
        events=len(logged),
        repeats=sum(len(hashes) - 1 for hashes in by_id.values()),
    )
    named = {kind: _ids(told, kind) for kind in ("message", "message_create")}

    figures.lost += [f"in {name}" for name in ledger.written if name not in inside]
    for name, is_own, _, chat in rows:
        # One person has what went to one; what went to the group has everybody.
        readers = sum(name in each for each in heard)
        if is_own and readers < (len(heard) if chat == ledger.group else 1):
            figures.lost.append(f"out {name}")
    figures.lost += [f"answered {name}" for name in ledger.answered if name not in stored_own]
    # Whoever calls a message a notice would hide its loss: a notice was sent by nobody, and stands
    # in the group alone.
    sent = {*ledger.written, *ledger.answered, *by_id}
    figures.lost += [
        f"as a notice {row[0]}" for row in notices if row[0] in sent or row[3] != ledger.group
    ]
    figures.lost += [
        f"never kept {message['id']}"
        for person in ledger.people
        for message in person.messages
        if message["from"] == ledger.owner.jid and message["id"] not in stored_own
    ]

    figures.undecryptable += [row[0] for row in rows if row[2] == "ciphertext"]
    figures.undecryptable += [each.text[:80] for each in told if each.kind == "message_ciphertext"]
    figures.undecryptable += outside.complaints

    figures.events_missing += sorted(logged - {each.webhook_id for each in told})
    for name in ledger.written:
        figures.events_missing += [f"{kind} {name}" for kind in named if name not in named[kind]]
    figures.events_missing += [
        f"message_create {name}" for name in sorted(stored_own - named["message_create"])
    ]

    figures.events_doubled += _doubled(told)

    figures.sends_doubled += [name for name, hashes in by_id.items() if len(set(hashes)) > 1]
    for person in ledger.people:
        texts = Counter(message["text"] for message in person.messages)
        figures.sends_doubled += [text for text, count in texts.items() if text and count > 1]

    for chat, wanted in ledger.archived.items():
        for place, there in (("here", archived), ("phone", outside.archived)):
            figures.app_state_astray += [f"{chat} {place}"] if there.get(chat) != wanted else []
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
