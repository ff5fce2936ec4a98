"""Group encryption with sender keys: one ciphertext that every device of a group reads.

Each sending device has a chain and a signing key of its own for each group, and tells them to the
other devices in pairwise messages. As in session.py nothing here stores anything, and nothing
changes what it was given: whoever calls keeps the new record if the function returned, and the old
one if it raised.

Source: docs/protocol/signal.md, "Sender keys".
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import (
    KeyPair,
    RandomBytes,
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    hkdf_blocks,
    sign,
    typed,
    untyped,
    verify,
)
from ..errors import CryptoError, DecodeError, DecryptError, DecryptFailure
from ..proto import pb
from .chains import chain_step
from .messages import MAX_COUNTER, VERSION_BYTE
from .ratchet import MAX_JUMP
from .sender_records import SenderKeyRecord, SenderKeyState

SIGNATURE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class SenderKeyDistribution:
    """What a sender tells a device so that it can read the messages from there on.

    Attributes:
        chain_id: 32 bits.
        iteration: of the first message that can be read with it.
        chain_key: 32 bytes.
        signing_key: the sender's public key for signatures, 32 bytes.
    """

    chain_id: int
    iteration: int
    chain_key: bytes = field(repr=False)
    signing_key: bytes


def create_sender_key(random_bytes: RandomBytes = os.urandom) -> SenderKeyRecord:
    """A fresh sender key of our own for one group.

    Drawn in this order: chain id (4 bytes), chain key (32), signing private key (32).
    """
    chain_id = int.from_bytes(random_bytes(4), "big") & 0x7FFFFFFF
    chain_key = random_bytes(32)
    pair = KeyPair.generate(random_bytes)
    return SenderKeyRecord((SenderKeyState(chain_id, 0, chain_key, pair.public, pair.private),))


def distribution_message(record: SenderKeyRecord) -> bytes:
    """The distribution message of our own key: whoever gets it reads from the next message on.

    Take it before `encrypt_group`, so that it covers the message that goes out with it.

    Raises:
        CryptoError: the record is another sender's.
    """
    state = _own_state(record)
    message = pb.SignalSenderKeyDistributionMessage(
        id=state.chain_id,
        iteration=state.iteration,
        chainKey=state.chain_key,
        signingKey=typed(state.signing_public),
    )
    return VERSION_BYTE + message.SerializeToString()


def parse_distribution(data: bytes) -> SenderKeyDistribution:
    """Take a distribution message apart.

    Raises:
        DecodeError: no such message, or a key of it has the wrong length or type. Only the
            distribution is void then, not the message that it came with.
    """
    # Some senders leave the version byte out. It cannot be taken for the beginning of a protobuf:
    # there it would be the tag of a field that this message does not have.
    body = data[1:] if data and data[0] >> 4 == 3 else data
    try:
        message = pb.SignalSenderKeyDistributionMessage.FromString(body)
    except ProtobufError as exc:
        raise DecodeError("a sender key distribution is no protobuf") from exc
    if not (message.HasField("id") and message.HasField("iteration")):
        raise DecodeError("a sender key distribution needs a chain id and an iteration")
    chain_key = message.chainKey
    if len(chain_key) != 32:
        raise DecodeError("the chain key of a sender key distribution has 32 bytes")
    try:
        signing_key = untyped(message.signingKey)
    except CryptoError as exc:
        raise DecodeError("the signing key of a sender key distribution is unusable") from exc
    return SenderKeyDistribution(message.id, message.iteration, chain_key, signing_key)


def accept_distribution(
    record: SenderKeyRecord | None, distribution: SenderKeyDistribution
) -> SenderKeyRecord:
    """The sender's record once it has told us a key.

    A chain that is known with the same signing key stays as it is, since it may be further on;
    then the very record that was passed is returned.

    Args:
        record: what is stored about the sender's device in this group; None when nothing is.
        distribution: from a pairwise message of that very device, for that very group.
    """
    state = SenderKeyState(
        distribution.chain_id,
        distribution.iteration,
        distribution.chain_key,
        distribution.signing_key,
    )
    if record is None:
        return SenderKeyRecord((state,))
    for known in record.states:
        if known.chain_id == state.chain_id and known.signing_public == state.signing_public:
            return record
    return record.added(state)


def encrypt_group(
    record: SenderKeyRecord, plaintext: bytes, random_bytes: RandomBytes = os.urandom
) -> tuple[SenderKeyRecord, bytes]:
    """Encrypt for everyone who was told our key.

    The record must be stored before the message leaves: a key is never used for two messages.

    Args:
        record: our own.
        plaintext: already padded.
        random_bytes: gives the 64 bytes of the signature.

    Returns:
        the record to store, and the bytes of `<enc type="skmsg">`.

    Raises:
        CryptoError: the record is another sender's, or its chain has no iteration left.
    """
    chain_id, iteration, chain_key, public, private, skipped = _own_state(record)
    if iteration > MAX_COUNTER:
        raise CryptoError("the sender key is used up")
    seed, chain_key = chain_step(chain_key)
    cipher_key, iv = sender_message_keys(seed)
    message = pb.SenderKeyMessage(
        id=chain_id,
        iteration=iteration,
        ciphertext=aes_cbc_encrypt(cipher_key, iv, plaintext),
    )
    signed = VERSION_BYTE + message.SerializeToString()
    state = SenderKeyState(chain_id, iteration + 1, chain_key, public, private, skipped)
    after = SenderKeyRecord((state, *record.states[1:]))
    return after, signed + sign(private, signed, random_bytes)


def decrypt_group(
    record: SenderKeyRecord | None, body: bytes, max_jump: int = MAX_JUMP
) -> tuple[SenderKeyRecord, bytes]:
    """Decrypt a `skmsg`.

    Args:
        record: what is stored about the sender's device in this group; None when nothing is.
        body: the bytes of `<enc>`.
        max_jump: how far the iteration may be ahead.

    Returns:
        the record to store, and the plaintext, still padded.

    Raises:
        DecryptError: `INVALID_MESSAGE`, `UNSUPPORTED_VERSION`, `NO_SESSION` (no key of that chain
            id), `INVALID_SIGNATURE`, `DUPLICATE` or `FUTURE_MESSAGE`.
    """
    end = len(body) - SIGNATURE_LENGTH
    if end < 1:
        raise _invalid("a SenderKeyMessage has at least 65 bytes")
    if body[0] >> 4 != 3:
        raise DecryptError(
            DecryptFailure.UNSUPPORTED_VERSION, f"message version {body[0] >> 4}, not 3"
        )
    chain_id, iteration, ciphertext = _parse_message(body[1:end])
    if record is None:
        raise DecryptError(DecryptFailure.NO_SESSION)
    state = record.find(chain_id)
    # Before any step: only the sender itself can make us walk along its chain.
    if not verify(state.signing_public, body[:end], body[end:]):
        raise DecryptError(DecryptFailure.INVALID_SIGNATURE)
    seed, state = state.take(iteration, max_jump)
    cipher_key, iv = sender_message_keys(seed)
    try:
        plaintext = aes_cbc_decrypt(cipher_key, iv, ciphertext)
    except CryptoError as exc:
        raise _invalid(str(exc)) from exc
    return record.replaced(state), plaintext


def sender_message_keys(seed: bytes) -> tuple[bytes, bytes]:
    """Cipher key (32 bytes) and IV (16) of one group message; derived the other way round."""
    first, second = hkdf_blocks(seed, b"", b"WhisperGroup", 2)
    return first[16:] + second[:16], first[:16]


def _own_state(record: SenderKeyRecord) -> SenderKeyState:
    state = record.states[0]
    if not state.signing_private:
        raise CryptoError("only the sender itself can use its sender key")
    return state


def _parse_message(data: bytes) -> tuple[int, int, bytes]:
    """Chain id, iteration and ciphertext of a SenderKeyMessage."""
    try:
        message = pb.SenderKeyMessage.FromString(data)
    except ProtobufError as exc:
        raise _invalid("a SenderKeyMessage is no protobuf") from exc
    if not (
        message.HasField("id") and message.HasField("iteration") and message.HasField("ciphertext")
    ):
        raise _invalid("a SenderKeyMessage needs a chain id, an iteration and a ciphertext")
    iteration = message.iteration
    if iteration > MAX_COUNTER:
        raise _invalid("a SenderKeyMessage with an iteration that has no next one")
    return message.id, iteration, message.ciphertext


def _invalid(message: str) -> DecryptError:
    return DecryptError(DecryptFailure.INVALID_MESSAGE, message)
