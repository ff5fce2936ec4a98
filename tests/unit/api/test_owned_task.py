"""Tasks that the server keeps running."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from waport.api import server
from waport.api.owned_task import OwnedTask
from waport.config import Settings
from waport.events import WebhookWorker


async def test_a_task_that_fails_is_told_of_and_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = 0
    is_up = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs <= 2:
            raise ZeroDivisionError("odd")
        is_up.set()
        await asyncio.Event().wait()

    it = OwnedTask("webhooks", work, pause_s=0.0)
    assert not it.is_running
    task = asyncio.create_task(it.run())
    async with asyncio.timeout(20):
        await is_up.wait()
    assert it.is_running
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["webhooks" in record.getMessage() for record in errors] == [True, True]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not it.is_running


async def test_a_task_that_ends_by_itself_is_down_until_it_runs_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        return

    it = OwnedTask("prune", work, pause_s=1000.0)
    task = asyncio.create_task(it.run())
    await asyncio.sleep(0)
    assert "prune ended by itself" in caplog.text
    assert not it.is_running
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("is_error", [False, True])
async def test_a_task_that_may_end_is_not_started_again(is_error: bool) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        it.let_end()
        if is_error:
            raise ZeroDivisionError

    it = OwnedTask("webhooks", work, pause_s=1000.0)
    async with asyncio.timeout(20):
        await it.run()
    assert runs == 1


async def test_the_server_is_not_ready_while_webhooks_are_not_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "OwnedTask", partial(OwnedTask, pause_s=0.05))
    runs = asyncio.Semaphore(0)
    may_run = asyncio.Event()

    async def run(worker: WebhookWorker) -> None:
        runs.release()
        if not may_run.is_set():
            raise ZeroDivisionError("odd")
        await asyncio.Event().wait()

    monkeypatch.setattr(WebhookWorker, "run", run)
    (tmp_path / "env").touch()
    settings = Settings.load(
        tmp_path / "env",
        {"PORT": "0", "HOST": "127.0.0.1", "SESSIONS_PATH": str(tmp_path), "LOG_LEVEL": "error"},
    )
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.serve(settings, on_listening=listening.set_result))
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        url = await listening

        async def until(is_reached: Callable[[Any], bool]) -> None:
            while not is_reached(await client.get(f"{url}/readyz")):
                await runs.acquire()

        await until(lambda answer: answer.status_code == 503)
        assert "webhooks ended by an error" in caplog.text
        may_run.set()
        await until(lambda answer: answer.status_code == 200)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await task == 0
