"""The emulator as a process of its own, so that no hurry of ours holds it up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

ANSWER_S: Final = 120.0
"""No answer of the emulator takes so long, however busy the machine is."""

_LONGEST_LINE = 1 << 20


@dataclass
class Person:
    """Somebody with a phone, and what that phone has read so far.

    Attributes:
        jid: the address by phone number.
        messages: what the phone shows, as the admin API tells it.
    """

    jid: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def user(self) -> str:
        """The number."""
        return self.jid.partition("@")[0]


class EmulatorProcess:
    """`waport emulator`, over its admin API.

    Attributes:
        complaints: what its phones say about messages that they could not read, a line each.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, info: Mapping[str, Any], api: httpx.AsyncClient
    ) -> None:
        self._process = process
        self._api = api
        self.complaints: list[str] = []
        self.settings = {
            "WA_WEBSOCKET_URL": str(info["ws_url"]),
            "WA_NOISE_ROOT_KEY": str(info["noise_root_key"]),
            "WA_CA_FILE": str(info["ca_file"]),
        }
        """What a server must be told to find it."""

    async def listen(self) -> None:
        """Take down the complaints, until the process ends."""
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            text = line.decode(errors="replace").strip()
            # Every retry receipt is a message that could not be read; a counter that was used
            # before is one whose text is lost, if it was not a repeat.
            if "retry" in text or "counter used before" in text:
                self.complaints.append(text)

    async def account(self, name: str) -> Person:
        """Somebody new."""
        return Person((await self._post("/admin/accounts", {"name": name}))["jid"])

    async def scan(self, person: Person, qr: str) -> str:
        """Have a phone scan a QR code; the address of the device that it links."""
        response = await self._api.post(
            "/admin/mock-phone/scan-qr", params={"account": person.user}, content=qr
        )
        device: str = response.raise_for_status().json()["jid"]
        return device

    async def send_text(self, person: Person, to: str, text: str) -> str:
        """A phone sends a text; the message's id, once the server has it."""
        sent = await self._post(f"/admin/accounts/{person.user}/send", {"to": to, "text": text})
        name: str = sent["id"]
        return name

    async def write_state(self, person: Person, collection: str, mutation: Any) -> None:
        """A phone changes its app state."""
        body = {"collection": collection, "mutations": [mutation]}
        await self._post(f"/admin/accounts/{person.user}/app-state", body)

    async def state(self, person: Person, collection: str) -> dict[tuple[str, ...], Any]:
        """What a phone knows of its app state, every MAC checked: values by index."""
        shown = await self._get(f"/admin/accounts/{person.user}/app-state")
        records = shown["collections"][collection]["records"]
        return {tuple(record["index"]): record["value"] for record in records}

    async def read(self, person: Person) -> list[dict[str, Any]]:
        """All that a phone has read."""
        after = person.messages[-1]["seq"] if person.messages else 0
        shown = await self._get(f"/admin/accounts/{person.user}/messages?after={after}")
        person.messages += shown["messages"]
        return person.messages

    async def arrivals(self) -> list[dict[str, str]]:
        """The message stanzas as they came in, before the emulator drops what it has already."""
        found: list[dict[str, str]] = (await self._get("/admin/arrivals"))["arrivals"]
        return found

    async def _get(self, path: str) -> Any:
        return (await self._api.get(path)).raise_for_status().json()

    async def _post(self, path: str, body: Any) -> Any:
        response = await self._api.post(path, json=body)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.json()


@contextlib.asynccontextmanager
async def emulator_process() -> AsyncIterator[EmulatorProcess]:
    """Start it and wait until it is ready; at the end it is gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "waport", "emulator", "--port", "0"),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(ANSWER_S):
            info = json.loads(await process.stdout.readline())
        url = str(info["admin_url"]).removesuffix("/admin")
        async with httpx.AsyncClient(
            base_url=url, verify=False, trust_env=False, timeout=ANSWER_S
        ) as api:
            emulator = EmulatorProcess(process, info, api)
            listening = asyncio.create_task(emulator.listen())
            yield emulator
        process.terminate()
        await process.wait()
        await listening
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
