from __future__ import annotations

import asyncio
import sys

import pytest

pytestmark = pytest.mark.e2e


async def test_the_demo_exchanges_its_messages_and_ends() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "waport",
        "demo",
        "--once",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert b"Alice reads 'You said: hello'" in output
