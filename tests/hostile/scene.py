"""A live client under fire: real Noise, real keys, a real database, events rendered and logged.

The other end of its connection answers everything it asks, honestly or not, and sends what a test
wants. A good message now and then shows that the client still receives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from support.account import NOW, OWN_LID, OWN_PN, SESSION, Peer, stanza, text
from support.clock import FakeClock
from support.database import open_database
from support.whatsapp import VERSION, WhatsApp, Wire
from waport.client import Client, Close
from waport.client.credentials import new_credentials
from waport.config import Settings
from waport.events import EventBus, EventRecorder
from waport.events.frames import Frame
from waport.model import Credentials, LinkState, SessionState
from waport.signal import PreKeyBundle, generate_pre_keys
from waport.store import Database, UnitOfWork
from waport.wire import SERVER, Jid, Node

from .corpus import answers
from .damage import NodeDamage
from .watch import Faults, no_faults, others

WAIT_S = 20.0
QUERY_TIMEOUT_S = 1.0


def no_number(word: str) -> NoReturn:
    """Fails on what Python takes for JSON and others do not."""
    raise AssertionError(f"{word} is no JSON")


def event_sink(folder: Path, told: Callable[[str, Sequence[Frame]], None]) -> EventRecorder:
    """Renders and logs events for all readers at once, as the server does it."""
    (folder / "none.env").touch()
    environment = {"BASE_WEBHOOK_URL": "http://127.0.0.1:9/", "EVENT_PAYLOADS": "both"}
    bus = EventBus()
    bus.subscribe(told)
    return EventRecorder(Settings.load(folder / "none.env", environment), bus)


def check_json(frames: Sequence[Frame]) -> None:
    """What goes out must be JSON for everybody."""
    for frame in frames:
        if frame.text:
            json.loads(frame.text, parse_constant=no_number)


class Versions:
    """The version to claim."""

    async def current(self) -> Any:
        return VERSION

    async def refresh(self) -> Any:
        return VERSION


class Scene:
    """One client and the other end of its connection.

    Attributes:
        counts: what happened, by name.
        is_lying: questions get damaged answers.
        closes: how clients ended for good.
        log: what was logged.
    """

    def __init__(self, database: Database, folder: Path, chosen: random.Random) -> None:
        self.database = database
        self.chosen = chosen
        self.counts: Counter[str] = Counter()
        self.is_lying = False
        self.closes: list[Close] = []
        self.log = Faults()
        self.wire: Wire
        self._moved = asyncio.Event()
        self._sink = event_sink(folder, self._told)
        self._whatsapp = WhatsApp()
        self.clock = FakeClock()
        self._damage = NodeDamage(chosen, [node for all_ in answers().values() for node in all_])
        self._texts: dict[str, asyncio.Event] = {}
        self._pongs: dict[str, asyncio.Future[bool]] = {}
        self._number = self._accepted = 0
        self._running: asyncio.Task[Close] | None = None
        self._serving: asyncio.Task[None] | None = None
        self.client: Client

    # --- the client's life -------------------------------------------------------------------

    async def link(self, **changes: Any) -> None:
        """Store credentials of a linked account, and begin."""
        values: dict[str, Any] = {
            "state": LinkState.LINKED,
            "pn": OWN_PN,
            "lid": OWN_LID,
            "account": os.urandom(40),
            "next_pre_key_id": 21,
            "login_counter": 1,
        }
        credentials = replace(new_credentials(), **{**values, **changes})

        def job(store: UnitOfWork) -> None:
            store.devices.create(credentials)
            store.signal.put_signed_pre_key(credentials.signed_pre_key)
            store.signal.add_pre_keys(generate_pre_keys(1, 20), uploaded=True)

        await self.database.write(SESSION, job)
        await self.begin()

    async def begin(self) -> None:
        """Run a client and see it through its login, if it is linked."""
        self.client = Client(
            self.database,
            SESSION,
            self._whatsapp.config(query_timeout_s=QUERY_TIMEOUT_S),
            self._sink,
            Versions(),  # type: ignore[arg-type]
            on_state=lambda _: self._moved.set(),
            clock=self.clock,
            open_carrier=self._whatsapp.open,
        )
        self._running = asyncio.create_task(self.client.run())
        await self.accept()

    async def accept(self) -> None:
        """Take the next connection and answer what comes over it."""
        await self._leave()
        async with asyncio.timeout(WAIT_S):
            while self._whatsapp.connects == self._accepted:
                await asyncio.sleep(0.001)
                # It waits before it connects again.
                self.clock.advance(300)
        self._accepted = self._whatsapp.connects
        self.wire = await self._whatsapp.accept()
        self.counts["connections"] += 1
        self._serving = asyncio.create_task(self._serve(self.wire))

    async def log_in(self) -> None:
        """Say `<success>` and wait until the account is ready."""
        was_lying, self.is_lying = self.is_lying, False
        self.wire.say(Node("success", {"t": "1800000000", "lid": OWN_LID}))
        async with asyncio.timeout(WAIT_S):
            while self.client.state is not SessionState.CONNECTED:
                self._moved.clear()
                await self._moved.wait()
        self.is_lying = was_lying

    async def end(self) -> None:
        """Stop the client; nothing of it may be left."""
        if self._running is not None:
            self.client.stop()
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(self._running)
        await self._leave()

    async def _leave(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
            self._serving = None

    async def recover(self) -> None:
        """After the end of a connection: the next one, or a new link if the client ended."""
        assert self._running is not None
        for _ in range(3):
            await asyncio.sleep(0)
        done, _ = await asyncio.wait((self._running,), timeout=0.02)
        if done:
            self.closes.append(self._running.result())
            self.counts[f"ended: {self.closes[-1].cause.name}"] += 1
            self._running = None
            credentials = await self.credentials()
            if credentials is None:
                await self.link()
            else:
                await self.begin()
        else:
            await self.accept()
            if await self.credentials() is None or not await self._is_linked():
                await self.database.write(SESSION, lambda store: store.devices.delete_session())
                await self.end()
                await self.link()
        await self.log_in()

    async def credentials(self) -> Credentials | None:
        return await self.database.read(SESSION, lambda store: store.devices.get())

    async def _is_linked(self) -> bool:
        credentials = await self.credentials()
        return credentials is not None and credentials.state is LinkState.LINKED

    # --- the other end -----------------------------------------------------------------------

    async def _serve(self, wire: Wire) -> None:
        while True:
            try:
                node = await wire.hear()
            except TimeoutError:
                continue
            except EOFError:
                break
            self._react(wire, node)
        for pong in self._pongs.values():
            if not pong.done():
                pong.set_result(False)

    def _react(self, wire: Wire, node: Node) -> None:
        name = node.get("id") or ""
        pong = self._pongs.get(str(name))
        if pong is not None:
            if not pong.done():
                pong.set_result(True)
        elif node.tag == "iq" and node.get("type") in ("get", "set"):
            self._answer(wire, node)
        elif node.tag == "message":
            self._acknowledge(wire, node)
        else:
            self.counts[f"heard {node.tag}"] += 1

    def _answer(self, wire: Wire, node: Node) -> None:
        self.counts["questions"] += 1
        children = node.children()
        child = children[0].tag if children else ""
        kind = "|".join(("iq", str(node.get("xmlns") or ""), str(node.get("type") or ""), child))
        known = answers().get(kind, [])
        attrs: dict[str, Any] = {"from": SERVER, "type": "result", "id": node.attr("id")}
        if not self.is_lying:
            honest = [each for each in known if each.get("type") == "result"]
            content = honest[0].content if honest else None
            if kind == "iq|encrypt|get|count":
                content = [Node("count", {"value": "100"})]
            wire.say(Node("iq", attrs, content))
            return
        self.counts["damaged answers"] += 1
        chosen = self.chosen.choice(known) if known else Node("iq", attrs)
        answer = Node("iq", {**chosen.attrs, **attrs, "type": chosen.get("type") or "result"})
        answer.content = chosen.content
        # One that answers nothing has its question wait until the time is out.
        keep_id = self.chosen.random() < 0.98
        wire.say_bytes(self._damage.stanza(answer, keep_id=keep_id))

    def _acknowledge(self, wire: Wire, node: Node) -> None:
        attrs = {"class": "message", "from": node.attrs["to"], "id": node.attr("id"), "t": str(NOW)}
        ack = Node("ack", attrs)
        wire.say_bytes(self._damage.stanza(ack)) if self.is_lying else wire.say(ack)

    def _told(self, session_id: str, frames: Sequence[Frame]) -> None:
        check_json(frames)
        for frame in frames:
            self.counts["events"] += 1
            if frame.kind == "message":
                event = self._texts.get(str(frame.data.get("body")))
                if event is not None:
                    event.set()

    # --- signs of life -----------------------------------------------------------------------

    async def is_alive(self) -> bool:
        """Whether the connection goes on, once all that was sent is dealt with."""
        self._number += 1
        name = f"pong{self._number}"
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pongs[name] = pong
        if self._serving is None or self._serving.done():
            pong.set_result(False)
        self.wire.say(
            Node("iq", {"from": SERVER, "type": "get", "id": name, "xmlns": "urn:xmpp:ping"})
        )
        async with asyncio.timeout(WAIT_S):
            alive = await pong
        del self._pongs[name]
        await self.database.write(SESSION, lambda _: None)
        return alive

    async def receives(self) -> None:
        """Somebody new writes, and the message becomes an event."""
        self._number += 1
        words = f"good {self._number}"
        arrived = self._texts[words] = asyncio.Event()
        somebody = Peer(Jid(str(16_660_000_000 + self._number), "s.whatsapp.net"))
        somebody.open(await self.bundle())
        self.wire.say(stanza(somebody.encrypt(text(words)), f"GOOD{self._number}", somebody.device))
        async with asyncio.timeout(WAIT_S):
            await arrived.wait()
        del self._texts[words]
        self.counts["good messages received"] += 1

    def fresh_id(self) -> str:
        """An id for a message."""
        self._number += 1
        return f"3EB0{self._number:08X}"

    async def bundle(self) -> PreKeyBundle:
        """What people get to write to the account."""
        credentials = await self.credentials()
        assert credentials is not None
        signed = credentials.signed_pre_key
        return PreKeyBundle(
            registration_id=credentials.registration_id,
            identity=credentials.identity.public,
            signed_pre_key_id=signed.id,
            signed_pre_key=signed.pair.public,
            signature=signed.signature,
            pre_key_id=None,
            pre_key=None,
        )


@contextlib.asynccontextmanager
async def open_scene(folder: Path, seed: int) -> AsyncIterator[Scene]:
    """A scene whose client is not started; at the end no fault was logged and no task is left."""
    database = await open_database(folder)
    before = others()
    try:
        with no_faults() as log:
            scene = Scene(database, folder, random.Random(seed))
            scene.log = log
            try:
                yield scene
            finally:
                await scene.end()
            await asyncio.sleep(0)
            assert others() - before == set()
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def logged_in(folder: Path, seed: int) -> AsyncIterator[Scene]:
    """The same with an account that is logged in."""
    async with open_scene(folder, seed) as scene:
        await scene.link()
        await scene.log_in()
        yield scene
