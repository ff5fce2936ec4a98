"""People who write all the time, a program that sends all the time, and what both remember."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from support.waport_server import API_KEY
from waport.emulator import appstate
from waport.emulator.phone import Phone
from waport.proto import pb
from waport.wire import Jid

SESSION = "main"
WRITE_PAUSE_S = 0.08
SEND_PAUSE_S = 0.1
ARCHIVE_PAUSE_S = 0.3
SENDERS = 3
COLLECTION = "regular_low"
_AWAY_S = 0.05


@dataclass
class Ledger:
    """What everybody outside the server knows.

    Attributes:
        device: the address of our server, as the emulator names it.
        own_phone: the phone of its account.
        people: the phones that write and are written to.
        written: messages to our account that WhatsApp took.
        answered: messages that our server said it has.
        unread: what a phone could not decrypt.
        archived: of each chat, whether the last change that surely happened archived it.
    """

    device: str
    own_phone: Phone
    people: list[Phone]
    written: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    archived: dict[str, bool] = field(default_factory=dict)

    def heard(self) -> set[str]:
        """The messages of our account that a phone has read."""
        return {message.id for phone in self.people for message in phone.messages()}

    def doubled(self) -> list[str]:
        """Texts that one phone has read twice."""
        texts = Counter(
            (number, message.text)
            for number, phone in enumerate(self.people)
            for message in phone.messages()
            if message.text and message.text.startswith("out ")
        )
        return [str(text) for (_, text), count in texts.items() if count > 1]

    def archived_in_the_end(self) -> dict[str, bool]:
        """What must be true of the chats whose state was changed."""
        return self.archived

    def archived_on_phone(self, chat: str) -> bool | None:
        """What the phone knows of a chat, every MAC checked."""
        value = self.own_phone.app_state.read(COLLECTION).get(("archive", chat))
        return None if value is None else value.archiveChatAction.archived


class Unreadable(logging.Handler):
    """Notes what phones complain of: each retry receipt is a message that could not be read."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "retry" in text:
            self._ledger.unread.append(text)


class Load:
    """Runs until it is stopped.

    Args:
        ledger: takes down what happened.
        url: where our server listens now; "" while it is down.
        own: the account's address.
        group: where all of them are.
        quiet: chats that nobody writes in, to be archived: two by our server, one by the phone.
        pace: 2 writes and sends half as often.
    """

    def __init__(
        self,
        ledger: Ledger,
        url: Callable[[], str],
        own: Jid,
        group: Jid,
        quiet: list[Jid],
        chosen: random.Random,
        pace: float = 1.0,
    ) -> None:
        self._ledger = ledger
        self._url = url
        self._own = own
        self._group = group
        self._quiet = quiet
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
        async with (
            httpx.AsyncClient(headers={"x-api-key": API_KEY}, timeout=20, trust_env=False) as api,
            asyncio.TaskGroup() as tasks,
        ):
            for phone in self._ledger.people:
                tasks.create_task(self._repeat(WRITE_PAUSE_S, self._writer(phone)))
            for _ in range(SENDERS):
                tasks.create_task(self._repeat(SEND_PAUSE_S, lambda: self._send(api)))
            for chat in self._quiet[:-1]:
                tasks.create_task(self._repeat(ARCHIVE_PAUSE_S, self._archiver(api, chat)))
            tasks.create_task(self._repeat(ARCHIVE_PAUSE_S, self._archive_on_phone))

    def stop(self) -> None:
        """Begin nothing new."""
        self._is_stopping = True

    async def _repeat(self, pause_s: float, act: Callable[[], Awaitable[None]]) -> None:
        while not self._is_stopping:
            await act()
            # Not a wait for anything: this is how often somebody writes.
            await asyncio.sleep(pause_s * self._pace * self._chosen.uniform(0.5, 1.5))

    def _writer(self, phone: Phone) -> Callable[[], Awaitable[None]]:
        async def write() -> None:
            if self.is_behind():
                return
            self._number += 1
            to = self._group if self._number % 4 == 0 else self._own
            sent = await phone.send_text(to, f"in {self._number}")
            self._ledger.written.append(sent.id)

        return write

    async def _send(self, api: httpx.AsyncClient) -> None:
        self._number += 1
        number, person = self._number, self._chosen.choice(self._ledger.people)
        to = str(self._group) if number % 4 == 0 else f"{person.owner.own.pn.user}@c.us"
        body = {"chatId": to, "contentType": "string", "content": f"out {number}"}
        answer = await self._post(api, "/client/sendMessage", body)
        if answer is not None:
            self._ledger.answered.append(answer["message"]["id"]["id"])

    def _archiver(self, api: httpx.AsyncClient, chat: Jid) -> Callable[[], Awaitable[None]]:
        async def toggle() -> None:
            wanted = not self._ledger.archived.get(str(chat), False)
            route = "/chat/archive" if wanted else "/chat/unarchive"
            body = {"chatId": f"{chat.user}@c.us"}
            if await self._post(api, route, body) is not None:
                self._ledger.archived[str(chat)] = wanted

        return toggle

    async def _archive_on_phone(self) -> None:
        chat = str(self._quiet[-1])
        wanted = not self._ledger.archived.get(chat, False)
        value = pb.SyncActionValue(
            timestamp=int(time.time() * 1000),
            archiveChatAction=pb.SyncActionValue.ArchiveChatAction(archived=wanted),
        )
        mutation = appstate.Mutation("SET", ("archive", chat), value, 3)
        await self._ledger.own_phone.app_state.write(COLLECTION, [mutation])
        self._ledger.archived[chat] = wanted

    async def settle(self) -> None:
        """Make the last change of each chat one that surely happened; our server is up."""
        async with httpx.AsyncClient(
            headers={"x-api-key": API_KEY}, timeout=20, trust_env=False
        ) as api:
            for chat in self._quiet[:-1]:
                before = dict(self._ledger.archived)
                toggle = self._archiver(api, chat)
                async with asyncio.timeout(60):
                    while self._ledger.archived == before:
                        await toggle()

    async def _post(
        self, api: httpx.AsyncClient, route: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Call our server; None if it is down, dies over it, or refuses."""
        url = self._url()
        if not url:
            await asyncio.sleep(_AWAY_S)
            return None
        try:
            response = await api.post(f"{url}{route}/{SESSION}", json=body)
        except httpx.HTTPError:
            self.failed += 1
            return None
        if not response.is_success:
            self.refused[response.status_code] += 1
            # It is not connected yet: as a program would, it asks again a little later.
            await asyncio.sleep(_AWAY_S)
            return None
        answer: dict[str, Any] = response.json()
        return answer
