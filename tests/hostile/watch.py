"""What a flood of bad inputs must not leave behind: errors of our own making, tasks, memory."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Iterator

from waport.errors import WhatsAppError


class Faults(logging.Handler):
    """Keeps the tracebacks in the log that are of no error of ours: each is a bug.

    Attributes:
        told: how often each line was logged, by its words without what was put in.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []
        self.told: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        self.told[str(record.msg)] += 1
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, WhatsAppError):
            told = "".join(traceback.format_exception(error))
            self.found.append(f"{record.getMessage()}\n{told}")


@contextlib.contextmanager
def no_faults() -> Iterator[Faults]:
    """Fails at the end if a traceback of an untyped error was logged meanwhile.

    Nobody else hears the log: thousands of kept records would look like a leak. To be entered
    within a test: pytest listens to loggers anew as each of its phases begins.
    """
    faults = Faults()
    loggers = [logging.getLogger(name) for name in ("waport", "asyncio", "uvicorn")]
    for logger in loggers:
        logger.addHandler(faults)
        logger.propagate = False
    try:
        yield faults
    finally:
        for logger in loggers:
            logger.removeHandler(faults)
            logger.propagate = True
    assert not faults.found, f"{len(faults.found)} faults, the first: {faults.found[0]}"


def blocks() -> int:
    """Blocks of memory that the interpreter holds, garbage left out."""
    gc.collect()
    gc.collect()
    return sys.getallocatedblocks()


class Growth:
    """Memory round by round: `mark` after each; the last round must not have grown much."""

    def __init__(self) -> None:
        self.marks: list[int] = []

    def mark(self) -> None:
        self.marks.append(blocks())

    @property
    def last(self) -> int:
        """Blocks that the last round added."""
        return self.marks[-1] - self.marks[-2]


def others() -> set[asyncio.Task[object]]:
    """The tasks that run beside the present one."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
