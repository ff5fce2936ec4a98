"""Connections that want to become a companion: their payload, their references, their stanzas.

Source: docs/protocol/transport.md, "ClientPayload" and "Emulator server checklist";
docs/protocol/pairing.md, "QR pairing".
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import RandomBytes, typed, verify
from ..errors import ConnectionClosed, DecodeError, ProtocolError, QueryTimeout
from ..proto import pb
from ..wire import SERVER, Node
from .accounts import SignedKey
from .delivery import Clock, Outlet
from .policy import Policy

_KEY_TYPE = b"\x05"
_MAX_TEXT = 128


@dataclass(frozen=True, slots=True)
class Registration:
    """What a new companion says about itself, checked.

    Attributes:
        registration_id: 0..2^32-1.
        identity: its identity key, 32 bytes.
        signed_pre_key: signed by that key.
        platform: the operating system it names.
        push_name: the name it wants to be known by, if it gave one.
    """

    registration_id: int
    identity: bytes
    signed_pre_key: SignedKey
    platform: str
    push_name: str | None


def read_payload(data: bytes) -> pb.ClientPayload:
    """Parse the ClientPayload of a handshake.

    Raises:
        DecodeError: it is no such protobuf.
    """
    try:
        return pb.ClientPayload.FromString(data)
    except ProtobufDecodeError as exc:
        raise DecodeError("the client payload is no protobuf") from exc


def read_registration(payload: pb.ClientPayload) -> Registration:
    """Check the eight fields of a registration, and its names.

    Raises:
        ProtocolError: a field is missing or has the wrong size, a name is no text, or the signature
            is wrong.
    """
    data = payload.devicePairingData
    sizes = {
        "eRegid": 4,
        "eKeytype": 1,
        "eIdent": 32,
        "eSkeyId": 3,
        "eSkeyVal": 32,
        "eSkeySig": 64,
        "buildHash": 16,
    }
    for name, size in sizes.items():
        if len(getattr(data, name)) != size:
            raise ProtocolError(f"registration: {name} is not {size} bytes")
    if data.eKeytype != _KEY_TYPE:
        raise ProtocolError("registration: unknown key type")
    if not data.HasField("deviceProps"):
        raise ProtocolError("registration: no deviceProps")
    try:
        props = pb.DeviceProps.FromString(data.deviceProps)
    except ProtobufDecodeError as exc:
        raise ProtocolError("registration: deviceProps is no protobuf") from exc
    for text in (props.os, payload.pushName):
        # A protobuf text that is not UTF-8 is read as bytes.
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            raise ProtocolError("registration: a name that is no text, or too long")
    if not verify(data.eIdent, typed(data.eSkeyVal), data.eSkeySig):
        raise ProtocolError("registration: the signed pre-key is not signed by the identity key")
    return Registration(
        registration_id=int.from_bytes(data.eRegid, "big"),
        identity=data.eIdent,
        signed_pre_key=SignedKey(int.from_bytes(data.eSkeyId, "big"), data.eSkeyVal, data.eSkeySig),
        platform=props.os,
        push_name=payload.pushName or None,
    )


class WaitingCompanion:
    """A connection that shows a QR code or a pairing code and waits for a phone.

    Attributes:
        noise_public: the static key of its handshake; the QR carries it too.
        registration: what it said about itself.
        refs: the references that phones may name, with the time until which they are good
            (unix seconds).
        hellos: how many pairing codes it has asked for.
        busy: a pair-success is on its way or was answered.
    """

    def __init__(self, outlet: Outlet, noise_public: bytes, registration: Registration) -> None:
        self.noise_public = noise_public
        self.registration = registration
        self.refs: dict[str, float] = {}
        self.hellos = 0
        self.busy = False
        self._outlet = outlet
        self._questions: dict[str, asyncio.Future[Node]] = {}

    def send(self, node: Node) -> None:
        """Send a stanza."""
        self._outlet.send(node)

    def end(self, last: Node | None = None) -> None:
        """Close the connection after `last`."""
        self._outlet.close(last)

    async def query(self, iq: Node, timeout_s: float) -> Node:
        """Send an IQ and wait for its answer, of type result or error.

        Raises:
            QueryTimeout: there was none in time.
            ConnectionClosed: the companion has gone.
        """
        answer = asyncio.get_running_loop().create_future()
        self._questions[iq.attr("id")] = answer
        self._outlet.send(iq)
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError as exc:
            raise QueryTimeout("the companion does not answer pair-success") from exc
        finally:
            del self._questions[iq.attr("id")]

    def answered(self, iq: Node) -> None:
        """An IQ of type result or error has come in."""
        question = self._questions.get(iq.get("id", ""))
        if question is not None and not question.done():
            question.set_result(iq)

    def gone(self) -> None:
        """The connection is closed."""
        for question in self._questions.values():
            if not question.done():
                question.set_exception(ConnectionClosed("the companion has gone"))


class WaitingRoom:
    """All connections that wait for a phone, found by reference."""

    def __init__(self, policy: Policy, now: Clock, random_bytes: RandomBytes = os.urandom) -> None:
        self._policy = policy
        self._now = now
        self._random_bytes = random_bytes
        self._by_ref: dict[str, WaitingCompanion] = {}
        self._timers: dict[WaitingCompanion, asyncio.TimerHandle] = {}

    def enter(self, companion: WaitingCompanion) -> None:
        """Give the companion its QR references."""
        refs = [
            self.new_ref(companion, self._policy.ref_life_s) for _ in range(self._policy.ref_count)
        ]
        self._watch(companion)
        companion.send(
            Node(
                "iq",
                {"from": SERVER, "type": "set", "id": f"pair-{refs[0][2:10]}", "xmlns": "md"},
                [Node("pair-device", {}, [Node("ref", {}, ref.encode()) for ref in refs])],
            )
        )

    def new_ref(self, companion: WaitingCompanion, life_s: float) -> str:
        """One more reference of this companion."""
        ref = "2@" + base64.urlsafe_b64encode(self._random_bytes(48)).decode()
        companion.refs[ref] = self._now() + life_s
        self._by_ref[ref] = companion
        return ref

    def find(self, ref: str) -> WaitingCompanion | None:
        """Whose reference this is, if it is still good and the companion still waits."""
        companion = self._by_ref.get(ref)
        if companion is None or companion.busy or companion.refs[ref] < self._now():
            return None
        return companion

    def leave(self, companion: WaitingCompanion) -> None:
        """The companion is linked, or gone."""
        for ref in companion.refs:
            self._by_ref.pop(ref, None)
        timer = self._timers.pop(companion, None)
        if timer is not None:
            timer.cancel()

    def _watch(self, companion: WaitingCompanion) -> None:
        """Close the connection when its last reference has run out."""
        left = max(companion.refs.values()) - self._now()
        if left <= 0 and not companion.busy:
            self._timers.pop(companion, None)
            companion.end()
            return
        callback: Callable[[WaitingCompanion], None] = self._watch
        self._timers[companion] = asyncio.get_running_loop().call_later(
            max(left, 1.0), callback, companion
        )
