"""Noise transport frames: one encrypted and framed, one decrypted."""

from __future__ import annotations

import os
from collections.abc import Sequence

from waport.noise import TransportCipher, encode_frame

from .timing import Prepare, Run, Subject

SIZES = (200, 4096)
"""Bytes of plaintext: an ack or a receipt, and a message to some twenty devices."""


def subjects() -> Sequence[Subject]:
    """One for each size."""
    return [
        Subject(f"frame-{size}", f"Noise frame out and in, {size} bytes", _round_trip(size))
        for size in SIZES
    ]


def _round_trip(size: int) -> Prepare:
    plaintext = bytes(size)
    here, there = os.urandom(32), os.urandom(32)

    def prepare(count: int) -> Run:
        peer = TransportCipher(there, here)
        incoming = [peer.encrypt(plaintext) for _ in range(count)]
        cipher = TransportCipher(here, there)

        def run() -> None:
            for body in incoming:
                encode_frame(cipher.encrypt(plaintext))
                cipher.decrypt(body)

        return run

    return prepare
