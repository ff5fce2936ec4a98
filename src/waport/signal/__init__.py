"""Pairwise end-to-end encryption: X3DH and the double ratchet, as pure functions over records."""

from .keys import (
    MAX_KEY_ID,
    LocalIdentity,
    PreKey,
    PreKeyBundle,
    SignedPreKey,
    encode_id,
    generate_pre_keys,
    generate_registration_id,
    next_key_id,
)
from .padding import pad, unpad
from .ratchet import MAX_JUMP, MAX_JUMP_OWN_DEVICE
from .records import SessionRecord
from .session import (
    Ciphertext,
    PreKeyDecryption,
    decrypt_message,
    decrypt_pre_key_message,
    encrypt,
    pre_key_message_identity,
    start_session,
)

__all__ = [
    "MAX_JUMP",
    "MAX_JUMP_OWN_DEVICE",
    "MAX_KEY_ID",
    "Ciphertext",
    "LocalIdentity",
    "PreKey",
    "PreKeyBundle",
    "PreKeyDecryption",
    "SessionRecord",
    "SignedPreKey",
    "decrypt_message",
    "decrypt_pre_key_message",
    "encode_id",
    "encrypt",
    "generate_pre_keys",
    "generate_registration_id",
    "next_key_id",
    "pad",
    "pre_key_message_identity",
    "start_session",
    "unpad",
]
