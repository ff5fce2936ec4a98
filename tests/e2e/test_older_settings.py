"""A settings file as callers of wwebjs-api have one: every name is honoured, or told as useless."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from support.linked import ServerAddress, linked_client
from support.talk import c_us
from support.waport_server import API_KEY, WaportServer, webhook_inbox
from waport.emulator.phone_media import OutgoingFile
from waport.emulator.server import Emulator, EmulatorOptions
from waport.model import Ack, AckChanged

pytestmark = pytest.mark.e2e

ORIGIN = "https://shop.example"
VERSION = "2.3000.1029999999"
USELESS = ("WEB_VERSION_CACHE_TYPE", "CHROME_BIN", "HEADLESS", "RELEASE_BROWSER_LOCK")
BUDGET = 60
"""Requests in a window that no test outlives."""

FILE = f"""
LOG_LEVEL=info
ENABLE_LOCAL_CALLBACK_EXAMPLE=TRUE
RATE_LIMIT_MAX={BUDGET}
RATE_LIMIT_WINDOW_MS=3600000
MAX_ATTACHMENT_SIZE=1000
SET_MESSAGES_AS_SEEN=TRUE
DISABLED_CALLBACKS=message_ack|message_reaction|unread_count
WEB_VERSION='{VERSION}'
WEB_VERSION_CACHE_TYPE=none
RECOVER_SESSIONS=FALSE
CHROME_BIN=/usr/bin/chromium
HEADLESS=TRUE
RELEASE_BROWSER_LOCK=TRUE
ENABLE_SWAGGER_ENDPOINT=FALSE
ENABLE_WEBHOOK=TRUE
ENABLE_WEBSOCKET=TRUE
AUTO_START_SESSIONS=FALSE
ENABLE_WEB_UI=TRUE
BASE_PATH=/wa
TRUST_PROXY=TRUE
ALLOWED_ORIGINS={ORIGIN}
"""


async def test_a_settings_file_of_the_older_server_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "older.env"
    (tmp_path / "ann").mkdir()
    async with (
        Emulator(EmulatorOptions()) as emulator,
        webhook_inbox() as of_all,
        webhook_inbox() as of_shop,
    ):
        file.write_text(f"{FILE}BASE_WEBHOOK_URL={of_all.url}\nSHOP_WEBHOOK_URL={of_shop.url}\n")
        server = WaportServer(
            tmp_path,
            {
                "ENV_PATH": str(file),
                "WA_WEBSOCKET_URL": emulator.ws_url,
                "WA_NOISE_ROOT_KEY": emulator.root_key.hex(),
                "WA_CA_FILE": str(emulator.ca_file),
            },
        )
        await server.start()
        try:
            root = httpx.URL(server.url).copy_with(path="/")
            async with httpx.AsyncClient(
                base_url=root.join("/wa"), headers={"x-api-key": API_KEY}, trust_env=False
            ) as api:
                account = await emulator.create_account(None, "Shop")
                own_phone = emulator.phone_of(account)
                alice = emulator.phone_of(await emulator.create_account(None, "Alice"))
                ann_phone = emulator.phone_of(await emulator.create_account(None, "Ann"))

                # The prefix, the page, the document that is not wanted, other sites' scripts.
                assert (await api.get(str(root.join("/ping")))).status_code == 404
                pong = await api.get("/ping", headers={"origin": ORIGIN})
                assert pong.headers["access-control-allow-origin"] == ORIGIN
                stranger = await api.get("/ping", headers={"origin": "https://other.example"})
                assert "access-control-allow-origin" not in stranger.headers
                assert (await api.get("/dashboard/")).status_code == 200
                for page in ("/docs", "/api-docs", "/openapi.json"):
                    assert (await api.get(page)).status_code == 404
                body = {"dataType": "test", "data": 1}
                assert (await api.post("/localCallbackExample", json=body)).is_success
                log = server.sessions / "message_log.txt"
                assert json.loads(log.read_bytes()) == body

                # One session has a receiver of its own; the other one has that of all.
                await api.get("/session/start/shop")
                qr = (await of_shop.kind("qr"))["data"]["qr"]
                socket_url = str(root.join("/wa/ws/shop")).replace("http", "ws")
                async with connect(f"{socket_url}?apiKey={API_KEY}", proxy=None) as socket:
                    await own_phone.pair_by_qr(qr)
                    await of_shop.kind("ready")
                    async with asyncio.timeout(30):
                        while json.loads(await socket.recv()).get("dataType") != "ready":
                            pass
                await api.get("/session/start/other")
                await of_all.kind("qr")
                assert {event["sessionId"] for event in of_shop.events} == {"shop"}
                version = (await api.get("/client/getWWebVersion/shop")).json()["result"]
                assert version == VERSION

                # What comes in is seen at once; large files and what is disabled stay out.
                address = ServerAddress(
                    emulator.ws_url, emulator.root_key.hex(), Path(str(emulator.ca_file))
                )
                async with linked_client(tmp_path / "ann", address, ann_phone.pair_by_qr) as ann:
                    sent = await ann.client.messages.send_text(account.jid, "hello")
                    await ann.events.until(
                        AckChanged, lambda e: e.message.key == sent.key and e.ack is Ack.READ
                    )
                large = OutgoingFile(b"x" * 1001, "text/plain", name="a.txt")
                await alice.send_file(account.jid, large)
                media = (await of_shop.kind("media"))["data"]["messageMedia"]
                assert (media["filesize"], media["data"]) == (1001, None)
                text = {"contentType": "string", "content": "hi"}
                to = {"chatId": c_us(ann.jid)}
                for _ in range(2):
                    answer = await api.post("/client/sendMessage/shop", json={**text, **to})
                    assert answer.json()["message"]["ack"] == 1
                # Of one chat all comes in order: the ack of the first message would be here.
                newest = answer.json()["message"]["id"]
                await of_shop.until(
                    lambda e: e["dataType"] == "message_create" and e["data"]["id"] == newest
                )
                kinds = {event["dataType"] for event in of_shop.events}
                assert kinds.isdisjoint({"message_ack", "message_reaction", "unread_count"})

                assert {event["sessionId"] for event in of_all.events} == {"other"}

                # So many requests, and no more.
                answers = [await api.get("/ping") for _ in range(BUDGET)]
                refused = answers[-1]
                assert (refused.status_code, refused.json()["message"]) == (429, "rate_limited")
                assert int(refused.headers["retry-after"]) > 0

            # What has no effect is told; sessions wait for their start.
            words = server.log.read_text()
            for name in (*USELESS, "RECOVER_SESSIONS"):
                assert f"{name} is set and has no effect here" in words
            assert await server.stop() == 0
            await server.start()
            root = httpx.URL(server.url).copy_with(path="/")
            answer = await server.api.get(str(root.join("/wa/session/getSessions")))
            assert answer.json()["sessions"] == []
            assert (server.sessions / "session-shop").is_dir()
        finally:
            await server.kill()
