"""A real Baileys client in a Node process of its own, controlled from a test.

The other end of `driver/driver.mjs`: commands go in as JSON lines, replies and events come back.
Every event is kept, so a test that waits for something which has already happened finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

DRIVER = Path(__file__).parent / "driver" / "driver.mjs"

COMMAND_TIMEOUT_S = 30.0
EVENT_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
_MAX_LINE = 64 * 2**20  # a history chunk is one event, and one event is one line
_LOG_TAIL = 4_000

DELIVERED, READ = 3, 4
"""Statuses of a sent message in Baileys' numbering; 2 is the server's own acknowledgement."""

LOGGED_OUT = 401

Event = Mapping[str, Any]


class DriverError(Exception):
    """A command failed inside the client.

    Attributes:
        status_code: of the error that Baileys raised, where it gave one.
    """

    def __init__(self, command: str, message: str, status_code: int | None) -> None:
        super().__init__(f"{command}: {message}")
        self.status_code = status_code


class Gone(Exception):
    """The process ended, or an event did not come in time."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message as `messages.upsert` reported it."""

    id: str
    chat: str
    from_me: bool
    text: str | None
    type: str  # "notify": live, "append": queued while offline, or our own
    push_name: str | None
    raw: Mapping[str, Any]

    @property
    def key(self) -> Mapping[str, Any]:
        """The message key in Baileys' form, as the read command takes it."""
        key: Mapping[str, Any] = self.raw["key"]
        return key


class Baileys:
    """One client. Make it with `start`, end it with `stop`, or with `kill` when all else fails."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, log_file: IO[bytes]) -> None:
        self.log = log
        self.events: list[Event] = []
        self._log_file = log_file
        self._process = process
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Condition()
        self._ended = False
        self._reader = asyncio.create_task(self._read())

    # --- life ------------------------------------------------------------------------------------

    @classmethod
    async def spawn(cls, node: Path, log: Path, ca_file: Path | None = None) -> Baileys:
        """Start the process alone.

        Args:
            node: the Node executable.
            log: file for what the client logs; appended to.
            ca_file: the certificate authority that it trusts besides the public ones.
        """
        log_file = log.open("ab")
        trust = {} if ca_file is None else {"NODE_EXTRA_CA_CERTS": str(ca_file)}
        process = await asyncio.create_subprocess_exec(
            node,
            DRIVER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            env={**os.environ, **trust},
            limit=_MAX_LINE,
        )
        return cls(process, log, log_file)

    @classmethod
    async def start(
        cls,
        node: Path,
        emulator_url: str,
        root_key: str,
        ca_file: Path | None,
        auth_dir: Path,
        *,
        push_name: str | None = None,
        **options: Any,
    ) -> Baileys:
        """Start a client and let it connect; what is in `auth_dir` decides whether it has to pair.

        Args:
            node: the Node executable.
            emulator_url: of the WebSocket.
            root_key: hex of the key that signs the server's certificate.
            ca_file: for TLS.
            auth_dir: the client's state; made when missing.
            push_name: sent at registration; the emulator tells accounts apart by it.
            options: further ones of the driver's `start`.
        """
        client = await cls.spawn(node, auth_dir.with_suffix(".log"), ca_file)
        try:
            await client.command(
                "start",
                auth_dir=str(auth_dir),
                url=emulator_url,
                root_key=root_key,
                push_name=push_name,
                **options,
            )
        except BaseException:
            await client.kill()
            raise
        return client

    async def stop(self) -> None:
        """Close the connection, keep the state, and wait until the process has ended."""
        try:
            await self._last_command("stop")
        finally:
            await self.kill()

    async def logout(self) -> None:
        """Unlink this device from its account, and end."""
        try:
            await self._last_command("logout")
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End the process now, whatever it does. May be called again."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # by itself the end of a driver that is alive and well
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await self._reader
        self._log_file.close()

    async def _last_command(self, command: str) -> None:
        await self.command(command, timeout_s=STOP_TIMEOUT_S)
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await self._process.wait()

    # --- commands --------------------------------------------------------------------------------

    async def command(self, name: str, *, timeout_s: float = COMMAND_TIMEOUT_S, **args: Any) -> Any:
        """Run one command of the driver and return its result.

        Raises:
            DriverError: it failed there.
            Gone: the process has ended.
            TimeoutError: no reply in time.
        """
        if self._ended or self._process.stdin is None:
            raise Gone(self._with_log(f"{name}: the client has ended"))
        number = next(self._ids)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            line = json.dumps({"id": number, "command": name, **args})
            with contextlib.suppress(ConnectionError):  # the reader then ends, and fails the reply
                self._process.stdin.write(line.encode() + b"\n")
                await self._process.stdin.drain()
            async with asyncio.timeout(timeout_s):
                answer = await reply
        finally:
            del self._replies[number]
        if not answer["ok"]:
            error = answer["error"]
            raise DriverError(name, error["message"], error["status_code"])
        return answer.get("result")

    async def send_text(self, to: str, text: str, message_id: str | None = None) -> str:
        """Send a text; returns once it is on the wire, with the message id."""
        result = await self.command("send_text", to=to, text=text, message_id=message_id)
        return str(result["id"])

    async def send(self, to: str, content: Mapping[str, Any], message_id: str | None = None) -> str:
        """Send content in Baileys' own form, files as `{"url": path}`; the message id."""
        result = await self.command("send", to=to, content=content, message_id=message_id)
        return str(result["id"])

    async def download(self, message: Received, *, reupload: bool = False) -> tuple[str, int]:
        """Fetch a message's file; its SHA-256 in hex, and its length.

        Args:
            message: as it was reported.
            reupload: have the phone upload the file again first.
        """
        result = await self.command("download", message=message.raw, reupload=reupload)
        return str(result["sha256"]), int(result["length"])

    async def read(self, *keys: Mapping[str, Any]) -> None:
        """Send read receipts for received messages."""
        await self.command("read", keys=list(keys))

    async def presence(self, kind: str, to: str | None = None) -> None:
        """Announce `available`, `unavailable`, or `composing`, `recording`, `paused` in a chat."""
        await self.command("presence", type=kind, to=to)

    async def request_pairing_code(self, phone: str) -> str:
        """Ask for a code that the phone with this number has to enter."""
        return str((await self.command("request_pairing_code", phone=phone))["code"])

    async def faults(self, **faults: Any) -> None:
        """Misbehave from now on.

        Args:
            faults: `ignore`, a list of stanza tags that are dropped unseen; `delay_ms` before every
                frame is read; `corrupt_in` and `corrupt_out`, how many messages to damage next.
        """
        await self.command("faults", faults=faults)

    async def checks(self) -> Mapping[str, Mapping[str, int]]:
        """How many signatures of each kind passed and were refused."""
        checks: Mapping[str, Mapping[str, int]] = await self.command("checks")
        return checks

    async def me(self) -> Mapping[str, Any]:
        """Our own addresses and name, `id`, `lid`, `name`; empty before pairing."""
        return await self.command("me") or {}

    # --- events ----------------------------------------------------------------------------------

    @property
    def mark(self) -> int:
        """A point in the events, for waits that must not be met by older ones."""
        return len(self.events)

    async def wait_event(
        self,
        predicate: Callable[[Event], bool],
        *,
        what: str = "event",
        since: int = 0,
        timeout_s: float = EVENT_TIMEOUT_S,
    ) -> Event:
        """The first event that the predicate accepts, past or future.

        Raises:
            Gone: none came in time, or the process ended first.
        """
        position = since

        def found() -> Event | None:
            nonlocal position
            while position < len(self.events):
                position += 1
                if predicate(self.events[position - 1]):
                    return self.events[position - 1]
            return None

        event: Event | None = None
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while (event := found()) is None and not self._ended:
                    await self._changed.wait()
        except TimeoutError:
            raise Gone(self._with_log(f"no {what} within {timeout_s} s")) from None
        if event is None:
            raise Gone(self._with_log(f"the client ended before {what}"))
        return event

    async def wait_for(self, name: str, **wait: Any) -> Event:
        """The first event of this name."""
        return await self.wait_event(lambda event: event["event"] == name, what=name, **wait)

    async def qr(self, **wait: Any) -> str:
        """The text of the first QR."""
        return str((await self.wait_for("qr", **wait))["qr"])

    async def wait_open(self, **wait: Any) -> Event:
        """Wait until it is logged in."""
        return await self.wait_event(_is_connection("open"), what="open connection", **wait)

    async def wait_close(self, **wait: Any) -> Event:
        """Wait until the connection is closed for good: `status_code` and `reason` say why."""
        is_close = _is_connection("close")
        return await self.wait_event(
            lambda event: is_close(event) and not event["reconnecting"], what="close", **wait
        )

    async def wait_text(self, text: str, **wait: Any) -> Received:
        """The first message with this text, in or out."""

        def has_text(event: Event) -> bool:
            return any(message.text == text for message in _received(event))

        event = await self.wait_event(has_text, what=f"message {text!r}", **wait)
        return next(message for message in _received(event) if message.text == text)

    async def wait_message(self, message_id: str, **wait: Any) -> Received:
        """The message with this id, in or out, once it can be read."""

        def is_it(message: Received) -> bool:
            return message.id == message_id and bool(message.raw.get("message"))

        def has_it(event: Event) -> bool:
            return any(is_it(message) for message in _received(event))

        event = await self.wait_event(has_it, what=f"message {message_id}", **wait)
        return next(message for message in _received(event) if is_it(message))

    async def wait_status(self, message_id: str, status: int, **wait: Any) -> None:
        """Wait until a message that we sent has reached at least this status."""

        def reached(event: Event) -> bool:
            return any(id_ == message_id and now >= status for id_, now in _statuses(event))

        await self.wait_event(reached, what=f"status {status} of {message_id}", **wait)

    def received(self, since: int = 0) -> Sequence[Received]:
        """Every message reported so far that another device sent, in order."""
        return [
            message
            for event in self.events[since:]
            for message in _received(event)
            if message.raw.get("message") and "protocolMessage" not in message.raw["message"]
        ]

    def texts(self, since: int = 0) -> list[str]:
        """The texts that others wrote to us so far, in order, doubles included."""
        return [
            message.text
            for message in self.received(since)
            if message.text is not None and not message.from_me
        ]

    @property
    def violations(self) -> list[str]:
        """What was wrong with the device identities that came beside first messages."""
        return [event["what"] for event in self.events if event["event"] == "violation"]

    # --- inside ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            item = json.loads(line)
            if "reply" in item:
                reply = self._replies.get(item["reply"])
                if reply is not None and not reply.done():
                    reply.set_result(item)
                continue
            async with self._changed:
                self.events.append(item)
                self._changed.notify_all()
        async with self._changed:
            self._ended = True
            self._changed.notify_all()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(Gone(self._with_log("the client ended before its reply")))

    def _with_log(self, text: str) -> str:
        """A failure's text with what the client said last, for whoever reads the test report."""
        names = [event["event"] for event in self.events[-12:]]
        tail = self.log.read_bytes()[-_LOG_TAIL:].decode(errors="replace")
        return f"{text}\nlast events: {names}\nend of {self.log}:\n{tail}"


def _is_connection(state: str) -> Callable[[Event], bool]:
    return lambda event: event["event"] == "connection" and event["state"] == state


def _statuses(event: Event) -> Sequence[tuple[str, int]]:
    """Message ids and their statuses; one that came early is folded into the message itself."""
    if event["event"] == "messages.update":
        return [(item["key"]["id"], item["update"].get("status", 0)) for item in event["data"]]
    if event["event"] == "messages.upsert":
        return [(item["key"]["id"], item["status"] or 0) for item in event["messages"]]
    return ()


def _received(event: Event) -> Sequence[Received]:
    if event["event"] != "messages.upsert":
        return ()
    return [
        Received(
            id=message["key"]["id"],
            chat=message["key"]["remoteJid"],
            from_me=bool(message["key"].get("fromMe")),
            text=message["text"],
            type=event["type"],
            push_name=message["push_name"],
            raw=message["raw"],
        )
        for message in event["messages"]
    ]
