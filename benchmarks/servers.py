"""The two servers under test, linked to one emulator: ours, and a Baileys socket behind HTTP."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from .baileys import SCRIPTS, BenchError
from .http_tools import Endpoint, call, request
from .processes import Process, free_port

SESSION = "bench"
LINK_TIMEOUT_S = 30.0
POLL_S = 0.02

_OTHER_EVENTS = (
    "qr authenticated ready change_state message_create message_ack media_uploaded disconnected"
)


class Emulator:
    """`waport emulator`, with TLS and its state in memory."""

    def __init__(self, process: Process, said: Mapping[str, Any]) -> None:
        self.process = process
        self.ws_url = str(said["ws_url"])
        self.root_key = str(said["noise_root_key"])
        self.ca_file = str(said["ca_file"])
        port = urlsplit(str(said["admin_url"])).port
        assert port is not None
        self.admin = Endpoint(port, ssl.create_default_context(cafile=self.ca_file))

    @classmethod
    async def start(cls, folder: Path) -> Emulator:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", "waport", "emulator", "--port", "0"]
        process = await Process.start("emulator", [*command, "--state", ":memory:"], folder)
        return cls(process, await process.line())

    async def account(self, phone: str, name: str) -> Mapping[str, Any]:
        """Make an account: its `jid`, `lid`, `phone`, `name`."""
        body = {"phone": phone, "name": name}
        account: Mapping[str, Any] = await call(self.admin, "POST", "/admin/accounts", body)
        return account


class ServerUnderTest(Protocol):
    """What the measurements need of either server."""

    process: Process
    endpoint: Endpoint
    startup_s: float

    async def qr(self) -> str | None:
        """The QR text, once there is one."""
        ...

    async def is_connected(self) -> bool:
        """Whether it is logged in."""
        ...

    def send_request(self, to: str, text: str) -> bytes:
        """A whole HTTP request that sends a text."""
        ...


async def link(server: ServerUnderTest, emulator: Emulator, account: str) -> None:
    """Have an account's phone scan the server's QR, and wait until it is logged in.

    Raises:
        BenchError: that takes too long.
    """
    try:
        async with asyncio.timeout(LINK_TIMEOUT_S):
            while (text := await server.qr()) is None:
                server.process.check()
                await asyncio.sleep(POLL_S)
            path = f"/admin/mock-phone/scan-qr?account={account}"
            await call(emulator.admin, "POST", path, text)
            while not await server.is_connected():
                server.process.check()
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise server.process.failure("was not linked in time") from None


class OurServer:
    """A session of `waport serve` on SQLite on disk, its webhook set for incoming messages."""

    def __init__(
        self, process: Process, endpoint: Endpoint, startup_s: float, session: str = SESSION
    ) -> None:
        self.process = process
        self.endpoint = endpoint
        self.startup_s = startup_s
        self.session = session

    @classmethod
    async def start(
        cls,
        emulator: Emulator,
        folder: Path,
        webhook: str,
        more_settings: Mapping[str, str] | None = None,
    ) -> OurServer:
        """Start it and wait until it listens.

        Raises:
            BenchError: it does not.
        """
        port = free_port()
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "API_KEY": "",
            "LOG_LEVEL": "warn",
            "SESSIONS_PATH": str(folder / "sessions"),
            "WA_WEBSOCKET_URL": emulator.ws_url,
            "WA_NOISE_ROOT_KEY": emulator.root_key,
            "WA_CA_FILE": emulator.ca_file,
            "BASE_WEBHOOK_URL": webhook,
            # The other side posts incoming messages and nothing else.
            "DISABLED_CALLBACKS": _OTHER_EVENTS,
            # Compiled modules are kept, as on any machine that is not told otherwise.
            "PYTHONDONTWRITEBYTECODE": "",
            **(more_settings or {}),
        }
        began = time.perf_counter()
        command = [sys.executable, "-m", "waport", "serve"]
        process = await Process.start("server", command, folder, settings)
        endpoint = Endpoint(port)
        await _listening(process, endpoint)
        return cls(process, endpoint, time.perf_counter() - began)

    def another(self, session: str) -> OurServer:
        """The same server with another session of it."""
        return OurServer(self.process, self.endpoint, self.startup_s, session)

    async def begin(self) -> None:
        """Start the session that is to be linked."""
        await call(self.endpoint, "GET", f"/session/start/{self.session}")

    async def qr(self) -> str | None:
        path = f"/session/qr/{self.session}"
        text: str | None = (await call(self.endpoint, "GET", path, accept=(200, 404))).get("qr")
        return text

    async def is_connected(self) -> bool:
        status = await call(self.endpoint, "GET", f"/session/status/{self.session}")
        return bool(status["state"] == "CONNECTED")

    def send_request(self, to: str, text: str) -> bytes:
        body = {"chatId": to, "contentType": "string", "content": text}
        return request("POST", f"/client/sendMessage/{self.session}", body)


class BaileysServer:
    """`node/server.mjs`."""

    def __init__(self, process: Process, endpoint: Endpoint, startup_s: float) -> None:
        self.process = process
        self.endpoint = endpoint
        self.startup_s = startup_s

    @classmethod
    async def start(
        cls, node: Path, emulator: Emulator, folder: Path, webhook: str
    ) -> BaileysServer:
        """Start it; it begins to connect by itself.

        Raises:
            BenchError: it does not listen.
        """
        options = {
            "url": emulator.ws_url,
            "root_key": emulator.root_key,
            "auth_dir": str(folder / "baileys"),
            "push_name": "Bench",
            "webhook": webhook,
        }
        began = time.perf_counter()
        process = await Process.start(
            "Baileys server",
            [node, SCRIPTS / "server.mjs", json.dumps(options)],
            folder,
            {"NODE_EXTRA_CA_CERTS": emulator.ca_file, "NODE_ENV": "production"},
        )
        endpoint = Endpoint(int((await process.line())["port"]))
        return cls(process, endpoint, time.perf_counter() - began)

    async def qr(self) -> str | None:
        text: str | None = (await call(self.endpoint, "GET", "/qr", accept=(200, 404))).get("qr")
        return text

    async def is_connected(self) -> bool:
        return bool((await call(self.endpoint, "GET", "/status"))["connected"])

    def send_request(self, to: str, text: str) -> bytes:
        return request("POST", "/send", {"to": to, "text": text})


async def _listening(process: Process, endpoint: Endpoint, timeout_s: float = 30.0) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                process.check()
                try:
                    await call(endpoint, "GET", "/ping")
                except (OSError, BenchError):
                    await asyncio.sleep(POLL_S)
                else:
                    return
    except TimeoutError:
        raise process.failure("did not listen in time") from None
