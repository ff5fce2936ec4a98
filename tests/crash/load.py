"""People who write all the time, a program that sends all the time, and what both remember."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from support.waport_server import API_KEY

from .emulator import EmulatorProcess, Person

SESSION = "main"
WRITE_PAUSE_S = 0.08
SEND_PAUSE_S = 0.1
ARCHIVE_PAUSE_S = 0.3
SENDERS = 4
COLLECTION = "regular_low"
ANSWER_S = 120.0
"""What takes longer than this is counted as cut off; a kill ends a call at once."""
_AWAY_S = 0.05


@dataclass
class Ledger:
    """What everybody outside the server knows.

    Attributes:
        device: the address of our server, as the emulator names it.
        owner: whose account it is.
        people: those who write and are written to.
        quiet: those whose chats nobody writes in, to be archived: two by our server, one by the
            owner's phone.
        group: where the people and the account are.
        written: messages to our account that WhatsApp took.
        answered: messages that our server said it has.
        archived: of each chat, whether the last change that surely happened archived it.
    """

    device: str
    owner: Person
    people: list[Person]
    quiet: list[Person] = field(default_factory=list)
    group: str = ""
    written: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    archived: dict[str, bool] = field(default_factory=dict)


class Load:
    """Runs until it is stopped.

    Args:
        ledger: takes down what happened.
        emulator: where the people's phones are.
        url: where our server listens now; "" while it is down.
        pace: 2 writes and sends half as often.
    """

    def __init__(
        self,
        ledger: Ledger,
        emulator: EmulatorProcess,
        url: Callable[[], str],
        chosen: random.Random,
        pace: float = 1.0,
    ) -> None:
        self._ledger = ledger
        self._emulator = emulator
        self._url = url
        self._chosen = chosen
        self._pace = pace
        self._is_stopping = False
        self._number = 0
        self.refused: Counter[int] = Counter()
        self.failed = 0
        self.is_behind: Callable[[], bool] = lambda: False
        """Whether so much waits already that people wait, too."""

    async def run(self) -> None:
        """Write, send and archive until `stop`."""
        async with _api() as api, asyncio.TaskGroup() as tasks:
            for person in self._ledger.people:
                tasks.create_task(self._repeat(WRITE_PAUSE_S, self._writer(person)))
            for _ in range(SENDERS):
                tasks.create_task(self._repeat(SEND_PAUSE_S, lambda: self._send(api)))
            for person in self._ledger.quiet[:-1]:
                tasks.create_task(self._repeat(ARCHIVE_PAUSE_S, self._archiver(api, person)))
            tasks.create_task(self._repeat(ARCHIVE_PAUSE_S, self._archive_on_phone))

    def stop(self) -> None:
        """Begin nothing new."""
        self._is_stopping = True

    async def _repeat(self, pause_s: float, act: Callable[[], Awaitable[None]]) -> None:
        while not self._is_stopping:
            await act()
            # Not a wait for anything: this is how often somebody writes.
            await asyncio.sleep(pause_s * self._pace * self._chosen.uniform(0.5, 1.5))

    def _writer(self, person: Person) -> Callable[[], Awaitable[None]]:
        async def write() -> None:
            if self.is_behind():
                return
            self._number += 1
            number, ledger = self._number, self._ledger
            to = ledger.group if number % 4 == 0 else ledger.owner.jid
            ledger.written.append(await self._emulator.send_text(person, to, f"in {number}"))

        return write

    async def _send(self, api: httpx.AsyncClient) -> None:
        self._number += 1
        number, person = self._number, self._chosen.choice(self._ledger.people)
        to = self._ledger.group if number % 4 == 0 else f"{person.user}@c.us"
        body = {"chatId": to, "contentType": "string", "content": f"out {number}"}
        # Every other call is one that its program repeats until it is answered, over all kills; the
        # people would see a text twice if the server took one for another call.
        key = {"idempotency-key": f"call-{number}"} if number % 2 else {}
        answer = await self._post(api, "/client/sendMessage", body, key)
        while key and answer is None:
            answer = await self._post(api, "/client/sendMessage", body, key)
        if answer is not None:
            self._ledger.answered.append(answer["message"]["id"]["id"])

    def _archiver(self, api: httpx.AsyncClient, person: Person) -> Callable[[], Awaitable[None]]:
        async def toggle() -> None:
            wanted = not self._ledger.archived.get(person.jid, False)
            route = "/chat/archive" if wanted else "/chat/unarchive"
            if await self._post(api, route, {"chatId": f"{person.user}@c.us"}) is not None:
                self._ledger.archived[person.jid] = wanted

        return toggle

    async def _archive_on_phone(self) -> None:
        chat = self._ledger.quiet[-1].jid
        wanted = not self._ledger.archived.get(chat, False)
        value = {"timestamp": int(time.time() * 1000), "archiveChatAction": {"archived": wanted}}
        mutation = {"index": ["archive", chat], "value": value, "version": 3}
        await self._emulator.write_state(self._ledger.owner, COLLECTION, mutation)
        self._ledger.archived[chat] = wanted

    async def settle(self) -> None:
        """Make the last change of each chat one that surely happened; our server is up."""
        async with _api() as api:
            for person in self._ledger.quiet[:-1]:
                before = dict(self._ledger.archived)
                toggle = self._archiver(api, person)
                async with asyncio.timeout(ANSWER_S):
                    while self._ledger.archived == before:
                        await toggle()

    async def _post(
        self,
        api: httpx.AsyncClient,
        route: str,
        body: dict[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """Call our server; None if it is down, dies over it, or refuses."""
        url = self._url()
        if not url:
            await asyncio.sleep(_AWAY_S)
            return None
        try:
            response = await api.post(f"{url}{route}/{SESSION}", json=body, headers=headers)
        except httpx.HTTPError:
            self.failed += 1
            await asyncio.sleep(_AWAY_S)
            return None
        if not response.is_success:
            self.refused[response.status_code] += 1
            # It is not connected yet: as a program would, it asks again a little later.
            await asyncio.sleep(_AWAY_S)
            return None
        answer: dict[str, Any] = response.json()
        return answer


def _api() -> httpx.AsyncClient:
    return httpx.AsyncClient(headers={"x-api-key": API_KEY}, timeout=ANSWER_S, trust_env=False)
