"""The driver as a process of its own: commands go in as JSON lines, replies and events come back.

Every event is kept, so a test that waits for something which has already happened finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from interop.received import Event

DRIVER = Path(__file__).parent / "driver" / "driver.mjs"

COMMAND_TIMEOUT_S = 30.0
EVENT_TIMEOUT_S = 30.0
_MAX_LINE = 64 * 2**20  # a history chunk is one event, and one event is one line
_LOG_TAIL = 4_000


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


class DriverProcess:
    """One process. Make it with `spawn`, end it with `kill`."""

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
    async def spawn(cls, node: Path, log: Path, ca_file: Path | None = None) -> Self:
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

    # --- commands and events ---------------------------------------------------------------------

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
