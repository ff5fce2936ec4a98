"""The double ratchet: chain steps, message keys, and both directions of one session.

Everything is computed in local values; a new state exists only once a message was authenticated and
decrypted, so a refused message cannot change anything.

Source: docs/protocol/signal.md, "Double ratchet".
"""

from __future__ import annotations

import os

from ..crypto import (
    KeyPair,
    RandomBytes,
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    agree,
    equal,
    hkdf_blocks,
    hmac_sha256,
)
from ..errors import CryptoError, DecryptError, DecryptFailure
from .chains import ReceivingChain, add_chain, chain_step, find_chain, unpack_chain
from .messages import MAC_LENGTH, MAX_COUNTER, SignalMessage, signal_message_head
from .records import SendingChain, SessionState

MAX_JUMP = 2000
"""How far a counter may be ahead of its chain."""

MAX_JUMP_OWN_DEVICE = 25000
"""The same for another device of our own account."""


def root_step(root_key: bytes, secret: bytes) -> tuple[bytes, bytes]:
    """The next root key and the key of the chain that begins with a Diffie-Hellman result."""
    next_root_key, chain_key = hkdf_blocks(secret, root_key, b"WhisperRatchet", 2)
    return next_root_key, chain_key


def message_keys(seed: bytes) -> tuple[bytes, bytes, bytes]:
    """Cipher key (32 bytes), MAC key (32) and IV (16) of one message."""
    cipher_key, mac_key, iv = hkdf_blocks(seed, b"", b"WhisperMessageKeys", 3)
    return cipher_key, mac_key, iv[:16]


def seal(state: SessionState, plaintext: bytes) -> tuple[SessionState, bytes]:
    """Encrypt with the next key of the sending chain; the result is a whole SignalMessage.

    Raises:
        CryptoError: the chain has no counter left.
    """
    parties, root_key, sending, receiving, previous_counter, pending = state
    private, public, chain_key, counter = sending
    if counter > MAX_COUNTER:
        raise CryptoError("the sending chain is used up")
    seed, chain_key = chain_step(chain_key)
    cipher_key, mac_key, iv = message_keys(seed)
    ciphertext = aes_cbc_encrypt(cipher_key, iv, plaintext)
    head = signal_message_head(public, counter, previous_counter, ciphertext)
    mac = _mac(mac_key, parties.local_identity, parties.remote_identity, head)
    sending = SendingChain(private, public, chain_key, counter + 1)
    return (
        SessionState(parties, root_key, sending, receiving, previous_counter, pending),
        head + mac,
    )


def unseal(
    state: SessionState,
    message: SignalMessage,
    max_jump: int = MAX_JUMP,
    random_bytes: RandomBytes = os.urandom,
) -> tuple[SessionState, bytes]:
    """Decrypt a message of this session.

    Returns:
        the session afterwards, and the plaintext.

    Raises:
        DecryptError: `DUPLICATE`, `FUTURE_MESSAGE`, `BAD_MAC`, `INVALID_KEY` (the ratchet key is a
            low-order point), or `INVALID_MESSAGE` (authentic, but its CBC padding is wrong).
    """
    parties, root_key, sending, receiving, previous_counter, _ = state
    remote_key = message.ratchet_key
    place = find_chain(receiving, remote_key)
    if place is None:
        root_key, chain_key = root_step(root_key, _agree(sending.private, remote_key))
        chain = ReceivingChain(remote_key, chain_key, 0, b"")
    else:
        chain = unpack_chain(receiving, *place)

    seed, chain = chain.take(message.counter, max_jump)
    cipher_key, mac_key, iv = message_keys(seed)
    mac = _mac(mac_key, parties.remote_identity, parties.local_identity, message.signed)
    if not equal(mac, message.mac):
        raise DecryptError(DecryptFailure.BAD_MAC)
    try:
        plaintext = aes_cbc_decrypt(cipher_key, iv, message.ciphertext)
    except CryptoError as exc:
        raise DecryptError(DecryptFailure.INVALID_MESSAGE, str(exc)) from exc

    if place is not None:
        start, end = place
        receiving = receiving[:start] + chain.pack() + receiving[end:]
        return (
            SessionState(parties, root_key, sending, receiving, previous_counter, None),
            plaintext,
        )
    # Only now, for a message that is authentic: a forged one must not cost a key pair.
    pair = KeyPair.generate(random_bytes)
    root_key, chain_key = root_step(root_key, _agree(pair.private, remote_key))
    return (
        SessionState(
            parties,
            root_key,
            SendingChain(pair.private, pair.public, chain_key, 0),
            add_chain(receiving, chain),
            max(sending.next_counter - 1, 0),
            None,
        ),
        plaintext,
    )


def _mac(mac_key: bytes, sender: bytes, receiver: bytes, head: bytes) -> bytes:
    return hmac_sha256(mac_key, b"\x05" + sender + b"\x05" + receiver + head)[:MAC_LENGTH]


def _agree(private: bytes, public: bytes) -> bytes:
    try:
        return agree(private, public)
    except CryptoError as exc:
        raise DecryptError(DecryptFailure.INVALID_KEY, str(exc)) from exc
