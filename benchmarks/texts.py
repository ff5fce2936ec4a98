"""Texts end to end: REST in until WhatsApp's ack, and from a phone to the webhook.

Both servers are linked to accounts of one emulator and get the same load in turn. The emulator, the
load and the receiver share the machine's processors with the server under test, so what is compared
is the CPU time of the server for each message; the rate beside it is that of the whole bench.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from .figures import Figure, number
from .http_tools import Receiver, call, load, request
from .servers import BaileysServer, Emulator, OurServer, ServerUnderTest, link

CONTACTS = 16
SENDERS = 32
"""Requests to the server at a time."""

PHONES = 16
"""Phones that write at a time; each waits for the server's ack before its next text."""

ARRIVAL_TIMEOUT_S = 30.0
TEXT = "The quick brown fox jumps over the lazy dog; answer when you have a minute."


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: for each server and direction.
        seconds: of load in one round.
        warm_s: of load before, which does not count.
    """

    rounds: int
    seconds: float
    warm_s: float


@dataclass(slots=True)
class Totals:
    """What came of all rounds of one server in one direction.

    Attributes:
        messages: how many.
        wall_s: how long that took.
        cpu_s: of the server.
        emulator_cpu_s: of the emulator meanwhile.
        latencies: of each message, seconds.
    """

    messages: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    emulator_cpu_s: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def quantile_ms(self, share: float) -> float:
        """The latency that this share of the messages kept to."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(math.ceil(share * len(ordered)), len(ordered)) - 1]


@dataclass(slots=True)
class Side:
    """A linked server with its webhook receiver and its figures.

    Attributes:
        account: the account that the server is linked to, by phone number.
        lid: the same account's hidden id; where the contacts' phones write to.
        written: number of an incoming text -> when its phone was told to write it.
    """

    server: ServerUnderTest
    receiver: Receiver
    account: str
    lid: str
    written: dict[int, float] = field(default_factory=dict)
    sends: Totals = field(default_factory=Totals)
    arrivals: Totals = field(default_factory=Totals)


class Bench:
    """One emulator, its contacts and both servers."""

    def __init__(self, emulator: Emulator, contacts: Sequence[str], sides: Sequence[Side]) -> None:
        self._emulator = emulator
        self._contacts = contacts
        self._sides = sides

    async def run(self, effort: Effort) -> None:
        """Warm up, then measure in turn."""
        for side in self._sides:
            await self._meet(side)
            await self._send(side, effort.warm_s)
            await self._receive(side, effort.warm_s)
            side.sends, side.arrivals = Totals(), Totals()
        for _ in range(effort.rounds):
            for side in self._sides:
                await self._send(side, effort.seconds)
        for _ in range(effort.rounds):
            for side in self._sides:
                await self._receive(side, effort.seconds)

    async def _meet(self, side: Side) -> None:
        """Everybody writes and is written to, the account's own phone too.

        From then on all Signal sessions are established, in both directions.
        """
        for _ in range(2):
            await self._write(side, itertools.islice(self._incoming(side), CONTACTS))
            outgoing = itertools.islice(self._outgoing(side), CONTACTS)
            await load(side.server.endpoint, outgoing, connections=1, seconds=ARRIVAL_TIMEOUT_S)
            body = {"to": self._contacts[0], "text": TEXT}
            path = f"/admin/accounts/{side.account}/send"
            await call(self._emulator.admin, "POST", path, body)

    async def _write(self, side: Side, requests: Iterator[bytes], seconds: float = 60.0) -> None:
        await load(self._emulator.admin, requests, connections=PHONES, seconds=seconds)
        await side.receiver.wait_for(len(side.written), ARRIVAL_TIMEOUT_S)

    async def _send(self, side: Side, seconds: float) -> None:
        """REST in until the ack, as many as go through."""
        totals = side.sends
        cpu_s, emulator_cpu_s = self._cpu(side)
        began = time.perf_counter()
        took = await load(
            side.server.endpoint, self._outgoing(side), connections=SENDERS, seconds=seconds
        )
        totals.wall_s += time.perf_counter() - began
        totals.messages += len(took)
        totals.latencies += took
        await self._charge(side, totals, cpu_s, emulator_cpu_s)

    async def _receive(self, side: Side, seconds: float) -> None:
        """From the phones to the webhook, as many as come."""
        totals = side.arrivals
        first = len(side.written)
        cpu_s, emulator_cpu_s = self._cpu(side)
        await self._write(side, self._incoming(side), seconds)
        arrivals = [side.receiver.arrivals[text] for text in range(first, len(side.written))]
        totals.wall_s += max(arrivals) - min(arrivals)
        totals.messages += len(arrivals)
        totals.latencies += [
            arrived - side.written[text] for text, arrived in enumerate(arrivals, start=first)
        ]
        await self._charge(side, totals, cpu_s, emulator_cpu_s)

    def _cpu(self, side: Side) -> tuple[float, float]:
        return side.server.process.cpu_s(), self._emulator.process.cpu_s()

    async def _charge(
        self, side: Side, totals: Totals, cpu_s: float, emulator_cpu_s: float
    ) -> None:
        """Receipts come after the ack; their work belongs to the messages too."""
        await side.server.process.quiet()
        await self._emulator.process.quiet()
        server_now, emulator_now = self._cpu(side)
        totals.cpu_s += server_now - cpu_s
        totals.emulator_cpu_s += emulator_now - emulator_cpu_s

    def _outgoing(self, side: Side) -> Iterator[bytes]:
        for contact in itertools.cycle(self._contacts):
            yield side.server.send_request(contact, TEXT)

    def _incoming(self, side: Side) -> Iterator[bytes]:
        for contact in itertools.cycle(self._contacts):
            text = len(side.written)
            body = {"to": side.lid, "text": f"in-{text}. {TEXT}"}
            side.written[text] = time.perf_counter()
            yield request("POST", f"/admin/accounts/{contact}/send", body)


async def measure(node: Path, folder: Path, effort: Effort) -> tuple[Sequence[Figure], str]:
    """All figures of this module, and a remark for those who read them.

    Args:
        node: the executable for the other side.
        folder: for databases, state and logs; on the disk whose speed is meant.
        effort: how long to measure.
    Raises:
        BenchError: a part does not start, or messages get lost.
    """
    async with AsyncExitStack() as stack:
        emulator = await Emulator.start(folder)
        stack.push_async_callback(emulator.process.stop)
        contacts = [
            str((await emulator.account(f"1555000{place:04}", f"Contact {place}"))["jid"])
            for place in range(CONTACTS)
        ]

        own, own_lid = await _account(emulator, 1)
        receiver = await stack.enter_async_context(Receiver())
        ours = await OurServer.start(emulator, folder, receiver.url)
        stack.push_async_callback(ours.process.stop)
        idle_mb = ours.process.memory_mb()
        await ours.begin()
        await link(ours, emulator, own)
        our_side = Side(ours, receiver, own, own_lid)

        other, other_lid = await _account(emulator, 2)
        receiver = await stack.enter_async_context(Receiver())
        theirs = await BaileysServer.start(node, emulator, folder, receiver.url)
        stack.push_async_callback(theirs.process.stop)
        await link(theirs, emulator, other)
        their_side = Side(theirs, receiver, other, other_lid)

        await Bench(emulator, contacts, (our_side, their_side)).run(effort)
        figures = [
            *_direction("sends", "REST text, sent and acked", our_side.sends, their_side.sends),
            *_direction(
                "arrivals", "incoming text, at webhook", our_side.arrivals, their_side.arrivals
            ),
            Figure(
                "start",
                "first start to listening, s",
                ours.startup_s,
                theirs.startup_s,
                "<= 0.7",
                lower_is_better=True,
            ),
            Figure(
                "memory-idle",
                "memory, no session, MB",
                idle_mb,
                None,
                "<= 85",
                lower_is_better=True,
            ),
            Figure(
                "memory-loaded",
                "memory after the load, one session, MB",
                ours.process.memory_mb(),
                theirs.process.memory_mb(),
                lower_is_better=True,
            ),
        ]
        return figures, _remark(our_side, their_side)


async def _account(emulator: Emulator, place: int) -> tuple[str, str]:
    account = await emulator.account(f"1555100{place:04}", f"Bench {place}")
    return str(account["jid"]), str(account["lid"])


def _direction(key: str, what: str, ours: Totals, theirs: Totals) -> Sequence[Figure]:
    target = ">= 600, 3x" if key == "sends" else ">= 600"
    return [
        Figure(
            f"{key}-per-core",
            f"{what}: per second of the server's CPU time",
            ours.messages / ours.cpu_s,
            theirs.messages / theirs.cpu_s,
            target,
        ),
        Figure(
            f"{key}-rate",
            f"{what}: per second, all on this machine",
            ours.messages / ours.wall_s,
            theirs.messages / theirs.wall_s,
        ),
        *(
            Figure(
                f"{key}-p{share:.0%}".rstrip("%"),
                f"{what}: p{share:.0%}".rstrip("%") + ", ms",
                ours.quantile_ms(share),
                theirs.quantile_ms(share),
                lower_is_better=True,
            )
            for share in (0.5, 0.99)
        ),
    ]


def _remark(ours: Side, theirs: Side) -> str:
    """How much of the machine the emulator took, for each message."""
    lines = []
    for name, totals in (
        ("sent, ours", ours.sends),
        ("sent, Baileys", theirs.sends),
        ("received, ours", ours.arrivals),
        ("received, Baileys", theirs.arrivals),
    ):
        server_ms = number(1000 * totals.cpu_s / totals.messages)
        emulator_ms = number(1000 * totals.emulator_cpu_s / totals.messages)
        lines.append(
            f"  {name}: {server_ms} ms of the server's CPU time and {emulator_ms} ms of the "
            f"emulator's for each of {totals.messages} messages"
        )
    return "\n".join(lines)
