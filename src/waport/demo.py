"""The demo: WhatsApp's server, a phone that scans, our server and a webhook, on one machine.

Everything goes through the public doors, as a user's program would: REST in, webhooks out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .emulator.server import Emulator, EmulatorOptions
from .errors import WhatsAppError

ROUND_TRIP_S = 60.0
SESSION = "demo"

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
BOT_PHONE = "15550001111"
ALICE_PHONE = "15550002222"


class DemoFailed(WhatsAppError):
    """The round trip did not come about."""


def say(text: str = "") -> None:
    """Print a line of the transcript at once."""
    print(text, flush=True)


class Inbox:
    """The webhook receiver of the demo: prints what comes, and lets the demo wait for it."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def receive(self, request: Request) -> Response:
        """Take in one delivery."""
        event = await request.json()
        say(f"  webhook   {event['dataType']:<22} {_summary(event)}")
        self.events.put_nowait(event)
        return Response(status_code=204)

    async def until(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next event that matches; the others pass by."""
        while True:
            event = await self.events.get()
            if matches(event):
                return event


def _summary(event: dict[str, Any]) -> str:
    data = event["data"]
    match event["dataType"]:
        case "message" | "message_create":
            return f"{data['from']} -> {data['to']}: {data['body']}"
        case "message_ack":
            return f"ack {data['ack']} for {data['message']['id']['id']}"
        case "qr":
            return str(data["qr"])[:60] + "..."
        case "change_state":
            return str(data["state"])
        case "ready":
            return str(data["id"])
        case _:
            return ""


@contextlib.asynccontextmanager
async def _webhook_receiver(inbox: Inbox) -> AsyncIterator[str]:
    app = Starlette(routes=[Route("/webhook", inbox.receive, methods=["POST"])])
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    # The demo's own handlers decide when to end.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    # Bound here, so that the address is known and connections wait before the server is up.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def _server_process(environment: dict[str, str]) -> AsyncIterator[str]:
    """`waport serve` as a user would run it; gives its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "waport",
        "serve",
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    draining: asyncio.Task[None] | None = None
    try:
        assert process.stderr is not None
        url = await _listening_url(process.stderr)
        draining = asyncio.create_task(_drain(process.stderr))
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if draining is not None:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)


async def _listening_url(stderr: asyncio.StreamReader) -> str:
    lines: list[str] = []
    while line := (await stderr.readline()).decode(errors="replace"):
        lines.append(line)
        if "listening on " in line:
            return line.rsplit("listening on ", 1)[1].strip()
    raise DemoFailed("the server did not start:\n" + "".join(lines[-20:]))


async def _drain(stderr: asyncio.StreamReader) -> None:
    """Keep the pipe empty; show what went wrong."""
    while line := (await stderr.readline()).decode(errors="replace"):
        if " ERROR " in line or " CRITICAL " in line or not line[:1].isdigit():
            sys.stderr.write(line)


async def run_demo(*, once: bool, port: int = 0) -> int:
    """Run the demo; with `once` it ends after the round trip.

    Returns:
        0 when the messages were exchanged, 1 otherwise.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    inbox = Inbox()
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="waport-demo-"))
        emulator = await stack.enter_async_context(Emulator(EmulatorOptions(port=0)))
        webhook = await stack.enter_async_context(_webhook_receiver(inbox))
        key = secrets.token_urlsafe(16)
        environment = _environment(emulator, folder, webhook, key, port)
        try:
            async with asyncio.timeout(ROUND_TRIP_S):
                url = await stack.enter_async_context(_server_process(environment))
                say(f"server      {url}  (x-api-key: {key})")
                say(f"emulator    {emulator.ws_url}")
                say(f"webhook     {webhook}")
                say()
                if not await _unless(stopped, _round_trip(url, key, emulator, inbox)):
                    say("stopped")
                    return 130
        except TimeoutError:
            say(f"the demo did not finish within {ROUND_TRIP_S:.0f} s")
            return 1
        except (DemoFailed, httpx.HTTPError, KeyError) as exc:
            say(f"the demo failed: {exc!r}")
            return 1
        say()
        say("A message went each way, end to end encrypted.")
        if not once:
            _invite(url, key, emulator)
            await stopped.wait()
    return 0


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do something, but give up when the user says stop; whether it was done."""
    doing = asyncio.create_task(work)
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return False
        await doing
        return True
    finally:
        for task in (doing, stopping):
            task.cancel()
        await asyncio.gather(doing, stopping, return_exceptions=True)


def _environment(
    emulator: Emulator, folder: str, webhook: str, key: str, port: int
) -> dict[str, str]:
    # A .env file where the demo is started must not change it.
    no_settings = Path(folder) / "empty.env"
    no_settings.touch()
    # Only what a process needs to run: a DATABASE_URL of the shell, say, must not reach the demo.
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment = inherited | {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "API_KEY": key,
        "SESSIONS_PATH": str(Path(folder) / "sessions"),
        "BASE_WEBHOOK_URL": webhook,
        "WA_WEBSOCKET_URL": emulator.ws_url,
        "WA_NOISE_ROOT_KEY": emulator.root_key.hex(),
        "ENV_PATH": str(no_settings),
        "LOG_LEVEL": "info",
    }
    if emulator.ca_file is not None:
        environment["WA_CA_FILE"] = emulator.ca_file
    return environment


async def _round_trip(url: str, key: str, emulator: Emulator, inbox: Inbox) -> None:
    bot = await emulator.create_account(BOT_PHONE, "Bot")
    alice = await emulator.create_account(ALICE_PHONE, "Alice")
    headers = {"x-api-key": key}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as api:
        say(f"GET /session/start/{SESSION}")
        (await api.get(f"/session/start/{SESSION}")).raise_for_status()
        qr = await inbox.until(lambda event: event["dataType"] == "qr")
        say("            the phone of the bot scans the QR code")
        await emulator.phone_of(bot).pair_by_qr(qr["data"]["qr"])
        await inbox.until(lambda event: event["dataType"] == "ready")
        say("            Alice writes")
        await emulator.phone_of(alice).send_text(bot.jid, "hello")
        event = await inbox.until(lambda event: event["dataType"] == "message")
        body = event["data"]["body"]
        if body != "hello":
            raise DemoFailed(f"the bot read {body!r}")
        reply = {
            "chatId": event["data"]["from"],
            "contentType": "string",
            "content": f"You said: {body}",
        }
        say(f"POST /client/sendMessage/{SESSION}  {reply['content']!r}")
        answer = await api.post(f"/client/sendMessage/{SESSION}", json=reply)
        answer.raise_for_status()
        sent = answer.json()["message"]["id"]["id"]
        await inbox.until(
            lambda event: (
                event["dataType"] == "message_ack"
                and event["data"]["message"]["id"]["id"] == sent
                and event["data"]["ack"] >= 2
            )
        )
        read = [message.text for message in emulator.phone_of(alice).messages()]
        if reply["content"] not in read:
            raise DemoFailed(f"Alice read {read!r}")
        say(f"            Alice reads {reply['content']!r}")


def _invite(url: str, key: str, emulator: Emulator) -> None:
    """Tell what can be tried now."""
    curl = "curl -s --cacert " + str(emulator.ca_file)
    say()
    say("Try it:")
    say(
        f"  curl -s -H 'x-api-key: {key}' -H 'content-type: application/json' "
        f"{url}/client/sendMessage/{SESSION} "
        f'-d \'{{"chatId":"{ALICE_PHONE}@c.us","contentType":"string","content":"hi"}}\''
    )
    say(f"  curl -s -H 'x-api-key: {key}' {url}/session/getSessions")
    say(
        f"  {curl} {emulator.admin_url}/accounts/{ALICE_PHONE}/send "
        f'-d \'{{"to":"{BOT_PHONE}","text":"hello again"}}\''
    )
    say(f"  {url}/docs")
    say()
    say("Ctrl-C ends it.")
