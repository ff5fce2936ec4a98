"""Devices that talk; each keeps what a real one would store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from waport.crypto import KeyPair, sha256, sign
from waport.errors import DecryptError, DecryptFailure
from waport.proto import pb
from waport.signal import (
    MAX_JUMP,
    Ciphertext,
    LocalIdentity,
    PreKeyBundle,
    SenderKeyRecord,
    SessionRecord,
    SignedPreKey,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    decrypt_message,
    decrypt_pre_key_message,
    distribution_message,
    encrypt,
    encrypt_group,
    generate_pre_keys,
    parse_distribution,
    start_session,
)
from waport.signal.sender_records import SenderKeyState


class Dice:
    """Random bytes that are the same in every run; `rolls` counts how often they were asked for."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self.rolls = 0

    def __call__(self, size: int) -> bytes:
        self.rolls += 1
        blocks = range(-(-size // 32))
        return b"".join(sha256(f"{self._seed} {self.rolls} {n}".encode()) for n in blocks)[:size]


@dataclass
class Device:
    """One device and its stored session with one peer."""

    dice: Dice
    local: LocalIdentity
    signed: SignedPreKey
    one_time: dict[int, KeyPair]
    stored: bytes | None = None

    @property
    def record(self) -> SessionRecord:
        assert self.stored is not None
        return SessionRecord.load(self.stored)

    @property
    def record_or_none(self) -> SessionRecord | None:
        return None if self.stored is None else SessionRecord.load(self.stored)

    def bundle(self, *, one_time: bool = True) -> PreKeyBundle:
        key_id = min(self.one_time) if one_time else None
        return PreKeyBundle(
            self.local.registration_id,
            self.local.identity.public,
            self.signed.id,
            self.signed.pair.public,
            self.signed.signature,
            key_id,
            None if key_id is None else self.one_time[key_id].public,
        )

    def start(self, bundle: PreKeyBundle) -> None:
        record = start_session(self.local, bundle, self.record_or_none, random_bytes=self.dice)
        self.stored = record.dump()

    def send(self, text: bytes) -> Ciphertext:
        record, ciphertext = encrypt(self.record, text)
        self.stored = record.dump()
        return ciphertext

    def receive(self, ciphertext: Ciphertext, *, max_jump: int = MAX_JUMP) -> bytes:
        if ciphertext.type == "msg":
            record, plaintext = decrypt_message(
                self.record_or_none, ciphertext.body, max_jump=max_jump, random_bytes=self.dice
            )
            self.stored = record.dump()
            return plaintext
        result = decrypt_pre_key_message(
            self.local,
            self.record_or_none,
            ciphertext.body,
            signed_pre_key={self.signed.id: self.signed.pair}.get,
            pre_key=self.one_time.get,
            max_jump=max_jump,
            random_bytes=self.dice,
        )
        self.stored = result.record.dump()
        if result.used_pre_key_id is not None:
            del self.one_time[result.used_pre_key_id]
        return result.plaintext


@dataclass
class Sender:
    """A device that sends to a group, with its stored record."""

    dice: Dice
    stored: bytes

    @property
    def record(self) -> SenderKeyRecord:
        return SenderKeyRecord.load(self.stored)

    @property
    def state(self) -> SenderKeyState:
        return self.record.states[0]

    def rotate(self) -> None:
        self.stored = create_sender_key(self.dice).dump()

    def tell(self) -> bytes:
        return distribution_message(self.record)

    def send(self, text: bytes) -> bytes:
        record, body = encrypt_group(self.record, text, self.dice)
        self.stored = record.dump()
        return body

    def skip(self, count: int) -> None:
        """As if `count` messages had been sent, of which nobody heard."""
        state = self.state
        for _ in range(count):
            _, state = state.take(state.iteration, 0)
        self.stored = SenderKeyRecord((state,)).dump()

    def signed(self, message: bytes, private: bytes | None = None) -> bytes:
        """A body that is truly this sender's, whatever stands in it."""
        return message + sign(private or self.state.signing_private, message, self.dice)

    def changed(self, body: bytes, **changes: object) -> bytes:
        message = pb.SenderKeyMessage.FromString(body[1:-64])
        for name, value in changes.items():
            if value is None:
                message.ClearField(name)
            else:
                setattr(message, name, value)
        return self.signed(body[:1] + message.SerializeToString())


@dataclass
class Member:
    """A device that reads one sender, with what it has stored of it."""

    stored: bytes | None = None

    @property
    def record(self) -> SenderKeyRecord | None:
        return None if self.stored is None else SenderKeyRecord.load(self.stored)

    def hear(self, distribution: bytes) -> None:
        self.stored = accept_distribution(self.record, parse_distribution(distribution)).dump()

    def read(self, body: bytes, max_jump: int = 2000) -> bytes:
        record, text = decrypt_group(self.record, body, max_jump)
        self.stored = record.dump()
        return text

    def reason_of_refusal(self, body: bytes, max_jump: int = 2000) -> DecryptFailure:
        """Why this is refused; what is stored must stay as it was, to the bit."""
        before = self.stored
        with pytest.raises(DecryptError) as refusal:
            self.read(body, max_jump)
        assert self.stored == before
        return refusal.value.reason


MakeDevice = Callable[[str], Device]


@pytest.fixture
def make_device() -> MakeDevice:
    def make(name: str) -> Device:
        dice = Dice(name)
        identity = KeyPair.generate(dice)
        return Device(
            dice,
            LocalIdentity(identity, 1000 + len(name)),
            SignedPreKey.create(identity, 1, dice),
            {key.id: key.pair for key in generate_pre_keys(1, 60, dice)},
        )

    return make


@pytest.fixture
def alice(make_device: MakeDevice) -> Device:
    return make_device("alice")


@pytest.fixture
def bob(make_device: MakeDevice) -> Device:
    return make_device("bob")


@pytest.fixture
def talking(alice: Device, bob: Device) -> tuple[Device, Device]:
    """Alice and Bob after each has read one message of the other."""
    alice.start(bob.bundle())
    bob.receive(alice.send(b"hello"))
    alice.receive(bob.send(b"hi"))
    return alice, bob


@pytest.fixture
def make_dice() -> type[Dice]:
    return Dice


@pytest.fixture
def sender() -> Sender:
    dice = Dice("sender")
    return Sender(dice, create_sender_key(dice).dump())


@pytest.fixture
def member(sender: Sender) -> Member:
    member = Member()
    member.hear(sender.tell())
    return member
