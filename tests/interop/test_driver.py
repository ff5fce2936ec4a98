"""The client of the tests is strict where stock Baileys is not, and never outlives a test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .baileys import Baileys

pytestmark = pytest.mark.interop

CHECKS = {"certificate", "account", "signed_pre_key", "sender_key"}

PARENT = """\
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
os.kill(os.getpid(), 9)
"""


@pytest.fixture
async def idle(driver: ModuleType, node: Path, tmp_path: Path) -> AsyncIterator[Baileys]:
    client: Baileys = await driver.Baileys.spawn(node, tmp_path / "idle.log")
    try:
        yield client
    finally:
        await client.kill()


async def test_good_signatures_are_accepted_and_forged_ones_refused(idle: Baileys) -> None:
    outcomes = await idle.command("self_check")
    assert {name for name, outcome in outcomes.items() if outcome == "accepted"} == CHECKS
    assert {name for name, outcome in outcomes.items() if "signature" in outcome.lower()} == {
        "certificate_of_another_root",
        "forged_intermediate",
        "forged_leaf",
        "forged_account",
        "forged_signed_pre_key",
        "forged_sender_key",
    }


async def test_every_check_of_baileys_runs_through_the_strict_verification(idle: Baileys) -> None:
    await idle.command("self_check")
    checks = await idle.checks()
    assert {
        name for name, count in checks.items() if count["passed"] and count["refused"]
    } == CHECKS
    assert checks["other"] == {"passed": 0, "refused": 0}


async def test_a_command_that_fails_reports_its_error(idle: Baileys, driver: ModuleType) -> None:
    with pytest.raises(driver.DriverError, match="not started"):
        await idle.send_text("15550001111@s.whatsapp.net", "hello")
    with pytest.raises(driver.DriverError, match="unknown command"):
        await idle.command("fly")


async def test_an_unreachable_server_is_a_closed_connection(
    driver: ModuleType, node: Path, tmp_path: Path
) -> None:
    client = await driver.Baileys.start(
        node, "wss://127.0.0.1:1/ws/chat", "00" * 32, None, tmp_path / "auth"
    )
    try:
        closed = await client.wait_close()
        assert "ECONNREFUSED" in closed["reason"]
    finally:
        await client.stop()


async def test_what_a_content_refers_to_must_be_known(
    driver: ModuleType, node: Path, tmp_path: Path
) -> None:
    client = await driver.Baileys.start(
        node, "wss://127.0.0.1:1/ws/chat", "00" * 32, None, tmp_path / "auth"
    )
    to = "15550001111@s.whatsapp.net"
    try:
        for content in ({"delete": {"$key": "3EB0AA"}}, {"forward": {"$message": "3EB0AA"}}):
            with pytest.raises(driver.DriverError, match="no message 3EB0AA"):
                await client.send_content(to, content)
        with pytest.raises(driver.DriverError, match="no message 3EB0AA"):
            await client.tally("3EB0AA")
    finally:
        await client.stop()


async def test_a_wait_fails_at_once_when_the_process_has_ended(
    idle: Baileys, driver: ModuleType
) -> None:
    await idle.kill()
    with pytest.raises(driver.Gone, match="ended"):
        await idle.wait_open()
    with pytest.raises(driver.Gone, match="ended"):
        await idle.command("checks")


async def test_the_process_ends_with_the_one_that_started_it(
    driver: ModuleType, node: Path
) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(node), str(driver.DRIVER), stderr=asyncio.subprocess.PIPE
    )
    assert parent.stderr is not None
    async with asyncio.timeout(30):
        # The child shares this pipe, so its end comes only once the child has ended too.
        await parent.stderr.read()
    assert await parent.wait() == -9
