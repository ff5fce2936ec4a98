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
from contextlib import AsyncExitStack
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
    "first": ("first message, nobody known", ">= 2x"),
    "key": ("first message, devices known", None),
    "next": ("next message", ">= 3x"),
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
    async with AsyncExitStack() as stack:
        emulator, said = await _crowd(folder, effort)
        stack.push_async_callback(emulator.process.stop)
        for number_of_round in range(effort.rounds):
            for place, side in enumerate((ours, theirs)):
                sender = said["senders"][2 * number_of_round + place]
                own = folder / f"{side.name} {number_of_round}"
                own.mkdir()
                await _round(emulator, side, sender, said["members"], own, effort.messages)
    size = f"group of {effort.members}"
    return _figures(size, ours, theirs), _remark((ours, theirs))


def _our_command(options: Mapping[str, object]) -> Sequence[str | Path]:
    return [sys.executable, "-m", "benchmarks.group_ours", json.dumps(options)]


async def _crowd(folder: Path, effort: Effort) -> tuple[Emulator, Mapping[str, Any]]:
    options = {"members": effort.members, "senders": 2 * effort.rounds, "groups": GROUPS}
    command = [sys.executable, "-m", "benchmarks.crowd", json.dumps(options)]
    process = await Process.start("emulator", command, folder, _MODULES, is_asked=True)
    said = await process.line(CROWD_TIMEOUT_S)
    return Emulator(process, said), said


async def _round(
    emulator: Emulator,
    side: Side,
    sender: Mapping[str, Any],
    members: Sequence[str],
    folder: Path,
    messages: int,
) -> None:
    """Let a fresh account send, and see that everybody could read it."""
    options = {
        "url": emulator.ws_url,
        "root_key": emulator.root_key,
        "ca_file": emulator.ca_file,
        "folder": str(folder),
        "groups": sender["groups"],
    }
    settings = {**_MODULES, "NODE_EXTRA_CA_CERTS": emulator.ca_file, "NODE_ENV": "production"}
    process = await Process.start(side.name, side.command(options), folder, settings, is_asked=True)
    try:
        await _link(process, emulator, sender["jid"])
        group, other = sender["groups"]
        kinds = ["first", *("next" for _ in range(messages)), "key"]
        sent = []
        for kind in kinds:
            to = other if kind == "key" else group
            sent.append((to, await _send(process, emulator, to, side.times[kind])))
        for member in members:
            await _check_read(emulator, member, sent)
    finally:
        await process.stop()


async def _link(process: Process, emulator: Emulator, account: str) -> None:
    """Have the account's phone scan, and wait until the sender rests."""
    said = await process.line(LINK_TIMEOUT_S)
    path = f"/admin/mock-phone/scan-qr?account={account}"
    await call(emulator.admin, "POST", path, str(said["qr"]))
    while "ready" not in said:
        said = await process.line(LINK_TIMEOUT_S)
    await _settle(process, emulator)


async def _settle(process: Process, emulator: Emulator) -> None:
    """Everybody has read what there was, and the sender has their receipts."""
    await emulator.process.quiet(ARRIVAL_TIMEOUT_S)
    await process.quiet(ARRIVAL_TIMEOUT_S)


async def _send(process: Process, emulator: Emulator, to: str, times: Times) -> str:
    await emulator.process.ask({"awake": False})
    before = process.cpu_s()
    took = await process.ask({"to": to, "text": TEXT})
    await emulator.process.ask({"awake": True})
    await _settle(process, emulator)
    times.wall_s.append(float(took["wall_s"]))
    times.cpu_s.append(float(took["cpu_s"]))
    times.settled_s.append(process.cpu_s() - before)
    return str(took["id"])


async def _check_read(emulator: Emulator, member: str, sent: Sequence[tuple[str, str]]) -> None:
    """See that a phone has read all messages.

    Raises:
        BenchError: it has not.
    """
    for _ in range(int(ARRIVAL_TIMEOUT_S / _POLL_S)):
        path = f"/admin/accounts/{member}/messages"
        shown = (await call(emulator.admin, "GET", path))["messages"]
        read = {message["id"] for message in shown if message.get("text") == TEXT}
        if all(message_id in read for _, message_id in sent):
            return
        await asyncio.sleep(_POLL_S)
    raise BenchError(f"member {member} could not read what was sent to the group")


def _figures(size: str, ours: Side, theirs: Side) -> Sequence[Figure]:
    figures = []
    for kind, (text, target) in _KINDS.items():
        mine, other = ours.times[kind], theirs.times[kind]
        for what, measured, their_measured, wanted in (
            ("ms until the ack", mine.wall_s, other.wall_s, None),
            ("ms of the sender's CPU time", mine.cpu_s, other.cpu_s, target),
        ):
            short = "wall" if wanted is None and "ack" in what else "cpu"
            figures.append(
                Figure(
                    f"group-{kind}-{short}",
                    f"{size}, {text}: {what}",
                    1000 * statistics.median(measured),
                    1000 * statistics.median(their_measured),
                    wanted,
                    lower_is_better=True,
                )
            )
    return figures


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
