"""The server that dies: at a named point, or at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from support.ready_python import ReadyProcess
from support.waport_server import API_KEY, server_environment
from waport.crashpoints import ENVIRONMENT_NAME

from .patience import Patience

MOST_S = 900.0
"""A point that is not passed so long, while all goes on, is never passed."""

KEPT_LINES = 40
"""Of its log, for whoever looks for the reason of a failure."""


class MortalServer:
    """`waport serve`, killed in one way or the other.

    Args:
        folder: for its data.
        environment: its settings.
        patience: how long it may do nothing.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], patience: Patience) -> None:
        self._patience = patience
        self.sessions = folder / "sessions"
        self.log = folder / "server.log"
        self._environment = server_environment(folder, self.sessions, environment)
        self._process: ReadyProcess | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._words: list[str] = []
        self._url = ""
        self._code: int | None = 0
        self._changed = asyncio.Condition()
        self._api = httpx.AsyncClient(headers={"x-api-key": API_KEY}, timeout=120, trust_env=False)

    @property
    def listens_at(self) -> str:
        """Its URL; "" while it is down."""
        return self._url

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return "".join(self._words[-KEPT_LINES:])

    # --- its lives -------------------------------------------------------------------------------

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start, and wait until it listens or has ended.

        Args:
            environment: settings for this life alone.
        """
        assert self._code is not None, "it lives"
        self._code, self._words = None, []
        self._process = await ReadyProcess.start(
            ["serve"], {**self._environment, **(environment or {})}
        )
        self._patience.news()
        self._hearing = asyncio.create_task(self._hear(self._process))
        await self._until(lambda: bool(self._url) or self._has_ended, "a start")

    async def live_until(self, point: str, count: int) -> bool:
        """Live until a crash point kills the process; whether it did while something happened.

        Args:
            point: its name.
            count: which of its passes is the last.
        """
        await self.start({ENVIRONMENT_NAME: f"{point}:{count}"})
        try:
            async with asyncio.timeout(MOST_S):
                await self._until(lambda: self._has_ended, f"the end at {point}")
        except TimeoutError:
            await self.kill()
            return False
        if self._code != -signal.SIGKILL or f"crash point {point}" not in self.last_words:
            raise AssertionError(f"ended by {self._code}:\n{self.last_words}")
        return True

    async def live_for(self, life_s: float) -> None:
        """Live so long from the moment at which it listens."""
        await self.start()
        assert self._url, self.last_words
        # The moment is what is tested: it falls where it falls.
        await asyncio.sleep(life_s)
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is closed."""
        self._end(signal.SIGKILL)
        await self._until(lambda: self._has_ended, "its death")

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self._end(signal.SIGTERM)
        await self._until(lambda: self._has_ended, "its end")
        assert self._code is not None
        return self._code

    def _end(self, number: int) -> None:
        if self._code is None and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    @property
    def _has_ended(self) -> bool:
        return self._code is not None

    async def _until(self, is_so: Callable[[], bool], what: str) -> None:
        async with self._changed:
            try:
                await self._patience.wait(self._changed, is_so)
            except TimeoutError:
                raise TimeoutError(
                    f"nothing happens, {what} does not come\n{self.last_words}"
                ) from None

    # --- what is heard of it ---------------------------------------------------------------------

    async def _hear(self, process: ReadyProcess) -> None:
        """Take down what a server says, until it has ended."""
        with self.log.open("ab") as log:
            while line := await process.stderr.readline():
                log.write(line)
                log.flush()
                async with self._changed:
                    self._on_line(line.decode(errors="replace"))
                    self._changed.notify_all()
        code = await process.wait()
        self._patience.news()
        async with self._changed:
            self._code, self._url = code, ""
            self._changed.notify_all()

    def _on_line(self, line: str) -> None:
        self._words.append(line)
        if "listening on " in line:
            self._url = line.rsplit("listening on ", 1)[1].strip()

    # --- the API ---------------------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        """GET; anything but 2xx fails the test."""
        return self._json(await self._api.get(self._url + path))

    async def post(self, path: str, body: Any) -> Any:
        """POST JSON; anything but 2xx fails the test."""
        return self._json(await self._api.post(self._url + path, json=body))

    async def close(self) -> None:
        """End it, and let go of its API."""
        self._end(signal.SIGKILL)
        if self._hearing is not None:
            await self._hearing
        await self._api.aclose()

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        assert response.is_success, f"{response.status_code} {response.text}"
        return response.json()


@contextlib.asynccontextmanager
async def mortal_server(
    folder: Path, environment: Mapping[str, str], patience: Patience
) -> AsyncIterator[MortalServer]:
    """A server that is down still; at the end it is gone."""
    server = MortalServer(folder, environment, patience)
    try:
        yield server
    finally:
        await server.close()
