"""Processes under test, and what the kernel says of the time and memory that they take."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from .baileys import BenchError

STOP_TIMEOUT_S = 10.0
QUIET_S = 0.2
"""A process that took no CPU time for so long has finished what it was given."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOG_TAIL = 2_000
_MAX_LINE = 16 << 20


class Process:
    """A program whose output goes into a log; make it with `start`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._was_heard = False

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        is_asked: bool = False,
    ) -> Self:
        """Start it.

        Args:
            name: for errors, and of its log.
            command: the program and its arguments.
            folder: where it runs; its log is there too.
            settings: added to the environment.
            is_asked: it will be told things by `ask`.
        """
        log = folder / f"{name}.log"
        with log.open("wb") as log_file:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env={**os.environ, **(settings or {})},
                stdin=asyncio.subprocess.PIPE if is_asked else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                limit=_MAX_LINE,
            )
        return cls(name, process, log)

    async def line(self, timeout_s: float = 30.0) -> Mapping[str, Any]:
        """The next line that it prints, JSON; the first one says that it is ready.

        Raises:
            BenchError: it prints none, or tells an error.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._process.stdout.readline()
            said: Mapping[str, Any] = json.loads(line)
        except (TimeoutError, ValueError) as exc:
            raise self.failure("does not answer" if self._was_heard else "did not start") from exc
        self._was_heard = True
        if "error" in said:
            raise self.failure(f"failed ({said['error']})")
        return said

    async def ask(
        self, question: Mapping[str, object], timeout_s: float = 60.0
    ) -> Mapping[str, Any]:
        """Tell it something, and wait for the line that answers.

        Raises:
            BenchError: it does not answer, or it failed.
        """
        self.tell(question)
        return await self.line(timeout_s)

    def tell(self, question: Mapping[str, object]) -> None:
        """Tell it something whose answer is read elsewhere."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")

    def check(self) -> None:
        """Raise BenchError if it has ended."""
        if self._process.returncode is not None:
            raise self.failure(f"ended with {self._process.returncode}")

    def failure(self, what: str) -> BenchError:
        """An error with the end of its log."""
        tail = self._log.read_bytes()[-_LOG_TAIL:].decode(errors="replace")
        return BenchError(f"the {self.name} {what}; the end of its log:\n{tail}")

    async def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def cpu_s(self) -> float:
        """CPU time so far, user and system, all threads; in steps of 10 ms. BenchError if ended."""
        self.check()
        # The second field is a name in parentheses, which may hold anything.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_S

    def memory_mb(self) -> float:
        """Resident memory."""
        self.check()
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * _PAGE / 1e6

    def reset_peak(self) -> float:
        """Forget the highest resident memory so far; what it is now, MB."""
        self.check()
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")
        return self.peak_mb()

    def peak_mb(self) -> float:
        """The highest resident memory since it was reset."""
        self.check()
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kib = status.partition("VmHWM:")[2].split(maxsplit=1)[0]
        return int(kib) * 1024 / 1e6

    async def quiet(self, timeout_s: float = 5.0) -> None:
        """Wait until it rests, so that late work counts for what caused it."""
        before = self.cpu_s()
        for _ in range(int(timeout_s / QUIET_S)):
            await asyncio.sleep(QUIET_S)
            now = self.cpu_s()
            if now - before < 2 * _TICK_S:
                return
            before = now


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
