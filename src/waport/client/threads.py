"""Work of some duration, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Stopped(Exception):
    """Ends a job in a thread whose caller was cancelled; never leaves `stoppable`."""


async def in_thread(job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a short job in a thread.

    Unlike `asyncio.to_thread`, a cancelled caller still waits for the end of the job, so that a
    file is not closed or removed while the thread works on it.
    """
    task = asyncio.ensure_future(asyncio.to_thread(job, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _end_of(task)
        raise


async def stoppable(job: Callable[[Callable[[], None]], T]) -> T:
    """Run a long job in a thread; a cancelled caller stops it and waits until it has stopped.

    Args:
        job: gets a function to call between its steps, which raises when it should end.
    """
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped

    task = asyncio.ensure_future(asyncio.to_thread(job, check))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await _end_of(task)
        raise


async def _end_of(task: asyncio.Future[T]) -> None:
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # looked at, so that nobody reports it as forgotten
