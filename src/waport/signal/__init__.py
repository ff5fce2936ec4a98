"""End-to-end encryption as pure functions over records.

Between two devices: X3DH and the double ratchet. In groups: sender keys.
"""

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
from .sender_key import (
    SenderKeyDistribution,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    distribution_message,
    encrypt_group,
    parse_distribution,
)
from .sender_records import SenderKeyRecord
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
    "SenderKeyDistribution",
    "SenderKeyRecord",
    "SessionRecord",
    "SignedPreKey",
    "accept_distribution",
    "create_sender_key",
    "decrypt_group",
    "decrypt_message",
    "decrypt_pre_key_message",
    "distribution_message",
    "encode_id",
    "encrypt",
    "encrypt_group",
    "generate_pre_keys",
    "generate_registration_id",
    "next_key_id",
    "pad",
    "parse_distribution",
    "pre_key_message_identity",
    "start_session",
    "unpad",
]
