"""Servers that are ready at once: forked from a process that has loaded `waport serve` before.

Each is a process of its own all the same, with its own process id, environment and standard
error, and it dies by signals like any other. What it spares is the second that every start of
Python spends on imports; tests start hundreds of servers.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "waport.cli",
        "waport.api.server",
        # What a start loads later on.
        "alembic.command",
        "sqlalchemy.dialects.sqlite.pysqlite",
        "uvicorn.lifespan.on",
        "uvicorn.protocols.http.httptools_impl",
        "uvloop",
        "websockets.asyncio.client",
    ]
)


def _run(arguments: Sequence[str], environment: Mapping[str, str], stderr: Connection) -> None:
    """In the new process: become `waport` with these arguments."""
    gc.freeze()  # or the next collection copies all the memory that is shared
    os.dup2(stderr.fileno(), 2)
    stderr.close()
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["waport", *arguments]

    from waport import crashpoints
    from waport.cli import main

    importlib.reload(crashpoints)  # it reads the environment when it is loaded
    sys.exit(main(arguments))


class ReadyProcess:
    """A running `waport`; what of `asyncio.subprocess.Process` tests use."""

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        self._process = process
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._watched = process.sentinel
        loop.add_reader(self._watched, self._on_end)
        self.stderr = asyncio.StreamReader(2**20)

    @classmethod
    async def start(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> ReadyProcess:
        """Run `waport` with these arguments, and nothing but these variables of the environment."""
        reader, writer = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(
            target=_run, args=(list(arguments), dict(environment), writer), daemon=True
        )
        # The first start loads everything.
        await asyncio.to_thread(process.start)
        writer.close()
        ready = cls(process)
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(os.dup(reader.fileno()), "rb", 0)
        reader.close()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ready.stderr), pipe)
        return ready

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    async def wait(self) -> int:
        """Wait until it has ended; the exit code."""
        await self._ended.wait()
        code = self._process.exitcode
        assert code is not None
        return code

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watched)
        self._process.join()
        self._ended.set()
