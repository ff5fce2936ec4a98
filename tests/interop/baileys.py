"""A real Baileys client, controlled from a test: what it can be told, and what it reports."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from interop.process import DRIVER, DriverError, DriverProcess, Gone
from interop.received import (
    Event,
    Received,
    as_received,
    messages_of,
    reactions_of,
    statuses_of,
    updates_of,
)
from waport.proto import pb
from waport.wire import Jid

__all__ = [
    "DELIVERED",
    "DRIVER",
    "LOGGED_OUT",
    "READ",
    "Baileys",
    "DriverError",
    "Gone",
    "Received",
]

STOP_TIMEOUT_S = 15.0

DELIVERED, READ = 3, 4
"""Statuses of a sent message in Baileys' numbering; 2 is the server's own acknowledgement."""

LOGGED_OUT = 401


class Baileys(DriverProcess):
    """One client. Make it with `start`, end it with `stop`, or with `kill` when all else fails."""

    # --- life ------------------------------------------------------------------------------------

    @classmethod
    async def start(
        cls,
        node: Path,
        emulator_url: str,
        root_key: str,
        ca_file: Path | None,
        auth_dir: Path,
        *,
        push_name: str | None = None,
        **options: Any,
    ) -> Baileys:
        """Start a client and let it connect; what is in `auth_dir` decides whether it has to pair.

        Args:
            node: the Node executable.
            emulator_url: of the WebSocket.
            root_key: hex of the key that signs the server's certificate.
            ca_file: for TLS.
            auth_dir: the client's state; made when missing.
            push_name: sent at registration; the emulator tells accounts apart by it.
            options: further ones of the driver's `start`.
        """
        client = await cls.spawn(node, auth_dir.with_suffix(".log"), ca_file)
        try:
            await client.command(
                "start",
                auth_dir=str(auth_dir),
                url=emulator_url,
                root_key=root_key,
                push_name=push_name,
                **options,
            )
        except BaseException:
            await client.kill()
            raise
        return client

    async def stop(self) -> None:
        """Close the connection, keep the state, and wait until the process has ended."""
        try:
            await self._last_command("stop")
        finally:
            await self.kill()

    async def logout(self) -> None:
        """Unlink this device from its account, and end."""
        try:
            await self._last_command("logout")
        finally:
            await self.kill()

    async def _last_command(self, command: str) -> None:
        await self.command(command, timeout_s=STOP_TIMEOUT_S)
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await self._process.wait()

    # --- commands --------------------------------------------------------------------------------

    async def send_text(self, to: str, text: str, message_id: str | None = None) -> str:
        """Send a text; returns once it is on the wire, with the message id."""
        result = await self.command("send_text", to=to, text=text, message_id=message_id)
        return str(result["id"])

    async def send(
        self,
        to: str,
        content: Mapping[str, Any],
        message_id: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> str:
        """Send content in Baileys' own form, files as `{"url": path}`; the message id."""
        sent = await self.send_content(to, content, message_id=message_id, options=options)
        return sent.id

    async def send_content(self, to: str, content: Mapping[str, Any], **args: Any) -> Received:
        """Send content in Baileys' own form; what was sent.

        Args:
            content: besides plain JSON `{"$bytes": base64}`, `{"$date": ms}`, and for a message
                that this client has sent or read `{"$message": id}` or `{"$key": id}`.
            args: `message_id`; `options` of Baileys' `sendMessage`; `stanza_type` instead of the
                one that Baileys takes.
        """
        result = await self.command("send", to=to, content=content, **args)
        return as_received(result, "append")

    async def relay(
        self,
        to: str,
        message: pb.Message,
        *,
        unknown: Mapping[int, bytes] | None = None,
        **args: Any,
    ) -> Received:
        """Send a content that Baileys has no form for; what was sent.

        Args:
            message: what Baileys' schema lacks of it does not leave.
            unknown: fields to write behind it, by number.
            args: `attributes` and `nodes` of the stanza, `status_jid_list`, `message_id`.
        """
        fields = [
            {"field": number, "bytes": base64.b64encode(data).decode()}
            for number, data in (unknown or {}).items()
        ]
        result = await self.command(
            "relay", to=to, message=MessageToDict(message), unknown=fields, **args
        )
        return as_received(result, "append")

    async def call(self, method: str, *args: Any) -> Any:
        """Any method of Baileys' socket."""
        return await self.command("call", method=method, args=list(args))

    async def vote(self, poll: str, options: Sequence[str], kind: str | None = None) -> Received:
        """Vote in a poll, by its id, with all answers that are chosen from now on.

        Args:
            kind: of the addresses that encrypt it, `lid` or `pn`; else those of the poll.
        """
        result = await self.command("vote", poll=poll, options=list(options), kind=kind)
        return as_received(result, "append")

    async def tally(self, poll: str) -> Mapping[str, set[str]]:
        """Who chose which answer of a poll, by phone number, bare."""
        counted = await self.command("tally", poll=poll)
        return {
            option["name"]: {str(Jid.parse(voter).bare) for voter in option["voters"]}
            for option in counted
        }

    async def answer_event(
        self, event: str, response: str, extra_guests: int = 0, kind: str | None = None
    ) -> Received:
        """Answer an event, by its id: GOING, NOT_GOING or MAYBE."""
        result = await self.command(
            "answer_event", event=event, response=response, extra_guests=extra_guests, kind=kind
        )
        return as_received(result, "append")

    async def event_answers(self, event: str) -> Sequence[Mapping[str, Any]]:
        """The answers to an event as they came: `from`, `response`, `extra_guests`."""
        found: Sequence[Mapping[str, Any]] = await self.command("event_answers", event=event)
        return found

    async def download(self, message: Received, *, reupload: bool = False) -> tuple[str, int]:
        """Fetch a message's file; its SHA-256 in hex, and its length.

        Args:
            message: as it was reported.
            reupload: have the phone upload the file again first.
        """
        result = await self.command("download", message=message.raw, reupload=reupload)
        return str(result["sha256"]), int(result["length"])

    async def read(self, *keys: Mapping[str, Any]) -> None:
        """Send read receipts for received messages."""
        await self.command("read", keys=list(keys))

    async def presence(self, kind: str, to: str | None = None) -> None:
        """Announce `available`, `unavailable`, or `composing`, `recording`, `paused` in a chat."""
        await self.command("presence", type=kind, to=to)

    async def request_pairing_code(self, phone: str) -> str:
        """Ask for a code that the phone with this number has to enter."""
        return str((await self.command("request_pairing_code", phone=phone))["code"])

    async def faults(self, **faults: Any) -> None:
        """Misbehave from now on.

        Args:
            faults: `ignore`, a list of stanza tags that are dropped unseen; `delay_ms` before every
                frame is read; `corrupt_in` and `corrupt_out`, how many messages to damage next.
        """
        await self.command("faults", faults=faults)

    async def checks(self) -> Mapping[str, Mapping[str, int]]:
        """How many signatures of each kind passed and were refused."""
        checks: Mapping[str, Mapping[str, int]] = await self.command("checks")
        return checks

    async def me(self) -> Mapping[str, Any]:
        """Our own addresses and name, `id`, `lid`, `name`; empty before pairing."""
        return await self.command("me") or {}

    # --- events ----------------------------------------------------------------------------------

    async def wait_for(self, name: str, **wait: Any) -> Event:
        """The first event of this name."""
        return await self.wait_event(lambda event: event["event"] == name, what=name, **wait)

    async def qr(self, **wait: Any) -> str:
        """The text of the first QR."""
        return str((await self.wait_for("qr", **wait))["qr"])

    async def wait_open(self, **wait: Any) -> Event:
        """Wait until it is logged in."""
        return await self.wait_event(_is_connection("open"), what="open connection", **wait)

    async def wait_close(self, **wait: Any) -> Event:
        """Wait until the connection is closed for good: `status_code` and `reason` say why."""
        is_close = _is_connection("close")
        return await self.wait_event(
            lambda event: is_close(event) and not event["reconnecting"], what="close", **wait
        )

    async def wait_text(self, text: str, **wait: Any) -> Received:
        """The first message with this text, in or out."""

        def has_text(event: Event) -> bool:
            return any(message.text == text for message in messages_of(event))

        event = await self.wait_event(has_text, what=f"message {text!r}", **wait)
        return next(message for message in messages_of(event) if message.text == text)

    async def wait_message(self, message_id: str, **wait: Any) -> Received:
        """The message with this id, in or out, once it can be read."""

        def is_it(message: Received) -> bool:
            return message.id == message_id and "message" in message.raw

        def has_it(event: Event) -> bool:
            return any(is_it(message) for message in messages_of(event))

        event = await self.wait_event(has_it, what=f"message {message_id}", **wait)
        return next(message for message in messages_of(event) if is_it(message))

    async def wait_status(self, message_id: str, status: int, **wait: Any) -> None:
        """Wait until a message that we sent has reached at least this status."""

        def reached(event: Event) -> bool:
            return any(id_ == message_id and now >= status for id_, now in statuses_of(event))

        await self.wait_event(reached, what=f"status {status} of {message_id}", **wait)

    async def wait_update(
        self, message_id: str, fits: Callable[[Mapping[str, Any]], bool], **wait: Any
    ) -> Mapping[str, Any]:
        """The first change of a message that fits (`messages.update`)."""
        event = await self.wait_event(
            lambda event: any(fits(update) for update in updates_of(event, message_id)),
            what=f"update of {message_id}",
            **wait,
        )
        return next(update for update in updates_of(event, message_id) if fits(update))

    async def wait_reaction(self, message_id: str, text: str, **wait: Any) -> Mapping[str, Any]:
        """The first reaction of this text to a message: `reaction`, and the message's `key`."""

        def fits(item: Mapping[str, Any]) -> bool:
            return bool(item["reaction"].get("text", "") == text)

        event = await self.wait_event(
            lambda event: any(fits(item) for item in reactions_of(event, message_id)),
            what=f"reaction to {message_id}",
            **wait,
        )
        return next(item for item in reactions_of(event, message_id) if fits(item))

    def plaintexts(self, message_id: str) -> list[bytes]:
        """What the ciphertexts of a message held; with the option `report_plaintext` alone."""
        return [
            base64.b64decode(event["bytes"])
            for event in self.events
            if event["event"] == "plaintext" and event["id"] == message_id
        ]

    def sealed(self, message_id: str) -> Mapping[str, Any]:
        """The ciphertext of a group message as it came, for `open_sealed` of another client."""
        return next(
            event["sealed"]
            for event in self.events
            if event["event"] == "plaintext" and event["id"] == message_id and event["sealed"]
        )

    async def open_sealed(self, sealed: Mapping[str, Any]) -> None:
        """Decrypt what another client was sent.

        Raises:
            DriverError: there is no key for it.
        """
        await self.command("open_sealed", sealed=sealed)

    def received(self, since: int = 0) -> Sequence[Received]:
        """Every message reported so far that another device sent, in order."""
        return [
            message
            for event in self.events[since:]
            for message in messages_of(event)
            if message.raw.get("message") and "protocolMessage" not in message.raw["message"]
        ]

    def texts(self, since: int = 0) -> list[str]:
        """The texts that others wrote to us so far, in order, doubles included."""
        return [
            message.text
            for message in self.received(since)
            if message.text is not None and not message.from_me
        ]

    @property
    def violations(self) -> list[str]:
        """What was wrong with the device identities that came beside first messages."""
        return [event["what"] for event in self.events if event["event"] == "violation"]


def _is_connection(state: str) -> Callable[[Event], bool]:
    return lambda event: event["event"] == "connection" and event["state"] == state
