"""Kills the server again and again under load, lets it finish its work, and looks what is true."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from waport.crashpoints import POINTS

from .emulator import EmulatorProcess, emulator_process
from .figures import Figures, Outside, judge, unfinished
from .load import COLLECTION, SESSION, Ledger, Load
from .patience import QUIET_S, Patience
from .receiver import Receiver, receiver
from .server import MortalServer, mortal_server

LIFE_S = 2.0
"""The longest life of a server that is killed at any moment."""
MAX_BEHIND = 400
"""People write nothing more while so many messages were not told."""
MAX_PASSES = 30
"""A point kills at one of its first so many passes in a life."""
_FEW_PASSES = {
    "send.resuming": 1,
    "send.resumed": 1,
    "webhook.put_off": 2,
    "app_state.kept": 2,
    "app_state.answered": 2,
    "app_state.uploaded": 2,
    "app_state.patched": 2,
}
"""Points that a life passes seldom; the first two belong to a login, and a life has but one."""
_LOOK_S = 0.2


class Campaign:
    """One run.

    Args:
        folder: for the server's data.
        kills: how often to kill it. Every point is visited before one is visited again, and
            between the visits to all of them there are as many kills at any moment.
        seed: of all that is left to chance.
        max_passes: a point kills at one of its first so many passes in a life.
        pace: of the load; 2 is half as much.
        minutes: no further kill begins after so long; None: all of them, however long it takes.
        database_url: of an empty database; None: an SQLite file in the folder.
        settings: of the server, beyond the usual ones.
        tell: takes a line about each kill.
    """

    def __init__(
        self,
        folder: Path,
        kills: int,
        seed: int,
        *,
        max_passes: int = MAX_PASSES,
        pace: float = 1.0,
        minutes: float | None = None,
        database_url: str | None = None,
        settings: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._kills = kills
        self._chosen = random.Random(seed)
        self._max_passes = max_passes
        self._pace = pace
        self._minutes = minutes
        self._settings = dict(settings or {})
        self._database = database_url or f"sqlite:///{folder}/sessions/waport.db"
        self._patience = Patience()
        self._tell = tell
        self.hits: Counter[str] = Counter()
        """How often the server died at each point; "" counts the kills at any moment."""

    @property
    def never_hit(self) -> list[str]:
        """The points at which it never died."""
        return [name for name in POINTS if not self.hits[name]]

    async def run(self) -> Figures:
        """Do it all; returns what was found."""
        async with emulator_process() as emulator, receiver(self._chosen) as inbox:
            inbox.on_message = self._patience.news
            settings = {
                "BASE_WEBHOOK_URL": inbox.url,
                "DATABASE_URL": self._database,
                **emulator.settings,
                **self._settings,
            }
            async with mortal_server(self._folder, settings, self._patience) as server:
                return await self._run(emulator, inbox, server)

    async def _run(
        self, emulator: EmulatorProcess, inbox: Receiver, server: MortalServer
    ) -> Figures:
        await server.start()
        ledger = await _set_up(emulator, inbox, server)
        assert await server.stop() == 0
        load = Load(ledger, emulator, lambda: server.listens_at, self._chosen, self._pace)
        load.is_behind = lambda: len(ledger.written) - len(inbox.messages) > MAX_BEHIND
        writing = asyncio.create_task(load.run())
        begun = time.monotonic()
        for number, point in enumerate(self._plan(), start=1):
            if self._minutes is not None and time.monotonic() - begun > self._minutes * 60:
                break
            await self._kill(server, point)
            passed_s = time.monotonic() - begun
            self._tell(f"{number}/{self._kills} {point or 'any moment'} {passed_s:.0f} s")
            if writing.done():
                await writing  # the load itself has failed
        await server.start()
        load.stop()
        await writing
        inbox.is_kind = True
        wanted = set(ledger.written)
        await inbox.patiently(lambda: wanted <= inbox.messages, self._patience, "what came in")
        await load.settle()
        await self._drain(server)
        assert await server.stop() == 0
        for person in ledger.people:
            await emulator.read(person)
        state = await emulator.state(ledger.owner, COLLECTION)
        archived = {
            index[1]: value["archiveChatAction"].get("archived", False)
            for index, value in state.items()
            if index[0] == "archive"
        }
        self._tell(f"refused {dict(load.refused)}, cut off {load.failed}")
        arrivals = await emulator.arrivals()
        outside = Outside(inbox.told, arrivals, emulator.complaints, archived)
        return judge(ledger, outside, self._database)

    def _plan(self) -> list[str]:
        """Where to kill, one after the other; "" stands for any moment."""
        plan: list[str] = []
        while len(plan) < self._kills:
            points = list(POINTS)
            self._chosen.shuffle(points)
            plan += points[: self._kills - len(plan)]
            plan += [""] * min(len(POINTS), self._kills - len(plan))
        return plan

    async def _kill(self, server: MortalServer, point: str) -> None:
        if not point:
            await server.live_for(self._chosen.uniform(0, LIFE_S))
            self.hits[""] += 1
            return
        count = self._chosen.randint(1, _FEW_PASSES.get(point, self._max_passes))
        if await server.live_until(point, count):
            self.hits[point] += 1
        else:
            self._tell(f"not hit: {point}\n{server.last_words}")

    async def _drain(self, server: MortalServer) -> None:
        """Wait until nothing is left to be delivered, sent or shared, for as long as it shrinks."""
        before: dict[str, int] = {}
        changed_at = time.monotonic()
        while left := await asyncio.to_thread(unfinished, self._database):
            if left != before:
                before, changed_at = left, time.monotonic()
            if time.monotonic() - changed_at > QUIET_S:
                raise AssertionError(f"never finished: {left}\n{server.last_words}")
            await asyncio.sleep(_LOOK_S)  # another process's tables tell of no news


async def _set_up(emulator: EmulatorProcess, inbox: Receiver, server: MortalServer) -> Ledger:
    """Link an account, and give it people, a group and some chats that are quiet."""
    inbox.is_kind = True
    owner = await emulator.account("Bot")
    await server.get(f"/session/start/{SESSION}")
    device = await emulator.scan(owner, (await inbox.first("qr", QUIET_S)).data["qr"])
    await inbox.first("ready", QUIET_S)
    people = [await emulator.account(name) for name in ("Alice", "Bob")]
    ledger = Ledger(device, owner, people)
    for name in ("Quiet one", "Quiet two", "Quiet three"):
        person = await emulator.account(name)
        ledger.written.append(await emulator.send_text(person, owner.jid, "hello"))
        ledger.quiet.append(person)
    wanted = set(ledger.written)
    await inbox.until(lambda: wanted <= inbox.messages, QUIET_S, "the quiet ones")
    numbers = [f"{person.user}@c.us" for person in people]
    body = {"name": "Everybody", "participants": numbers}
    made = await server.post(f"/client/createGroup/{SESSION}", body)
    ledger.group = made["group"]["id"]["_serialized"]
    inbox.is_kind = False
    return ledger
