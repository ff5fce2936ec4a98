"""The dashboard's own script, run by Node over the smallest page that it can be run on."""

from __future__ import annotations

import asyncio
import base64
import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import waport.dashboard
from support.waport_server import API_KEY, WaportServer, webhook_inbox
from waport.emulator.server import Emulator, EmulatorOptions

pytestmark = pytest.mark.interop

PAGE = Path(__file__).parent / "driver" / "page.mjs"
SCRIPT = Path(waport.dashboard.__file__).parent / "app.js"
TIMEOUT_S = 60


async def test_its_reader_starts_links_and_ends_a_session(tmp_path: Path) -> None:
    async with Emulator(EmulatorOptions()) as emulator, webhook_inbox() as inbox:
        server = WaportServer(
            tmp_path,
            {
                "BASE_PATH": "/wa",
                "ENABLE_WEB_UI": "true",
                "BASE_WEBHOOK_URL": inbox.url,
                "WA_WEBSOCKET_URL": emulator.ws_url,
                "WA_NOISE_ROOT_KEY": emulator.root_key.hex(),
                "WA_CA_FILE": str(emulator.ca_file),
            },
        )
        account = await emulator.create_account(None, "Bot")
        await server.start()
        base = server.url.removesuffix("/wa") + "/wa"
        page = await asyncio.create_subprocess_exec(
            *("node", str(PAGE), base, str(SCRIPT), API_KEY, "shop"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
        )
        assert page.stdin is not None
        assert page.stdout is not None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                told = json.loads(await page.stdout.readline())
                assert told["steps"] == ["API key is required", [["shop", "qr"]]]
                picture = Image.open(BytesIO(base64.b64decode(told["picture"])))
                assert (picture.format, picture.size) == ("PNG", (300, 300))
                qr = await inbox.kind("qr")
                await emulator.phone_of(account).pair_by_qr(qr["data"]["qr"])
                await inbox.kind("ready")
                page.stdin.write(b"linked\n")
                told = json.loads(await page.stdout.readline())
                assert (told["images"], told["label"]) == (0, "Terminate")
                assert await page.wait() == 0
            assert not (server.sessions / "session-shop").exists()
            assert sorted(account.devices) == [0]
        finally:
            if page.returncode is None:
                page.kill()
                await page.wait()
            await server.kill()
