"""A device that Baileys has linked goes on in our server: nobody scans again."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from interop.conftest import launching
from support.waport_server import Inbox, WaportServer, webhook_inbox
from waport.admin.importing import import_baileys
from waport.config import Settings
from waport.errors import StoreError
from waport.signal.records import SessionRecord
from waport.store import Database, sqlite_url
from waport.store.schema import signal_sessions as table

if TYPE_CHECKING:
    from .conftest import Admin, Emulator

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("import")]

SESSION = "main"


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with webhook_inbox() as inbox:
        yield inbox


async def base_keys(sessions: Path) -> dict[str, bytes]:
    """Which session there is with each device."""
    database = await Database.open(sqlite_url(sessions / "waport.db"))
    question = select(table.c.name, table.c.device, table.c.record)
    try:
        rows = await database.read(SESSION, lambda work: work.signal._db.ask_once(question))
    finally:
        await database.close()
    return {
        f"{name}.{device}": SessionRecord.load(record).base_key for name, device, record in rows
    }


async def test_a_linked_device_is_taken_over_with_its_sessions(
    node: Path,
    emulator: Emulator,
    admin: Admin,
    inbox: Inbox,
    tmp_path: Path,
    unique_name: str,
) -> None:
    (tmp_path / "empty.env").touch()
    server = WaportServer(
        tmp_path,
        {
            "BASE_WEBHOOK_URL": inbox.url,
            "WA_WEBSOCKET_URL": emulator.ws_url,
            "WA_NOISE_ROOT_KEY": emulator.noise_root_key,
            "WA_CA_FILE": str(emulator.ca_file),
            "LOG_LEVEL": "debug",
        },
    )
    settings = Settings.load(tmp_path / "empty.env", {"SESSIONS_PATH": str(server.sessions)})
    auth = tmp_path / "auth"
    auth.mkdir()
    async with launching(node, emulator, admin, auth) as launch:
        them = await launch(f"{unique_name} them")
        bot = await launch(f"{unique_name} bot")
        ours = await admin.account_of((await bot.me())["id"])
        theirs = await admin.account_of((await them.me())["id"])
        for index in range(3):
            await bot.send_text(theirs["jid"], f"bot {index}")
            await them.wait_text(f"bot {index}")
            await them.send_text(ours["jid"], f"them {index}")
            await bot.wait_text(f"them {index}")
        group = (await them.call("groupCreate", "family", [ours["jid"]]))["id"]
        await them.send_text(group, "to the group")
        await bot.wait_text("to the group")
        await bot.send_text(group, "from the bot to the group")
        await them.wait_text("from the bot to the group")
        await bot.stop()
        await them.send_text(ours["jid"], "while it moved")

        folder = auth / f"{unique_name} bot".replace(" ", "-")
        before = {path.name: path.read_bytes() for path in folder.glob("*.json")}
        told = await import_baileys(settings, folder, SESSION)
        assert "left out" not in "".join(told)
        counts = [int(part.split()[0]) for part in told[1].split(", ")]
        assert all(counts), told[1]
        assert {path.name: path.read_bytes() for path in folder.glob("*.json")} == before
        with pytest.raises(StoreError, match="has credentials already"):
            await import_baileys(settings, folder, SESSION)
        imported = await base_keys(server.sessions)
        assert imported

        await server.start()
        try:
            await inbox.kind("ready")
            await inbox.text("while it moved")
            sent = await server.send_text(SESSION, f"{theirs['phone']}@c.us", "from the new home")
            await them.wait_text("from the new home")
            await inbox.acked(sent["id"]["id"], 2)
            await them.send_text(ours["jid"], "welcome")
            await inbox.text("welcome")
            # The sender key of the group came along: it is not told twice.
            await them.send_text(group, "still reading the group?")
            await inbox.text("still reading the group?")
            await server.send_text(SESSION, group, "still here")
            await them.wait_text("still here")
            assert inbox.of("qr") == []
            assert inbox.of("message_ciphertext") == []
            texts = ["while it moved", "welcome", "still reading the group?"]
            assert inbox.received_texts() == texts
            devices = (await admin.account_of(ours["jid"]))["devices"]
            assert len(devices) == len(ours["devices"])
            checks = await them.checks()
            assert all(counts["refused"] == 0 for counts in checks.values())
        finally:
            assert await server.stop() == 0
        after = await base_keys(server.sessions)
        # The very sessions that were brought along were used: none was made anew.
        assert {address: after.get(address) for address in imported} == imported
        shutil.rmtree(folder)
