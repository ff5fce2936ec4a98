"""A process that has loaded the server's code, and forks a server whenever it is told to.

Most of the time of a start goes into loading code, which is no different after a kill. A forked
server has its own memory, files and threads as any other; only its modules are there already.

Orders come as JSON on standard input, one a line: the environment of a server that is to be born.
What servers log goes to standard error, and between it a line with `MARK` and JSON in front of and
behind each life: `{"born": <process id>}`, `{"died": <exit code, or minus the signal>}`. At the end
of the input the server is killed.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import sys

from waport import crashpoints

MARK = "nursery: "

MODULES = (
    "alembic.runtime.migration",
    "httptools",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
    "waport.api.server",
    "waport.cli",
    "websockets.asyncio.client",
)
"""What a start loads; those that are not installed are none of the server's."""


def main() -> None:
    """Serve until the end of the input."""
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    gc.freeze()
    alarm, told = os.pipe()
    os.set_blocking(told, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(alarm, selectors.EVENT_READ)
    child, buffer = 0, b""
    while True:
        ready = {key.fd for key, _ in selector.select()}
        if alarm in ready:
            os.read(alarm, 4096)
            if child and (ended := os.waitpid(child, os.WNOHANG))[0]:
                child = 0
                _say(died=os.waitstatus_to_exitcode(ended[1]))
        if 0 in ready:
            data = os.read(0, 1 << 16)
            if not data:
                break
            buffer += data
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                assert not child, "the server before this one lives"
                child = _bear(json.loads(line), selector, (alarm, told))
                _say(born=child)
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _bear(
    environment: dict[str, str], selector: selectors.BaseSelector, pipes: tuple[int, int]
) -> int:
    child = os.fork()
    if not child:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        selector.close()
        for number in pipes:
            os.close(number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(environment)
        importlib.reload(crashpoints)  # it reads the environment as it is loaded
        sys.exit(importlib.import_module("waport.cli").main(["serve"]))
    return child


def _say(**words: int) -> None:
    # A server may have died within a line.
    os.write(2, f"\n{MARK}{json.dumps(words)}\n".encode())


if __name__ == "__main__":
    main()
