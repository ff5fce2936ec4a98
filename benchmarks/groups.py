"""A message to a large group, from the call to the server's ack: the first one, and the next.

Every member has a phone and one more device. Each round brings a fresh account for either side, and
both send the same: into a group of people whom they have never written to, once more, and then into
a second group of the same people, whose devices are known by then. The members' phones read only
after the ack (see `crowd`).
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .baileys import SCRIPTS, BenchError
from .figures import Figure, number
from .http_tools import call
from .processes import Process
from .servers import LINK_TIMEOUT_S, Emulator

TEXT = "Tomorrow we meet at nine; bring what you have, and tell those who are not here."
GROUPS = 2
CROWD_TIMEOUT_S = 120.0
ARRIVAL_TIMEOUT_S = 30.0
_POLL_S = 0.1
_MODULES = {"PYTHONPATH": str(Path(__file__).parents[1])}

_KINDS = {
    "first": ("first message", ">= 2x"),
    "next": ("next message", ">= 3x"),
    "key": ("first message to known devices", None),
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure.

    Attributes:
        members: of the groups, the sender not counted.
        rounds: fresh accounts for each side.
        messages: that follow the first one, in each round.
    """

    members: int
    rounds: int
    messages: int


@dataclass(slots=True)
class Times:
    """What the messages of one kind took.

    Attributes:
        wall_s: from the call to the ack, each.
        cpu_s: of the sender meanwhile.
        settled_s: of the sender until it rested, its receipts included.
    """

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    settled_s: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Side:
    """One of the two libraries.

    Attributes:
        name: for people, and of its logs.
        command: the process that sends, with its options.
        times: by kind of message.
    """

    name: str
    command: Callable[[Mapping[str, object]], Sequence[str | Path]]
    times: dict[str, Times] = field(default_factory=lambda: {kind: Times() for kind in _KINDS})


class Bench:
    """The emulator with the members, and what the rounds have in common."""

    def __init__(self, emulator: Emulator, members: Sequence[str], messages: int) -> None:
        self._emulator = emulator
        self._members = members
        self._messages = messages

    async def round(self, side: Side, sender: Mapping[str, Any], folder: Path) -> None:
        """Let a fresh account send, and see that everybody could read it.

        Args:
            side: who sends.
            sender: the account and its groups, as `crowd` told them.
            folder: for its state.
        """
        await asyncio.to_thread(folder.mkdir)
        emulator = self._emulator
        options = {
            "url": emulator.ws_url,
            "root_key": emulator.root_key,
            "ca_file": emulator.ca_file,
            "folder": str(folder),
            "groups": sender["groups"],
        }
        settings = {**_MODULES, "NODE_EXTRA_CA_CERTS": emulator.ca_file, "NODE_ENV": "production"}
        process = await Process.start(
            side.name, side.command(options), folder, settings, is_asked=True
        )
        try:
            await self._link(process, sender["jid"])
            group, other = sender["groups"]
            steps = [("first", group), *[("next", group)] * self._messages, ("key", other)]
            sent = [await self._send(process, to, side.times[kind]) for kind, to in steps]
            for member in self._members:
                await self._check_read(member, sent)
        finally:
            await process.stop()

    async def _link(self, process: Process, account: str) -> None:
        """Have the account's phone scan, and wait until the sender rests."""
        said = await process.line(LINK_TIMEOUT_S)
        path = f"/admin/mock-phone/scan-qr?account={account}"
        await call(self._emulator.admin, "POST", path, str(said["qr"]))
        while "ready" not in said:
            said = await process.line(LINK_TIMEOUT_S)
        await self._settle(process)

    async def _settle(self, process: Process) -> None:
        """Everybody has read what there was, and the sender has their receipts."""
        await self._emulator.process.quiet(ARRIVAL_TIMEOUT_S)
        await process.quiet(ARRIVAL_TIMEOUT_S)

    async def _send(self, process: Process, to: str, times: Times) -> str:
        crowd = self._emulator.process
        await crowd.ask({"awake": False})
        before = process.cpu_s()
        took = await process.ask({"to": to, "text": TEXT})
        await crowd.ask({"awake": True})
        await self._settle(process)
        times.wall_s.append(float(took["wall_s"]))
        times.cpu_s.append(float(took["cpu_s"]))
        times.settled_s.append(process.cpu_s() - before)
        return str(took["id"])

    async def _check_read(self, member: str, sent: Sequence[str]) -> None:
        """See that a phone has read all messages.

        Raises:
            BenchError: it has not.
        """
        path = f"/admin/accounts/{member}/messages"
        for _ in range(int(ARRIVAL_TIMEOUT_S / _POLL_S)):
            shown = (await call(self._emulator.admin, "GET", path))["messages"]
            if {message["id"] for message in shown if message.get("text") == TEXT} >= set(sent):
                return
            await asyncio.sleep(_POLL_S)
        raise BenchError(f"member {member} could not read what was sent to the group")


async def measure(node: Path, folder: Path, effort: Effort) -> tuple[Sequence[Figure], str]:
    """All figures of this module, and a remark for those who read them.

    Args:
        node: the executable for the other side.
        folder: for databases, state and logs; on the disk whose speed is meant.
        effort: how much to measure.
    Raises:
        BenchError: a part does not start, a message is refused, or a phone can't read it.
    """
    ours = Side("our sender", _our_command)
    theirs = Side(
        "Baileys sender", lambda options: [node, SCRIPTS / "groups.mjs", json.dumps(options)]
    )
    emulator, said = await _crowd(folder, effort)
    try:
        bench = Bench(emulator, said["members"], effort.messages)
        for place, sender in enumerate(said["senders"]):
            side = (ours, theirs)[place % 2]
            await bench.round(side, sender, folder / f"{side.name} {place // 2}")
    finally:
        await emulator.process.stop()
    return _figures(effort.members, ours, theirs), _remark((ours, theirs))


def _our_command(options: Mapping[str, object]) -> Sequence[str | Path]:
    return [sys.executable, "-m", "benchmarks.group_ours", json.dumps(options)]


async def _crowd(folder: Path, effort: Effort) -> tuple[Emulator, Mapping[str, Any]]:
    options = {"members": effort.members, "senders": 2 * effort.rounds, "groups": GROUPS}
    command = [sys.executable, "-m", "benchmarks.crowd", json.dumps(options)]
    process = await Process.start("emulator", command, folder, _MODULES, is_asked=True)
    try:
        said = await process.line(CROWD_TIMEOUT_S)
    except BaseException:
        await process.stop()
        raise
    return Emulator(process, said), said


def _figures(members: int, ours: Side, theirs: Side) -> Sequence[Figure]:
    figures = []
    for kind, (text, target) in _KINDS.items():
        key, what = f"group-{members}-{kind}", f"group of {members}, {text}"
        mine, other = ours.times[kind], theirs.times[kind]
        figures += [
            _figure(f"{key}-cpu", f"{what}: CPU time, ms", mine.cpu_s, other.cpu_s, target),
            _figure(f"{key}-wall", f"{what}: until the ack, ms", mine.wall_s, other.wall_s),
        ]
    return figures


def _figure(
    key: str,
    work: str,
    ours_s: Sequence[float],
    theirs_s: Sequence[float],
    target: str | None = None,
) -> Figure:
    ours_ms, theirs_ms = 1000 * statistics.median(ours_s), 1000 * statistics.median(theirs_s)
    return Figure(key, work, ours_ms, theirs_ms, target, lower_is_better=True)


def _remark(sides: Sequence[Side]) -> str:
    """What the receipts of so many phones cost the sender afterwards."""
    lines = []
    for side in sides:
        for kind, (text, _) in _KINDS.items():
            settled_ms = number(1000 * statistics.median(side.times[kind].settled_s))
            count = len(side.times[kind].wall_s)
            lines.append(
                f"  {side.name}, {text}: {settled_ms} ms of CPU time with all receipts, "
                f"median of {count}"
            )
    return "\n".join(lines)
