"""Secrets at rest: what stands in the columns of keys, if the operator has given a secret key.

Each value is sealed by AES-256-GCM under a key that HKDF derives for its session and its kind of
column, so that a value can't be moved to another session or kind, and no key seals so much that its
random nonces could repeat. A database is sealed as a whole or not at all.

A sealed value: 12 bytes of nonce, the ciphertext, 16 bytes of tag. An empty one stays empty.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from ..crypto import AesGcm, hkdf
from ..errors import CorruptRecord, CryptoError

NONCE_SIZE: Final = 12
SALT_SIZE: Final = 16
MAX_KEYS: Final = 4096
"""Derived keys that are kept at hand."""
PROOF: Final = b"waport"
"""What `vault.proof` says to whoever has the right key."""

RECORD: Final = "record"
"""Ratchets and sender keys; records that are set aside are copied as they stand."""
IDENTITY: Final = "identity"
PRIVATE: Final = "private"
"""Pre-keys, signed ones too."""
APP_STATE: Final = "app-state"
CREDENTIALS: Final = "credentials"
WEBHOOK: Final = "webhook"
"""Receivers of events. They are text, belong to no session, and are sealed as base64."""

SEALED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "credentials": (
        CREDENTIALS,
        ("noise_private", "identity_private", "signed_pre_key_private", "adv_secret"),
    ),
    "signal_sessions": (RECORD, ("record",)),
    "signal_quarantine": (RECORD, ("record",)),
    "sender_keys": (RECORD, ("record",)),
    "signal_identities": (IDENTITY, ("key",)),
    "pre_keys": (PRIVATE, ("private",)),
    "signed_pre_keys": (PRIVATE, ("private",)),
    "app_state_keys": (APP_STATE, ("key_data", "other_data")),
    # Addresses and headers may hold tokens, too.
    "webhooks": (WEBHOOK, ("url", "options", "secrets")),
}
"""Every secret column: table -> the kind of its values, and their names."""


class Secrets(NamedTuple):
    """The operator's secret keys, any bytes with enough chance in them.

    Attributes:
        now: seals what is stored; None: nothing is sealed.
        before: what the database may still be sealed with.
    """

    now: bytes | None = None
    before: bytes | None = None


NO_SECRETS: Final = Secrets()


class Vault(Protocol):
    """Seals and opens the values of secret columns."""

    @property
    def is_sealing(self) -> bool:
        """Whether what it makes differs from what it is given."""
        ...

    def seal(self, kind: str, session_id: str, value: bytes) -> bytes:
        """A value as it is stored."""
        ...

    def open(self, kind: str, session_id: str, stored: bytes) -> bytes:
        """A stored value as it is used.

        Raises:
            CorruptRecord: it is not what was stored there.
        """
        ...

    def twin(self) -> Vault:
        """The same for another thread."""
        ...

    def __hash__(self) -> int:
        """One vault is like no other, so that what it opened can be remembered."""
        ...


class OpenVault:
    """For a database in the clear: everything stands as it is."""

    is_sealing = False

    def seal(self, kind: str, session_id: str, value: bytes) -> bytes:
        """The value itself."""
        del kind, session_id
        return value

    def open(self, kind: str, session_id: str, stored: bytes) -> bytes:
        """The value itself."""
        del kind, session_id
        return stored

    def twin(self) -> OpenVault:
        """This one: it has no state."""
        return self


class SealedVault:
    """For one thread.

    Args:
        secret: the operator's secret key.
        salt: of this database.
    """

    is_sealing = True

    def __init__(self, secret: bytes, salt: bytes) -> None:
        self._secret = secret
        self._salt = salt
        self._keys: dict[tuple[str, str], AesGcm] = {}

    def seal(self, kind: str, session_id: str, value: bytes) -> bytes:
        """Encrypt a value."""
        if not value:
            return value
        nonce = os.urandom(NONCE_SIZE)
        return nonce + self._key(kind, session_id).encrypt(nonce, value)

    def open(self, kind: str, session_id: str, stored: bytes) -> bytes:
        """Decrypt a value.

        Raises:
            CorruptRecord: it is not what was sealed for this session and kind.
        """
        if not stored:
            return stored
        try:
            return self._key(kind, session_id).decrypt(stored[:NONCE_SIZE], stored[NONCE_SIZE:])
        except CryptoError as exc:
            raise CorruptRecord("a stored secret cannot be opened") from exc

    def twin(self) -> SealedVault:
        """The same for another thread."""
        return SealedVault(self._secret, self._salt)

    def _key(self, kind: str, session_id: str) -> AesGcm:
        name = (kind, session_id)
        key = self._keys.get(name)
        if key is None:
            if len(self._keys) >= MAX_KEYS:
                self._keys.clear()
            info = f"waport vault 1|{kind}|{session_id}".encode()
            key = self._keys[name] = AesGcm(hkdf(self._secret, self._salt, info, 32))
        return key


def seal_text(vault: Vault, kind: str, value: str) -> str:
    """Text of no session as it is stored."""
    if not vault.is_sealing:
        return value
    return base64.b64encode(vault.seal(kind, "", value.encode())).decode("ascii")


def open_text(vault: Vault, kind: str, stored: str) -> str:
    """Stored text of no session as it is used.

    Raises:
        CorruptRecord: it is not what was stored there.
    """
    if not vault.is_sealing:
        return stored
    try:
        return vault.open(kind, "", base64.b64decode(stored, validate=True)).decode()
    except ValueError as exc:
        raise CorruptRecord("a stored secret cannot be opened") from exc


def fresh_vault(secret: bytes) -> tuple[SealedVault, bytes, bytes]:
    """A vault for a database that has none; with its salt and its proof."""
    salt = os.urandom(SALT_SIZE)
    vault = SealedVault(secret, salt)
    return vault, salt, vault.seal("proof", "", PROOF)


def matches(vault: Vault, proof: bytes) -> bool:
    """Whether a vault is the one that made this proof."""
    try:
        return vault.open("proof", "", proof) == PROOF
    except CorruptRecord:
        return False
