"""The log of a server that tells everything: no key, no text, no whole number is in it."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect

from support.waport_server import API_KEY

if TYPE_CHECKING:
    from support.talk import Talk

    from .conftest import World

pytestmark = pytest.mark.e2e

IN = "the eagle has landed at dawn"
OUT = "carrots are cheaper on tuesdays"
GROUP_TEXT = "nobody tells grandmother"
WEBHOOK_KEY = "hook-key-0f9e8d7c6b5a"
SECRETS = {
    "credentials": ("noise_private", "identity_private", "signed_pre_key_private", "adv_secret"),
    "pre_keys": ("private",),
    "signed_pre_keys": ("private",),
    "signal_sessions": ("record",),
    "sender_keys": ("record",),
    "app_state_keys": ("key_data",),
}


@pytest.fixture
def server_settings() -> dict[str, str]:
    return {
        "LOG_LEVEL": "trace",
        "WEBHOOK_API_KEY": WEBHOOK_KEY,
        "WEBHOOK_SECRET": "whsec_" + base64.b64encode(bytes(range(32))).decode(),
    }


def stored_secrets(world: World) -> list[bytes]:
    """Every secret of the database, and the hidden parts of records."""
    found = []
    with closing(sqlite3.connect(world.server.sessions / "waport.db")) as db:
        for table, columns in SECRETS.items():
            rows = db.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
            found += [bytes(value) for row in rows for value in row]
    return found


async def test_a_log_of_everything_gives_nothing_away(world: World, talk: Talk) -> None:
    server, inbox = world.server, world.inbox
    made = await server.post("/apiKeys", {"name": "k", "scopes": ["read"]})
    secret = made["apiKey"]["key"]
    url = server.url.replace("http", "ws")
    async with connect(f"{url}/ws?apiKey={secret}") as socket:
        assert json.loads(await socket.recv())["type"] == "connected"
    await server.api.get("/ping", headers={"x-api-key": "a wrong key that somebody typed"})

    chat = f"{talk.alice.jid.user}@c.us"
    await talk.phone.send_text(talk.own.jid, IN)
    await inbox.text(IN)
    sent = await server.send_text("main", chat, OUT)
    await inbox.acked(sent["id"]["id"], 2)
    made = await server.post("/client/createGroup/main", {"name": "family", "participants": [chat]})
    await server.send_text("main", made["group"]["id"]["_serialized"], GROUP_TEXT)
    await server.api.post("/client/sendMessage/main", json={"chatId": chat, "content": OUT})
    await server.kill()
    await server.start()
    await inbox.count("ready", 2)
    assert await server.stop() == 0

    log = server.log.read_bytes()
    assert b" DEBUG " in log, "the log tells everything"
    hidden = stored_secrets(world)
    assert len(hidden) > 100
    for key in hidden:
        for part in (key[-24:], key[:24]) if len(key) > 48 else (key[:24],):
            assert part.hex().encode() not in log
            assert base64.b64encode(part)[:28] not in log
            assert repr(part)[2:-1].encode() not in log
    for text in (IN, OUT, GROUP_TEXT, API_KEY, secret, WEBHOOK_KEY, "whsec_", "wrong key that"):
        assert text.encode() not in log, text
    for account in (talk.own, talk.alice):
        for jid in (account.jid, account.lid):
            lines = [line for line in log.splitlines() if jid.user.encode() in line]
            assert lines == [], jid.server
