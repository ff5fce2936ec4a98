"""X3DH: the key agreement that opens a session, for whoever starts it and for whoever answers.

Source: docs/protocol/signal.md, "X3DH (Signal version 3)".
"""

from __future__ import annotations

import os

from ..crypto import KeyPair, RandomBytes, agree, hkdf_blocks
from .chains import ReceivingChain
from .keys import LocalIdentity, PreKeyBundle
from .ratchet import root_step
from .records import Parties, PendingPreKey, SendingChain, SessionState

_DISCONTINUITY = b"\xff" * 32


def open_outgoing(
    local: LocalIdentity, bundle: PreKeyBundle, random_bytes: RandomBytes = os.urandom
) -> SessionState:
    """The starter's session with a verified bundle.

    Two key pairs are made, in this order: the base key and the first ratchet key.

    Raises:
        CryptoError: a key of the bundle is a low-order point.
    """
    base = KeyPair.generate(random_bytes)
    their_key = bundle.signed_pre_key
    root_key, chain_key = _agreed_keys(
        agree(local.identity.private, their_key),
        agree(base.private, bundle.identity),
        agree(base.private, their_key),
        b"" if bundle.pre_key is None else agree(base.private, bundle.pre_key),
    )
    ratchet = KeyPair.generate(random_bytes)
    root_key, sending_key = root_step(root_key, agree(ratchet.private, their_key))
    return SessionState(
        Parties(
            local.identity.public,
            bundle.identity,
            base.public,
            local.registration_id,
            bundle.registration_id,
        ),
        root_key,
        SendingChain(ratchet.private, ratchet.public, sending_key, 0),
        ReceivingChain(their_key, chain_key, 0, b"").pack(),
        0,
        PendingPreKey(bundle.pre_key_id, bundle.signed_pre_key_id),
    )


def open_incoming(
    local: LocalIdentity,
    remote_identity: bytes,
    remote_registration_id: int,
    base_key: bytes,
    signed_pre_key: KeyPair,
    pre_key: KeyPair | None,
) -> SessionState:
    """The answerer's session, before the starter's first message drives its ratchet.

    Raises:
        CryptoError: a key of the peer is a low-order point.
    """
    root_key, chain_key = _agreed_keys(
        agree(signed_pre_key.private, remote_identity),
        agree(local.identity.private, base_key),
        agree(signed_pre_key.private, base_key),
        b"" if pre_key is None else agree(pre_key.private, base_key),
    )
    return SessionState(
        Parties(
            local.identity.public,
            remote_identity,
            base_key,
            local.registration_id,
            remote_registration_id,
        ),
        root_key,
        SendingChain(signed_pre_key.private, signed_pre_key.public, chain_key, 0),
        b"",
        0,
        None,
    )


def _agreed_keys(dh1: bytes, dh2: bytes, dh3: bytes, dh4: bytes) -> tuple[bytes, bytes]:
    secret = _DISCONTINUITY + dh1 + dh2 + dh3 + dh4
    root_key, chain_key = hkdf_blocks(secret, b"", b"WhisperText", 2)
    return root_key, chain_key
