"""The phone's whole history, taken in by us and by Baileys: time, memory, live messages meanwhile.

Both are companions of one account, one after the other, and get the very same pieces. We store
everything on the disk before the phone is told; Baileys tells its user, who would have to store it.
In the end the chats, their order, what is unread in them and people's names are compared.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .baileys import SCRIPTS, BenchError
from .figures import Figure, number
from .http_tools import call
from .processes import Process
from .servers import LINK_TIMEOUT_S, Emulator

TIMEOUT_S = 300.0
LIVE_GAP_S = 0.15
IDLE = 10
_MODULES = {"PYTHONPATH": str(Path(__file__).parents[1])}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure.

    Attributes:
        chats, messages: of the history.
        chunk: messages in one piece of it.
    """

    chats: int
    messages: int
    chunk: int


@dataclass(slots=True)
class Taken:
    """What one side made of a history.

    Attributes:
        wall_s: from the first piece of recent history to the last.
        cpu_s: of its process, from the notice of the first piece on.
        grown_mb: how far its memory rose above what it was.
        idle_ms: live messages from the phone's send to the event, before the history.
        live_ms: the same while it was taken in.
        told: its chats and people.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    grown_mb: float = 0.0
    idle_ms: list[float] = field(default_factory=list)
    live_ms: list[float] = field(default_factory=list)
    told: Mapping[str, Any] = field(default_factory=dict)


class Side:
    """One of the two libraries in a process of its own, and what it says."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._said: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._live: dict[str, asyncio.Future[float]] = {}
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            said = await self.process.line(TIMEOUT_S)
            if "live" in said:
                waiting = self._live.pop(str(said["live"]), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(time.perf_counter())
            else:
                self._said.put_nowait(said)

    async def until(self, name: str, value: object | None = None) -> Any:
        """Wait until it says something under a name, or that value under it.

        Raises:
            BenchError: it does not in time.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    getting = asyncio.ensure_future(self._said.get())
                    await asyncio.wait(
                        [getting, self._reading], return_when=asyncio.FIRST_COMPLETED
                    )
                    if not getting.done():
                        getting.cancel()
                        await self._reading  # says why it ended
                    said = getting.result()
                    if name in said and value in (None, said[name]):
                        return said[name]
        except TimeoutError:
            raise self.process.failure(f"did not say {name}") from None

    async def ask(self) -> Mapping[str, Any]:
        """Its chats and people."""
        self.process.tell({})
        while True:
            said = await self._said.get()
            if "chats" in said:
                return said

    def expect(self, text: str) -> asyncio.Future[float]:
        """When it will have told a live message with that text."""
        self._live[text] = asyncio.get_running_loop().create_future()
        return self._live[text]

    async def stop(self) -> None:
        """End it."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.process.stop()


async def measure(node: Path, folder: Path, effort: Effort) -> tuple[Sequence[Figure], str]:
    """All figures of this module, and a remark for those who read them.

    Args:
        node: the executable.
        folder: for databases, state and logs; on the disk whose speed is meant.
        effort: how much to measure.
    Raises:
        BenchError: a part does not start, or both do not end with the same chats.
    """
    async with AsyncExitStack() as stack:
        emulator = await Emulator.start(folder)
        stack.push_async_callback(emulator.process.stop)
        account = await emulator.account("15570000001", "Owner")
        friend = await emulator.account("15570000002", "Friend")
        now = int(time.time())
        ours, theirs = [
            await _take(emulator, account, friend, device, command, folder, effort, now)
            for device, command in enumerate(
                (
                    [sys.executable, "-m", "benchmarks.history_ours"],
                    [node, SCRIPTS / "history.mjs"],
                ),
                1,
            )
        ]
        path = f"/admin/accounts/{account['phone']}/history"
        phone = await call(emulator.admin, "GET", path)
        stored = _stored(folder / "device1" / "ours.db")
    difference = _difference(ours.told, theirs.told, phone)
    if difference:
        raise BenchError(f"the two histories are not the same: {difference}")
    if stored != effort.messages or theirs.told["messages"] < effort.messages:
        raise BenchError(f"{stored} messages are stored, of {effort.messages}")
    size = f"{effort.chats} chats, {effort.messages:,} messages"
    remark = (
        f"  {size}: equal chats, order, unread counts and names on both sides\n"
        f"  live messages meanwhile, ms: ours {_spread(ours.live_ms)}, "
        f"before {_spread(ours.idle_ms)}; "
        f"Baileys {_spread(theirs.live_ms)}, before {_spread(theirs.idle_ms)}"
    )
    figures = [
        _figure("history-wall", f"history of {size}, s", ours.wall_s, theirs.wall_s),
        _figure("history-cpu", "the same, CPU s", ours.cpu_s, theirs.cpu_s),
        _figure("history-memory", "the same, MB above rest", ours.grown_mb, theirs.grown_mb),
        _figure(
            "history-live",
            "slowest live message meanwhile, ms",
            max(ours.live_ms),
            max(theirs.live_ms),
        ),
    ]
    return figures, remark


async def _take(
    emulator: Emulator,
    account: Mapping[str, Any],
    friend: Mapping[str, Any],
    device: int,
    command: Sequence[str | Path],
    folder: Path,
    effort: Effort,
    now: int,
) -> Taken:
    """Link one side, send it the history, and see what it makes of it."""
    own = folder / f"device{device}"
    await asyncio.to_thread(own.mkdir)
    options = {
        "url": emulator.ws_url,
        "root_key": emulator.root_key,
        "ca_file": emulator.ca_file,
        "folder": str(own),
    }
    settings = {**_MODULES, "NODE_EXTRA_CA_CERTS": emulator.ca_file, "NODE_ENV": "production"}
    process = await Process.start(
        f"side {device}", [*command, json.dumps(options)], own, settings, is_asked=True
    )
    side = Side(process)
    taken = Taken()
    try:
        async with asyncio.timeout(LINK_TIMEOUT_S):
            text = await side.until("qr")
            jid = account["phone"]
            await call(emulator.admin, "POST", f"/admin/mock-phone/scan-qr?account={jid}", text)
            await side.until("ready")
        await process.quiet()
        for place in range(IDLE):
            taken.idle_ms.append(await _live(emulator, friend, account, side, f"idle {place}"))
        await process.quiet()
        before_mb, cpu = process.reset_peak(), process.cpu_s()
        body = {
            "chats": effort.chats,
            "messages": effort.messages,
            "chunk": effort.chunk,
            "device": device,
            "now": now,
        }
        path = f"/admin/accounts/{jid}/history"
        sending = asyncio.create_task(call(emulator.admin, "POST", path, body))
        await side.until("percent")
        began = time.perf_counter()
        came = asyncio.Event()
        living = asyncio.create_task(_keep_writing(emulator, friend, account, side, taken, came))
        await side.until("percent", 100)
        taken.wall_s = time.perf_counter() - began
        taken.cpu_s = process.cpu_s() - cpu
        taken.grown_mb = process.peak_mb() - before_mb
        # One at least was sent meanwhile; where the history was quick it is told only now.
        first = asyncio.create_task(came.wait())
        await asyncio.wait([living, first], return_when=asyncio.FIRST_COMPLETED)
        for task in (living, first):
            task.cancel()
        await asyncio.gather(living, first, return_exceptions=True)
        await sending
        await process.quiet()
        taken.told = await side.ask()
    finally:
        await side.stop()
    if not taken.live_ms:
        raise BenchError("no live message came")
    return taken


async def _keep_writing(
    emulator: Emulator,
    friend: Mapping[str, Any],
    account: Mapping[str, Any],
    side: Side,
    taken: Taken,
    came: asyncio.Event,
) -> None:
    place = 0
    while True:
        place += 1
        taken.live_ms.append(await _live(emulator, friend, account, side, f"live {place}"))
        came.set()
        await asyncio.sleep(LIVE_GAP_S)


async def _live(
    emulator: Emulator,
    friend: Mapping[str, Any],
    account: Mapping[str, Any],
    side: Side,
    text: str,
) -> float:
    """A friend writes; milliseconds until the account's device tells of it."""
    told = side.expect(text)
    began = time.perf_counter()
    body = {"to": account["jid"], "text": text}
    await call(emulator.admin, "POST", f"/admin/accounts/{friend['phone']}/send", body)
    async with asyncio.timeout(TIMEOUT_S):
        return (await told - began) * 1000


def _stored(path: Path) -> int:
    """The messages of the history in our database: all but the live ones."""
    with sqlite3.connect(path) as database:
        question = "SELECT count(*) FROM messages WHERE sender != ? AND chat != 'status@broadcast'"
        (count,) = database.execute(question, ("15570000002@s.whatsapp.net",)).fetchone()
    return int(count)


def _difference(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], phone: Mapping[str, Any]
) -> str:
    """What is not the same in both; empty when everything is."""
    numbers = {person["lid"]: person["jid"] for person in phone["people"]}
    old = {numbers.get(chat["jid"], chat["jid"]) for chat in phone["chats"]}
    their_chats = sorted(
        ([numbers.get(chat[0], chat[0]), *chat[1:]] for chat in theirs["chats"]),
        key=lambda chat: -chat[2],
    )
    their_chats = [_named(chat) for chat in their_chats if chat[0] in old]
    our_chats = [_named(chat) for chat in ours["chats"] if chat[0] in old]
    if len(our_chats) != len(phone["chats"]):
        return f"{len(our_chats)} chats of {len(phone['chats'])}"
    for our, their in zip(our_chats, their_chats, strict=True):
        if our != their:
            return f"chat {our} and {their}"
    for jid, name in theirs["people"].items():
        known = ours["people"].get(numbers.get(jid, jid))
        if name and not jid.endswith("@g.us") and known != name:
            return f"person {name} and {known}"
    return ""


def _named(chat: Sequence[Any]) -> list[Any]:
    """A chat with the name of its group; people's names are compared by themselves."""
    jid, unread, at, name = chat
    return [jid, unread, at, name if str(jid).endswith("@g.us") else ""]


def _figure(key: str, work: str, ours: float, theirs: float) -> Figure:
    return Figure(key, work, ours, theirs, lower_is_better=True)


def _spread(values: Sequence[float]) -> str:
    return f"{number(statistics.median(values))} (at most {number(max(values))})"
