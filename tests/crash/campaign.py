"""Kills the server again and again under load, lets it finish its work, and looks what is true."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx

from waport.crashpoints import POINTS
from waport.emulator.phone import Phone
from waport.emulator.server import Emulator, EmulatorOptions
from waport.wire import Jid

from .figures import Figures, judge, unfinished
from .load import SESSION, Ledger, Load, Unreadable
from .receiver import Receiver, receiver
from .server import MortalServer

HIT_TIMEOUT_S = 120.0
DRAIN_TIMEOUT_S = 180.0
LIFE_S = 2.0
"""The longest life of a server that is killed at any moment."""
MAX_BEHIND = 400
"""People write nothing more while so many messages were not told."""
MAX_PASSES = 12
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
        self._tell = tell
        self.hits: Counter[str] = Counter()
        """How often the server died at each point; "" counts the kills at any moment."""

    @property
    def never_hit(self) -> list[str]:
        """The points at which it never died."""
        return [name for name in POINTS if not self.hits[name]]

    async def run(self) -> Figures:
        """Do it all; returns what was found."""
        async with Emulator(EmulatorOptions()) as emulator, receiver(self._chosen) as inbox:
            server = MortalServer(
                self._folder,
                {
                    "BASE_WEBHOOK_URL": inbox.url,
                    "WA_WEBSOCKET_URL": emulator.ws_url,
                    "WA_NOISE_ROOT_KEY": emulator.root_key.hex(),
                    "WA_CA_FILE": str(emulator.ca_file),
                    **self._settings,
                },
            )
            try:
                return await self._run(emulator, inbox, server)
            finally:
                await server.kill()

    async def _run(self, emulator: Emulator, inbox: Receiver, server: MortalServer) -> Figures:
        await server.start()
        ledger, group, quiet = await _set_up(emulator, inbox, server)
        assert await server.stop() == 0
        own = Jid.parse(ledger.device).bare
        load = Load(ledger, lambda: server.listens_at, own, group, quiet, self._chosen, self._pace)
        load.is_behind = lambda: len(ledger.written) - len(inbox.messages) > MAX_BEHIND
        with _complaints(ledger):
            writing = asyncio.create_task(load.run())
            begun = time.monotonic()
            for number, point in enumerate(self._plan(), start=1):
                if self._minutes is not None and time.monotonic() - begun > self._minutes * 60:
                    break
                await self._kill(server, point)
                self._tell(f"{number}/{self._kills} {point or 'any moment'}")
                if writing.done():
                    await writing  # the load itself has failed
            await server.start()
            load.stop()
            await writing
            inbox.is_kind = True
            await inbox.until(lambda: set(ledger.written) <= inbox.messages, DRAIN_TIMEOUT_S, "in")
            await load.settle()
            await self._drain(server)
            arrivals = await _arrivals(emulator)
            assert await server.stop() == 0
        self._tell(f"refused {dict(load.refused)}, cut off {load.failed}")
        return judge(ledger, inbox.told, arrivals, server.sessions / "waport.db")

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
        if await server.live_until(point, count, HIT_TIMEOUT_S):
            self.hits[point] += 1
        else:
            self._tell(f"not hit within {HIT_TIMEOUT_S} s: {point}")

    async def _drain(self, server: MortalServer) -> None:
        """Wait until nothing is left to be delivered, sent or shared."""
        path = server.sessions / "waport.db"
        left: dict[str, int] = {}
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                while left := await asyncio.to_thread(unfinished, path):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)  # another process's tables tell of no news
        except TimeoutError:
            raise AssertionError(f"never finished: {left}\n{server.last_words}") from None


async def _set_up(
    emulator: Emulator, inbox: Receiver, server: MortalServer
) -> tuple[Ledger, Jid, list[Jid]]:
    """Link an account, and give it people, a group and some chats that are quiet."""
    inbox.is_kind = True
    account = await emulator.create_account(None, "Bot")
    phone = emulator.phone_of(account)
    await server.get(f"/session/start/{SESSION}")
    await phone.pair_by_qr((await inbox.first("qr")).data["qr"])
    await inbox.first("ready")
    people: list[Phone] = []
    numbers = []
    for name in ("Alice", "Bob"):
        person = await emulator.create_account(None, name)
        people.append(emulator.phone_of(person))
        numbers.append(f"{person.jid.user}@c.us")
    ledger = Ledger(str(account.jid.with_device(1)), phone, people)
    quiet = []
    for name in ("Quiet one", "Quiet two", "Quiet three"):
        person = await emulator.create_account(None, name)
        sent = await emulator.phone_of(person).send_text(account.jid, "hello")
        ledger.written.append(sent.id)
        quiet.append(person.jid)
    wanted = set(ledger.written)
    await inbox.until(lambda: wanted <= inbox.messages, 30, "the quiet ones")
    body = {"name": "Everybody", "participants": numbers}
    made = await server.post(f"/client/createGroup/{SESSION}", body)
    inbox.is_kind = False
    return ledger, Jid.parse(made["group"]["id"]["_serialized"]), quiet


async def _arrivals(emulator: Emulator) -> list[dict[str, str]]:
    """The message stanzas as they came in, before the emulator drops what it has already."""
    async with httpx.AsyncClient(verify=False, trust_env=False, timeout=60) as client:
        response = await client.get(f"{emulator.web_url}/admin/arrivals")
        response.raise_for_status()
        arrivals: list[dict[str, str]] = response.json()["arrivals"]
        return arrivals


@contextlib.contextmanager
def _complaints(ledger: Ledger) -> Iterator[None]:
    """Take down whatever a phone cannot read."""
    logger, handler = logging.getLogger("waport.emulator"), Unreadable(ledger)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
