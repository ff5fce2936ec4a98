"""Encryption of frames once the handshake is done, and the nonce form that both phases share.

Source: docs/protocol/transport.md, "Noise handshake, primitives" and "Transport phase".
"""

from __future__ import annotations

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import CryptoError, DecodeError, InvalidInput
from .framing import MAX_FRAME

TAG_SIZE = 16
COUNTER_LIMIT = 1 << 32
"""The first counter that no longer fits into a nonce."""

_NONCE = struct.Struct(">QI")


def nonce(counter: int) -> bytes:
    """12 bytes: eight zero bytes, then the counter, big endian."""
    return _NONCE.pack(0, counter)


class TransportCipher:
    """AES-256-GCM for each direction, with a counter of its own for each.

    Args:
        write_key: 32 bytes, for what this side sends.
        read_key: 32 bytes, for what the other side sends.

    Attributes:
        write_counter: the nonce of the next frame to send.
        read_counter: the nonce of the next frame to read.
    """

    __slots__ = ("_read", "_write", "read_counter", "write_counter")

    def __init__(self, write_key: bytes, read_key: bytes) -> None:
        # The objects are kept: setting up the key schedule costs more than a short frame.
        self._write = AESGCM(write_key)
        self._read = AESGCM(read_key)
        self.write_counter = 0
        self.read_counter = 0

    def encrypt(self, plaintext: bytes) -> bytes:
        """The body of the next frame to send; it must go out in the order of the calls.

        Raises:
            InvalidInput: the frame would be too long; no counter is used up.
            CryptoError: the counters are used up; the connection must be replaced.
        """
        if len(plaintext) > MAX_FRAME - TAG_SIZE:
            raise InvalidInput(f"{len(plaintext)} bytes do not fit into one encrypted frame")
        counter = self.write_counter
        if counter >= COUNTER_LIMIT:
            raise CryptoError("the write counter is used up")
        # Moved first, so that no failure below can lead to a nonce being used twice.
        self.write_counter = counter + 1
        return self._write.encrypt(_NONCE.pack(0, counter), plaintext, None)

    def decrypt(self, body: bytes) -> bytes:
        """The plaintext of the next frame received.

        Raises:
            DecodeError: shorter than an authentication tag.
            CryptoError: the tag does not match, or the counters are used up. Either way the stream
                is not to be trusted any more.
        """
        if len(body) < TAG_SIZE:
            raise DecodeError(f"an encrypted frame of {len(body)} bytes")
        counter = self.read_counter
        if counter >= COUNTER_LIMIT:
            raise CryptoError("the read counter is used up")
        try:
            plaintext = self._read.decrypt(_NONCE.pack(0, counter), body, None)
        except InvalidTag as exc:
            raise CryptoError(f"authentication tag of frame {counter} does not match") from exc
        self.read_counter = counter + 1
        return plaintext
