"""The server's part in linking and unlinking companions: the IQs of `md`.

Source: docs/protocol/pairing.md, "Server side", "Pairing with a phone number" and "Logout".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufDecodeError

from ..crypto import verify
from ..errors import ConnectionClosed, ProtocolError, QueryTimeout, StanzaError
from ..proto import pb
from ..wire import SERVER, AttrValue, Node
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .notifications import Notifier
from .passkeys import Passkeys
from .policy import Policy
from .registration import Registration, WaitingCompanion, WaitingRoom
from .replies import Asker, Refusal, refuse, result

_ACCOUNT_PREFIX = b"\x06\x00"
_DEVICE_PREFIX = b"\x06\x01"
_MAX_HELLOS = 10
_DISPLAY = re.compile(r"[^()]{1,80} \([^()]{1,80}\)")
_REF = "link_code_pairing_ref"
_HELLO_CHILDREN = (
    "link_code_pairing_wrapped_companion_ephemeral_pub",
    "companion_server_auth_key_pub",
    "companion_platform_id",
    "companion_platform_display",
    "link_code_pairing_nonce",
)
_PLATFORM = "android"
_BUSINESS = "smba"


@dataclass(slots=True)
class _LinkCode:
    """A companion that waits for its code to be typed on the phone of `account`."""

    companion: WaitingCompanion
    account: Account


@dataclass(frozen=True, slots=True)
class _Identity:
    """A device identity that the phone has signed: the parts that the server reads."""

    details: bytes
    account_key: bytes
    key_index: int


@dataclass(frozen=True, slots=True)
class _KeyIndexList:
    """A signed key index list as the phone publishes it; only its time is of interest here."""

    data: bytes
    ts: int

    @classmethod
    def read(cls, node: Node) -> _KeyIndexList:
        return cls(node.data, node.int_attr("ts"))

    def keep(self, account: Account) -> None:
        if self.ts >= account.key_index_ts:
            account.key_index_list = self.data
            account.key_index_ts = self.ts


class Pairing:
    """Answers the IQs of `md`, from phones, companions and connections that wait."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        notifier: Notifier,
        waiting: WaitingRoom,
        policy: Policy,
        passkeys: Passkeys,
        random_digits: Callable[[], str],
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._notifier = notifier
        self._waiting = waiting
        self._policy = policy
        self._passkeys = passkeys
        self._codes: dict[str, _LinkCode] = {}
        self._promised: dict[str, set[int]] = {}
        self._new_id = random_digits

    # --- from the phone and linked companions -------------------------------------------------

    async def answer(self, asker: Asker, iq: Node) -> Node:
        """Answer one IQ of a logged-in device.

        Raises:
            Refusal, StanzaError: the question is malformed or refused.
        """
        account = asker.account
        if (removal := iq.find("remove-companion-device")) is not None:
            return self._remove(asker, iq, removal)
        if asker.device.id:
            raise Refusal(403)
        if (upload := iq.find("pair-device")) is not None:
            return await self._pair(account, iq, upload)
        if (step := iq.find("link_code_companion_reg")) is not None:
            return self._primary_hello(account, iq, step)
        if (identity := iq.find("primary_ephemeral_identity")) is not None:
            return self._passkeys.answer_phone(account, iq, identity)
        if (rotation := iq.find("pair-device-rotate-qr")) is not None:
            return self._rotate_qr(iq, rotation)
        if iq.find("key-index-list") is not None:
            _KeyIndexList.read(iq.child("key-index-list")).keep(account)
            self._deliveries.changed()
            return result(iq)
        raise Refusal(400)

    async def _pair(self, account: Account, iq: Node, upload: Node) -> Node:
        companion = self._waiting.find(upload.child("ref").text)
        if companion is None or companion.noise_public != upload.child("pub-key").data:
            raise Refusal(404)
        self._passkeys.check(account, companion)
        container = upload.child("device-identity").data
        signed = _read_container(container, account, companion.registration)
        key_index_list = _KeyIndexList.read(upload.child("key-index-list"))
        number = account.free_device_id(self._promised.get(account.number, frozenset()))
        if number is None:
            raise Refusal(419)
        device = _new_device(number, companion, signed)
        # From here on nobody else can take this companion or this number.
        companion.busy = True
        promised = self._promised.setdefault(account.number, set())
        promised.add(number)
        try:
            answer = await companion.query(
                self._pair_success(account, device, container), self._policy.pair_answer_s
            )
            device.device_identity = _read_answer(answer, companion.registration, signed)
        except (ConnectionClosed, ProtocolError, QueryTimeout):
            companion.end()
            return refuse(iq, 406)
        finally:
            promised.discard(number)
        account.devices[number] = device
        key_index_list.keep(account)
        self._notifier.device_added(account, device)
        self._waiting.leave(companion)
        companion.end(Node("stream:error", {"code": "515"}))
        self._deliveries.changed()
        jid = account.address(lid=False, device=number)
        return result(iq, Node("pair-device", {}, [Node("device", {"jid": jid})]))

    def _pair_success(self, account: Account, device: Device, container: bytes) -> Node:
        addresses: dict[str, AttrValue] = {
            "jid": account.address(lid=False, device=device.id),
            "lid": account.address(lid=True, device=device.id),
        }
        children = [
            Node("device-identity", {}, container),
            Node("device", addresses),
            Node("platform", {"name": _PLATFORM if account.business is None else _BUSINESS}),
        ]
        if account.business is not None:
            children.append(Node("biz", {"name": account.business.name}))
        return Node(
            "iq",
            {
                "from": SERVER,
                "type": "set",
                "id": self._new_id(),
                "xmlns": "md",
                "t": self._deliveries.t,
            },
            [Node("pair-success", {}, children)],
        )

    def _rotate_qr(self, iq: Node, rotation: Node) -> Node:
        companion = self._waiting.find(rotation.child("ref").text)
        if companion is None:
            raise Refusal(404)
        told = self._notifier.notification(
            "companion_reg_refresh", SERVER, Node("pair-device-rotate-qr")
        )
        companion.send(told)
        return result(iq)

    def _remove(self, asker: Asker, iq: Node, removal: Node) -> Node:
        account, device = asker.account, asker.device
        jid = removal.get_jid("jid")
        if device.id == 0 and removal.get("all") == "true":
            numbers = [companion.id for companion in account.companions()]
        elif jid is not None and self._directory.by_jid(jid) is account:
            numbers = [jid.device]
        else:
            raise Refusal(400)
        if device.id and numbers != [device.id]:
            raise Refusal(403)
        gone = [account.devices[number] for number in numbers if number in account.devices]
        if not gone or any(companion.id == 0 for companion in gone):
            raise Refusal(404)
        # The asker hears the result before its stream ends.
        if device.session is not None and device in gone:
            device.session.send(result(iq))
        for companion in gone:
            self.unlink(account, companion)
        return result(iq)

    def unlink(self, account: Account, device: Device) -> None:
        """Drop a companion: its keys and its queue, its connection, and tell everybody else."""
        del account.devices[device.id]
        if device.session is not None:
            conflict = Node("conflict", {"type": "device_removed"})
            device.session.end(Node("stream:error", {"code": "401"}, [conflict]))
        self._notifier.device_removed(account, device)
        self._deliveries.changed()

    # --- pairing by code ----------------------------------------------------------------------

    def answer_waiting(self, companion: WaitingCompanion, iq: Node) -> Node:
        """Answer one IQ of `md` of a connection that is not linked yet.

        Raises:
            Refusal, StanzaError: the question is malformed or refused.
        """
        answer = self._passkeys.answer_waiting(companion, iq)
        if answer is not None:
            return answer
        step = iq.child("link_code_companion_reg")
        stage = step.get("stage")
        if stage == "companion_hello":
            return self._companion_hello(companion, iq, step)
        if stage == "companion_finish":
            return self._companion_finish(companion, iq, step)
        if stage == "get_country_code":
            country = Node("country_code", {"iso": "US"})
            return result(iq, Node("link_code_companion_reg", {}, [country]))
        raise Refusal(400)

    def _companion_hello(self, companion: WaitingCompanion, iq: Node, step: Node) -> Node:
        account = self._directory.by_jid(step.jid("jid").bare)
        if account is None:
            raise Refusal(404)
        children = [step.child(tag) for tag in _HELLO_CHILDREN]
        display = step.child("companion_platform_display").text
        key = step.child("companion_server_auth_key_pub").data
        if key != companion.noise_public or _DISPLAY.fullmatch(display) is None:
            raise Refusal(400)
        companion.hellos += 1
        if companion.hellos > _MAX_HELLOS:
            raise Refusal(429)
        # A new code makes the one before worthless.
        for ref in [ref for ref, code in self._codes.items() if code.companion is companion]:
            del self._codes[ref]
        ref = self._waiting.new_ref(companion, self._policy.link_code_life_s)
        self._codes[ref] = _LinkCode(companion, account)
        self._tell_phone(account, "companion_hello", ref, children)
        answer = Node("link_code_companion_reg", {"stage": "companion_hello"}, [_ref_node(ref)])
        return result(iq, answer)

    def _primary_hello(self, account: Account, iq: Node, step: Node) -> Node:
        if step.get("stage") not in ("primary_hello", "refresh_code"):
            raise Refusal(400)
        ref = step.child(_REF).text
        code = self._code(ref)
        if code.account is not account:
            raise Refusal(404)
        attrs = dict(step.attrs)
        children = [child for child in step.children() if child.tag != _REF]
        told = Node("link_code_companion_reg", attrs, [_ref_node(ref), *children])
        code.companion.send(self._notifier.notification("link_code_companion_reg", SERVER, told))
        return result(iq)

    def _companion_finish(self, companion: WaitingCompanion, iq: Node, step: Node) -> Node:
        ref = step.child(_REF).text
        code = self._code(ref)
        if code.companion is not companion:
            raise Refusal(404)
        children = [child for child in step.children() if child.tag != _REF]
        self._tell_phone(code.account, "companion_finish", ref, children)
        return result(iq)

    def _code(self, ref: str) -> _LinkCode:
        code = self._codes.get(ref)
        if code is None or self._waiting.find(ref) is None:
            raise Refusal(404)
        return code

    def _tell_phone(self, account: Account, stage: str, ref: str, children: list[Node]) -> None:
        told = Node("link_code_companion_reg", {"stage": stage}, [_ref_node(ref), *children])
        node = self._notifier.notification("link_code_companion_reg", SERVER, told)
        self._deliveries.post(account, account.devices[0], node)

    def left(self, companion: WaitingCompanion) -> None:
        """A waiting connection has closed."""
        self._waiting.leave(companion)
        self._passkeys.left(companion)
        companion.gone()
        for ref in [ref for ref, code in self._codes.items() if code.companion is companion]:
            del self._codes[ref]


def _ref_node(ref: str) -> Node:
    return Node(_REF, {}, ref.encode())


def _new_device(number: int, companion: WaitingCompanion, signed: _Identity) -> Device:
    registration = companion.registration
    return Device(
        number,
        noise_public=companion.noise_public,
        registration_id=registration.registration_id,
        identity=registration.identity,
        signed_pre_key=registration.signed_pre_key,
        key_index=signed.key_index,
        platform=registration.platform,
    )


def _read_container(container: bytes, account: Account, registration: Registration) -> _Identity:
    """Read what the phone signed; the server cannot check the HMAC, but it can the signature.

    Raises:
        Refusal: not a device identity (400), or not signed by this account's phone (406).
    """
    try:
        sealed = pb.ADVSignedDeviceIdentityHMAC.FromString(container)
        signed = pb.ADVSignedDeviceIdentity.FromString(sealed.details)
        inner = pb.ADVDeviceIdentity.FromString(signed.details)
    except ProtobufDecodeError as exc:
        raise Refusal(400) from exc
    if len(sealed.hmac) != 32 or not inner.HasField("keyIndex"):
        raise Refusal(400)
    message = _ACCOUNT_PREFIX + signed.details + registration.identity
    account_key = signed.accountSignatureKey
    if account_key != account.devices[0].identity:
        raise Refusal(406)
    if not verify(account_key, message, signed.accountSignature):
        raise Refusal(406)
    return _Identity(signed.details, account_key, inner.keyIndex)


def _read_answer(answer: Node, registration: Registration, signed: _Identity) -> bytes:
    """Check the companion's `pair-device-sign`; its device identity as others will get it.

    Raises:
        ProtocolError: the companion refused, or its signature or key index is wrong.
    """
    if answer.get("type") != "result":
        raise ProtocolError("the companion refused pair-success")
    node = answer.child("pair-device-sign").child("device-identity")
    if node.get_int("key-index") != signed.key_index:
        raise StanzaError(node.tag, "another key index than the phone has signed")
    try:
        identity = pb.ADVSignedDeviceIdentity.FromString(node.data)
    except ProtobufDecodeError as exc:
        raise StanzaError(node.tag, "no device identity") from exc
    message = _DEVICE_PREFIX + signed.details + registration.identity + signed.account_key
    if identity.details != signed.details or not verify(
        registration.identity, message, identity.deviceSignature
    ):
        raise StanzaError(node.tag, "the device signature is wrong")
    identity.ClearField("accountSignatureKey")
    return identity.SerializeToString()
