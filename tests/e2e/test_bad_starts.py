"""Starts that must not be, each with a clear word; and a server whose secrets are encrypted."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.waport_server import EVENT_TIMEOUT_S

if TYPE_CHECKING:
    from support.talk import Talk

    from .conftest import World

pytestmark = pytest.mark.e2e

SECRET = "the first secret key, made by chance"
OTHER = "another secret key, made by chance 2"


@pytest.fixture
def server_settings() -> dict[str, str]:
    return {"WAPORT_SECRET_KEY": SECRET}


async def refused_start(world: World, **environ: str) -> tuple[int, str]:
    """Start a second process on the server's folder; its exit code and last words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "waport",
        "serve",
        env={
            **os.environ,
            "PORT": "0",
            "HOST": "127.0.0.1",
            "SESSIONS_PATH": str(world.server.sessions),
            "ENV_PATH": str(world.server.folder / "empty.env"),
            **environ,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(EVENT_TIMEOUT_S):
        _, words = await process.communicate()
    assert process.returncode is not None
    return process.returncode, words.decode()


async def test_a_second_process_is_told_who_has_the_folder(world: World) -> None:
    code, words = await refused_start(world, WAPORT_SECRET_KEY=SECRET)
    assert code == 1
    assert f"in use by another process (pid {world.server.pid})" in words
    assert "Traceback" not in words
    assert (await world.server.get("/ping"))["message"] == "pong"


async def test_an_account_lives_on_with_its_secret_key_and_with_no_other(
    world: World, talk: Talk
) -> None:
    server, inbox = world.server, world.inbox
    chat = f"{talk.alice.jid.user}@c.us"
    await talk.phone.send_text(talk.own.jid, "before")
    await inbox.text("before")
    await server.send_text("main", chat, "answer")
    assert await server.stop() == 0
    database = server.sessions / "waport.db"
    with closing(sqlite3.connect(database)) as db:
        (sizes,) = db.execute("SELECT length(noise_private) FROM credentials").fetchone()
    assert sizes == 32 + 12 + 16, "the key is sealed"

    bytes_before = database.read_bytes()
    for environ, words in (
        ({"WAPORT_SECRET_KEY": OTHER}, "the secret key is another one; nothing was changed"),
        ({}, "can't be used without its secret key"),
    ):
        code, said = await refused_start(world, **environ)
        assert code == 1
        assert words in said
        assert "Traceback" not in said
        assert database.read_bytes() == bytes_before

    # Rotated at a start; the account needs no new link and keeps its ratchets.
    await server.start({"WAPORT_SECRET_KEY": OTHER, "WAPORT_OLD_SECRET_KEY": SECRET})
    await inbox.count("ready", 2)
    await talk.phone.send_text(talk.own.jid, "after")
    await inbox.text("after")
    sent = await server.send_text("main", chat, "still here")
    await inbox.acked(sent["id"]["id"], 2)
    assert [message.text for message in talk.phone.messages()][-1] == "still here"
    assert inbox.of("message_ciphertext") == []
    log = server.log.read_text()
    assert SECRET not in log
    assert OTHER not in log
