"""Signal sessions between two devices, without a store on either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from waport.crypto import KeyPair
from waport.signal import (
    Ciphertext,
    LocalIdentity,
    PreKey,
    PreKeyBundle,
    PreKeyDecryption,
    SessionRecord,
    SignedPreKey,
    decrypt_message,
    decrypt_pre_key_message,
    encrypt,
    start_session,
)

from .timing import Run, Subject

PLAINTEXT = bytes(80)
"""A short text with its message secret, before padding."""


def _local() -> LocalIdentity:
    return LocalIdentity(KeyPair.generate(), 4711)


@dataclass(slots=True)
class Device:
    """One end of a session."""

    local: LocalIdentity = field(default_factory=_local)
    signed_pre_key: SignedPreKey = field(init=False)
    pre_key: PreKey = field(default_factory=lambda: PreKey(1, KeyPair.generate()))
    record: SessionRecord | None = None

    def __post_init__(self) -> None:
        self.signed_pre_key = SignedPreKey.create(self.local.identity, 1)

    def bundle(self) -> PreKeyBundle:
        """What it publishes."""
        return PreKeyBundle(
            registration_id=self.local.registration_id,
            identity=self.local.identity.public,
            signed_pre_key_id=self.signed_pre_key.id,
            signed_pre_key=self.signed_pre_key.pair.public,
            signature=self.signed_pre_key.signature,
            pre_key_id=self.pre_key.id,
            pre_key=self.pre_key.pair.public,
        )

    def open(self, bundle: PreKeyBundle) -> None:
        """Start a session."""
        self.record = start_session(self.local, bundle)

    def encrypt(self, plaintext: bytes = PLAINTEXT) -> Ciphertext:
        """Encrypt for the other end."""
        assert self.record is not None
        self.record, sealed = encrypt(self.record, plaintext)
        return sealed

    def decrypt(self, sealed: Ciphertext) -> bytes:
        """Decrypt what the other end wrote."""
        if sealed.type == "pkmsg":
            result = self.decrypt_first(sealed)
            self.record = result.record
            return result.plaintext
        self.record, plaintext = decrypt_message(self.record, sealed.body)
        return plaintext

    def decrypt_first(self, sealed: Ciphertext) -> PreKeyDecryption:
        """Decrypt a `pkmsg`; nothing is kept."""
        return decrypt_pre_key_message(
            self.local,
            self.record,
            sealed.body,
            signed_pre_key=self._signed_pre_key,
            pre_key=self._pre_key,
        )

    def _signed_pre_key(self, _: int) -> KeyPair:
        return self.signed_pre_key.pair

    def _pre_key(self, _: int) -> KeyPair:
        return self.pre_key.pair


def established(here: Device, there: Device) -> None:
    """Take two devices past their first messages, so that `msg` goes both ways."""
    here.open(there.bundle())
    there.decrypt(here.encrypt())
    here.decrypt(there.encrypt())
    there.decrypt(here.encrypt())


def inputs() -> Mapping[str, object]:
    """For the Node side."""
    return {"plaintext": PLAINTEXT.hex()}


def subjects() -> Sequence[Subject]:
    """From the first message to the ten thousandth."""
    return [
        Subject("signal-first", "first message to a new device", _first_messages, 14),
        Subject("signal-pre-key-decrypt", "pre-key message decrypt", _pre_key_messages, 20),
        Subject("signal-round-trip", "ratchet round trip", _round_trips, 14),
        Subject("signal-encrypt", "established encrypt, no store", _encrypt),
        Subject("signal-decrypt", "established decrypt, no store", _decrypt),
    ]


def _first_messages(count: int) -> Run:
    """The bundle's signature is checked here; Baileys skips that check."""
    local = _local()
    bundles = [Device().bundle() for _ in range(count)]

    def run() -> None:
        for bundle in bundles:
            encrypt(start_session(local, bundle), PLAINTEXT)

    return run


def _pre_key_messages(count: int) -> Run:
    receiver = Device()
    bundle = receiver.bundle()
    messages = []
    for _ in range(count):
        sender = Device()
        sender.open(bundle)
        messages.append(sender.encrypt())

    def run() -> None:
        for message in messages:
            receiver.decrypt_first(message)

    return run


def _round_trips(count: int) -> Run:
    here, there = Device(), Device()
    established(here, there)

    def run() -> None:
        for _ in range(count):
            there.decrypt(here.encrypt())
            here.decrypt(there.encrypt())

    return run


def _encrypt(count: int) -> Run:
    here, there = Device(), Device()
    established(here, there)

    def run() -> None:
        for _ in range(count):
            here.encrypt()

    return run


def _decrypt(count: int) -> Run:
    here, there = Device(), Device()
    established(here, there)
    messages = [here.encrypt() for _ in range(count)]

    def run() -> None:
        for message in messages:
            there.decrypt(message)

    return run
