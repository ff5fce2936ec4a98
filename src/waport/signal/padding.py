"""Message padding: n bytes of value n behind the plaintext, so that lengths tell less.

Source: docs/protocol/signal.md, "Plaintext padding".
"""

from __future__ import annotations

import os

from ..crypto import RandomBytes
from ..errors import DecryptError, DecryptFailure


def pad(plaintext: bytes, random_bytes: RandomBytes = os.urandom) -> bytes:
    """`plaintext` with 1 to 15 bytes behind it, as payloads of `<enc v="2">` need."""
    fill = random_bytes(1)[0] & 0x0F or 15
    return plaintext + bytes((fill,)) * fill


def unpad(padded: bytes) -> bytes:
    """What `pad` was given.

    Raises:
        DecryptError: `CORRUPT_PLAINTEXT`: empty, or its last byte n does not stand there n times.
    """
    fill = padded[-1] if padded else 0
    if not 1 <= fill <= len(padded) or padded[-fill:] != bytes((fill,)) * fill:
        raise DecryptError(DecryptFailure.CORRUPT_PLAINTEXT, "the message padding is wrong")
    return padded[:-fill]
