"""The phone's own end-to-end encryption: its keys, and its Signal sessions with other devices.

Everything is held in memory and saved with the rest of the phone. Sessions are kept under the LID
of a device as soon as it is known, whatever address a stanza uses.

Source: docs/protocol/signal.md, "Addresses", "Fetching key bundles" and "Identities".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ..crypto import KeyPair, RandomBytes
from ..errors import CryptoError, DecryptError, DecryptFailure
from ..signal import (
    Ciphertext,
    LocalIdentity,
    PreKey,
    SessionRecord,
    SignedPreKey,
    decrypt_message,
    decrypt_pre_key_message,
    encrypt,
    generate_pre_keys,
    generate_registration_id,
    next_key_id,
    pre_key_message_identity,
    start_session,
    unpad,
)
from ..wire import Jid
from .phone_adv import check_device_identity
from .phone_keys import DeviceBundle
from .phone_sender_keys import SenderKeys
from .phone_trouble import NO_TROUBLE, Trouble
from .saved import Saved

_OWN_DEVICE_MAX_JUMP = 25_000
_MAX_JUMP = 2_000

_Entry = TypeVar("_Entry")


@dataclass(slots=True)
class PhoneSignal:
    """Keys and sessions of one phone.

    Attributes:
        local: identity key and registration id.
        signed_pre_key: the current one; the phone never rotates it.
        own: the phone's own bare addresses, PN and LID.
        pre_keys: unused one-time keys, id to pair.
        next_pre_key_id: the next id to give out.
        sessions: by Signal address.
        identities: identity keys of others, 32 bytes, by Signal address.
        lids: LID user of a phone number.
        sender_keys: those of groups.
    """

    local: LocalIdentity
    signed_pre_key: SignedPreKey
    own: frozenset[Jid]
    random_bytes: RandomBytes = os.urandom
    pre_keys: dict[int, KeyPair] = field(default_factory=dict)
    next_pre_key_id: int = 1
    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    identities: dict[str, bytes] = field(default_factory=dict)
    lids: dict[str, str] = field(default_factory=dict)
    sender_keys: SenderKeys = field(default_factory=SenderKeys)

    @classmethod
    def create(cls, own: frozenset[Jid], random_bytes: RandomBytes = os.urandom) -> PhoneSignal:
        """A phone that has just been taken out of its box."""
        identity = KeyPair.generate(random_bytes)
        return cls(
            LocalIdentity(identity, generate_registration_id(random_bytes)),
            SignedPreKey.create(identity, 1, random_bytes),
            own,
            random_bytes,
            sender_keys=SenderKeys(random_bytes),
        )

    # --- addresses -------------------------------------------------------------------------------

    def learn(self, one: Jid, other: Jid | None) -> None:
        """Note that a phone number and a LID are one account; its sessions move to the LID."""
        if other is None:
            return
        pn, lid = (one, other) if one.is_pn else (other, one)
        if not (pn.is_pn and lid.is_lid) or self.lids.get(pn.user) == lid.user:
            return
        self.lids[pn.user] = lid.user
        _move(self.sessions, pn.bare.signal_name, lid.bare.signal_name)
        _move(self.identities, pn.bare.signal_name, lid.bare.signal_name)

    def address(self, jid: Jid) -> str:
        """The key of a device's session: by its LID when that is known."""
        lid = self.lids.get(jid.user) if jid.is_pn else None
        return (Jid(lid, "lid", jid.device) if lid else jid).signal_address

    # --- own keys --------------------------------------------------------------------------------

    def make_pre_keys(self, count: int) -> list[PreKey]:
        """Fresh one-time keys; their private halves are kept until each is used."""
        keys = generate_pre_keys(self.next_pre_key_id, count, self.random_bytes)
        for key in keys:
            self.pre_keys[key.id] = key.pair
            self.next_pre_key_id = next_key_id(key.id)
        return keys

    # --- sessions --------------------------------------------------------------------------------

    def has_session(self, jid: Jid) -> bool:
        """Whether a message to this device can be encrypted at once."""
        record = self.sessions.get(self.address(jid))
        return record is not None and record.is_usable

    def session(self, jid: Jid) -> SessionRecord | None:
        """The record kept for a device."""
        return self.sessions.get(self.address(jid))

    def forget_session(self, jid: Jid) -> None:
        """Drop the session with a device; the next message needs a bundle."""
        self.sessions.pop(self.address(jid), None)

    def forget_user(self, jid: Jid) -> None:
        """Drop sessions and identities of all devices of an account."""
        name = self.address(jid.bare).rpartition(".")[0]
        for address in {*self.sessions, *self.identities}:
            if address.rpartition(".")[0] == name:
                self.sessions.pop(address, None)
                self.identities.pop(address, None)

    def account_key(self, jid: Jid) -> bytes | None:
        """The identity key of the account's device 0: our own, or the one seen before."""
        if jid.bare in self.own:
            return self.local.identity.public
        return self.identities.get(self.address(jid.bare))

    def open_session(self, jid: Jid, published: DeviceBundle) -> None:
        """Start a session from a bundle, after everything that a strict client verifies.

        Raises:
            CryptoError: a signature, a length or the device identity is wrong.
        """
        bundle = published.bundle
        bundle.verify()
        if jid.device:
            if published.device_identity is None:
                raise CryptoError("the bundle of a companion has no device identity")
            check_device_identity(published.device_identity, bundle.identity, self.account_key(jid))
        address = self.address(jid)
        self.sessions[address] = start_session(
            self.local, bundle, self.sessions.get(address), random_bytes=self.random_bytes
        )
        self.identities[address] = bundle.identity

    def encrypt(self, jid: Jid, plaintext: bytes, trouble: Trouble = NO_TROUBLE) -> Ciphertext:
        """Pad and encrypt for a device that has a session."""
        address = self.address(jid)
        for _ in range(trouble.skip):
            self.sessions[address], _ = encrypt(self.sessions[address], b"\x01")
        padded = trouble.pad(plaintext, self.random_bytes)
        self.sessions[address], sealed = encrypt(self.sessions[address], padded)
        return replace(sealed, body=trouble.seal(sealed.body))

    def decrypt(self, jid: Jid, kind: str, body: bytes, device_identity: bytes | None) -> bytes:
        """Decrypt a `pkmsg` or `msg` and take off the padding.

        Args:
            jid: the sending device.
            kind: "pkmsg" or "msg".
            body: the ciphertext.
            device_identity: what came along with it; a companion's pkmsg needs it.

        Raises:
            DecryptError: nothing has changed, save that the ratchet went on for
                `CORRUPT_PLAINTEXT`.
        """
        address = self.address(jid)
        own = jid.bare in self.own
        max_jump = _OWN_DEVICE_MAX_JUMP if own else _MAX_JUMP
        record = self.sessions.get(address)
        if kind == "pkmsg":
            self._check_sender(jid, pre_key_message_identity(body), device_identity)
            opened = decrypt_pre_key_message(
                self.local,
                record,
                body,
                signed_pre_key=self._find_signed_pre_key,
                pre_key=self.pre_keys.get,
                max_jump=max_jump,
                random_bytes=self.random_bytes,
            )
            self.sessions[address] = opened.record
            self.identities[address] = opened.identity
            if opened.used_pre_key_id is not None:
                self.pre_keys.pop(opened.used_pre_key_id, None)
            return unpad(opened.plaintext)
        self.sessions[address], plaintext = decrypt_message(
            record, body, max_jump=max_jump, random_bytes=self.random_bytes
        )
        return unpad(plaintext)

    def _check_sender(self, jid: Jid, identity: bytes, device_identity: bytes | None) -> None:
        if not jid.device:
            return
        try:
            if device_identity is None:
                raise CryptoError("a companion's first message has no device identity")
            check_device_identity(device_identity, identity, self.account_key(jid))
        except CryptoError as exc:
            raise DecryptError(DecryptFailure.DEVICE_IDENTITY, str(exc)) from exc

    def _find_signed_pre_key(self, key_id: int) -> KeyPair | None:
        return self.signed_pre_key.pair if key_id == self.signed_pre_key.id else None

    # --- the state folder ------------------------------------------------------------------------

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "identity": self.local.identity.private.hex(),
            "registration_id": self.local.registration_id,
            "signed_pre_key": {
                "id": self.signed_pre_key.id,
                "private": self.signed_pre_key.pair.private.hex(),
                "signature": self.signed_pre_key.signature.hex(),
            },
            "pre_keys": [
                {"id": key_id, "private": pair.private.hex()}
                for key_id, pair in self.pre_keys.items()
            ],
            "next_pre_key_id": self.next_pre_key_id,
            "sessions": {a: record.dump().hex() for a, record in self.sessions.items()},
            "identities": {a: key.hex() for a, key in self.identities.items()},
            "lids": dict(self.lids),
            "sender_keys": self.sender_keys.dump(),
        }

    @classmethod
    def load(
        cls, saved: Saved, own: frozenset[Jid], random_bytes: RandomBytes = os.urandom
    ) -> PhoneSignal:
        """The inverse of `dump`.

        Raises:
            CorruptRecord: the state is not what `dump` makes.
            CryptoError: a key in it has not 32 bytes.
        """
        signed = saved.part("signed_pre_key")
        sessions, identities, lids = (
            saved.part(name) for name in ("sessions", "identities", "lids")
        )
        sender_keys = SenderKeys(random_bytes)
        if "sender_keys" in saved.names():  # a phone from before there were groups has none
            sender_keys.restore(saved.part("sender_keys"))
        return cls(
            LocalIdentity(
                KeyPair.from_private(saved.data("identity")), saved.number("registration_id")
            ),
            SignedPreKey(
                signed.number("id"),
                KeyPair.from_private(signed.data("private")),
                signed.data("signature"),
            ),
            own,
            random_bytes,
            {
                key.number("id"): KeyPair.from_private(key.data("private"))
                for key in saved.parts("pre_keys")
            },
            saved.number("next_pre_key_id"),
            {a: SessionRecord.load(sessions.data(a)) for a in sessions.names()},
            {a: identities.data(a) for a in identities.names()},
            {pn: lids.text(pn) for pn in lids.names()},
            sender_keys,
        )


def _move(book: dict[str, _Entry], old: str, new: str) -> None:
    """Rename a user's entries; what already stands under the new name stays."""
    for address in [a for a in book if a.rpartition(".")[0] == old]:
        entry = book.pop(address)
        book.setdefault(f"{new}.{address.rpartition('.')[2]}", entry)
