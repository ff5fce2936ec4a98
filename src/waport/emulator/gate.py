"""Who comes in: a new companion that waits for a phone, or a device that logs in.

Source: docs/protocol/transport.md, "Emulator server checklist".
"""

from __future__ import annotations

import asyncio
import logging

from ..errors import DecodeError, ProtocolError, StanzaError
from ..noise import ClientFinish
from ..proto import pb
from ..wire import AttrValue, Node
from .accounts import Account, Device, Directory
from .connection import ClientConnection, Peer
from .delivery import Deliveries, DeviceSession
from .dispatcher import Dispatcher, OnActive
from .pairing import Pairing
from .policy import PendingFaults, Policy
from .presence import Presences
from .registration import WaitingCompanion, WaitingRoom, read_payload, read_registration
from .replies import Refusal, refuse, result

_log = logging.getLogger(__name__)

BAD_REQUEST = 400
NOT_AUTHORIZED = 401
OUTDATED = 405


class WaitingPeer:
    """A connection that is no device yet."""

    def __init__(
        self, companion: WaitingCompanion, pairing: Pairing, deliveries: Deliveries
    ) -> None:
        self._companion = companion
        self._pairing = pairing
        self._deliveries = deliveries

    async def receive(self, node: Node, raw: bytes) -> None:
        """Answer its questions; nothing else of it is of interest yet."""
        if node.tag != "iq":
            return
        if node.get("type") in ("result", "error"):
            self._companion.answered(node)
            return
        self._companion.send(self._answer(node))

    def _answer(self, iq: Node) -> Node:
        namespace = iq.get("xmlns")
        if namespace in ("w:p", "urn:xmpp:ping"):
            return result(iq, t=self._deliveries.t)
        if namespace != "md":
            return refuse(iq, NOT_AUTHORIZED)
        try:
            return self._pairing.answer_waiting(self._companion, iq)
        except Refusal as refusal:
            return refuse(iq, refusal.code)
        except StanzaError:
            return refuse(iq, BAD_REQUEST)

    def gone(self) -> None:
        """Nobody can link it any more."""
        self._pairing.left(self._companion)


class DevicePeer:
    """A companion that is logged in."""

    def __init__(
        self,
        account: Account,
        device: Device,
        session: DeviceSession,
        dispatcher: Dispatcher,
        presences: Presences,
    ) -> None:
        self._account = account
        self._device = device
        self._session = session
        self._dispatcher = dispatcher
        self._presences = presences

    async def receive(self, node: Node, raw: bytes) -> None:
        """Pass a stanza on, unless another connection has taken over."""
        if self._device.session is self._session:
            await self._dispatcher.receive(self._account, self._device, self._session, node, raw)

    def gone(self) -> None:
        """From now on the device's stanzas wait for its next login."""
        if self._device.session in (self._session, None):
            self._session.detach()
            self._presences.gone(self._account, self._device)


class ServerGate:
    """Admits clients by their ClientPayload."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        *,
        policy: Policy,
        faults: PendingFaults,
        waiting: WaitingRoom,
        pairing: Pairing,
        dispatcher: Dispatcher,
        presences: Presences,
        on_active: OnActive,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._policy = policy
        self._faults = faults
        self._waiting = waiting
        self._pairing = pairing
        self._dispatcher = dispatcher
        self._presences = presences
        self._on_active = on_active

    async def admit(self, outlet: ClientConnection, finish: ClientFinish) -> Peer | None:
        """Identify a client after its handshake; None when it was refused."""
        try:
            payload = read_payload(finish.payload)
        except DecodeError:
            _refuse(outlet, BAD_REQUEST)
            return None
        revision = payload.userAgent.appVersion.tertiary
        if revision < self._policy.min_revision:
            _refuse(outlet, OUTDATED)
            return None
        if revision < self._policy.slow_revision:
            await asyncio.sleep(self._policy.slow_start_s)
        if payload.HasField("devicePairingData"):
            return self._register(outlet, finish, payload)
        return self._log_in(outlet, finish, payload)

    def _register(
        self, outlet: ClientConnection, finish: ClientFinish, payload: pb.ClientPayload
    ) -> Peer | None:
        try:
            registration = read_registration(payload)
        except ProtocolError as exc:
            _log.info("refused a registration: %s", exc)
            _refuse(outlet, BAD_REQUEST)
            return None
        companion = WaitingCompanion(outlet, finish.static, registration)
        self._waiting.enter(companion)
        return WaitingPeer(companion, self._pairing, self._deliveries)

    def _log_in(
        self, outlet: ClientConnection, finish: ClientFinish, payload: pb.ClientPayload
    ) -> Peer | None:
        account = self._directory.find(str(payload.username))
        device = account.devices.get(payload.device) if account is not None else None
        if account is None or device is None or not device.id:
            _refuse(outlet, NOT_AUTHORIZED)
            return None
        if device.noise_public != finish.static:
            _refuse(outlet, NOT_AUTHORIZED)
            return None
        fault = self._faults.take_login(account.address(lid=False, device=device.id))
        if fault is not None:
            _refuse(outlet, fault)
            return None
        if device.session is not None:
            conflict = Node("conflict", {"type": "replaced"})
            device.session.end(Node("stream:error", {}, [conflict]))
            self._presences.gone(account, device)
        session = self._deliveries.open_session(account, device, outlet, pull=payload.pull)
        attrs: dict[str, AttrValue] = {
            "t": self._deliveries.t,
            "props": "27",
            "companion_enc_static": "NULL",
            "lid": account.address(lid=True, device=device.id),
            "location": "emulator",
        }
        session.send(Node("success", attrs))
        if not payload.passive:
            session.activate()
            self._on_active(account, device)
        return DevicePeer(account, device, session, self._dispatcher, self._presences)


def _refuse(outlet: ClientConnection, reason: int) -> None:
    outlet.close(Node("failure", {"reason": str(reason), "location": "emulator"}))
