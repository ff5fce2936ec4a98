"""A phone that does not send what it should: skipped counters, wrong padding, damaged ciphertexts.

Whoever reads its messages has to cope. Each is what some client has done, or an attacker may do.

Source: docs/emulator.md, "Troubled phones".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..crypto import RandomBytes
from ..signal import pad

Padding = Literal["good", "none", "zero", "long"]

PADDINGS: frozenset[Padding] = frozenset({"good", "none", "zero", "long"})
MAX_SKIP = 30_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one message.

    Attributes:
        skip: so many counters of each ratchet (in groups: iterations of the sender key) are left
            out before it.
        padding: `none`: there is none. `zero`: its last byte is 0. `long`: it says to be longer
            than all there is.
        behind: bytes that follow the encoded `Message`: fields that nobody knows, or no protobuf
            at all.
        is_damaged: the last bit of each ciphertext is turned, which spoils its MAC or signature.
        kind: what `type` of `<enc>` says instead of the truth.
        version: what `v` of `<enc>` says.
        is_inline: a group message goes, with the key, into the part for each device alone; there is
            none for all.
        is_bare_key: the sender key is given without its version byte.
    """

    skip: int = 0
    padding: Padding = "good"
    behind: bytes = b""
    is_damaged: bool = False
    kind: str | None = None
    version: str = "2"
    is_inline: bool = False
    is_bare_key: bool = False

    def pad(self, plaintext: bytes, random_bytes: RandomBytes) -> bytes:
        """The message as it is encrypted."""
        plaintext += self.behind
        if self.padding == "good":
            return pad(plaintext, random_bytes)
        if self.padding == "none":
            # A last byte that is no padding by chance either.
            return plaintext if plaintext and not 0 < plaintext[-1] < 16 else plaintext + b"\x7f"
        return plaintext + (b"\x00" if self.padding == "zero" else b"\xff" * 3)

    def seal(self, body: bytes) -> bytes:
        """The ciphertext as it is sent."""
        return body[:-1] + bytes([body[-1] ^ 1]) if self.is_damaged and body else body

    def enc(self, kind: str) -> dict[str, str]:
        """`v` and `type` of an `<enc>`."""
        return {"v": self.version, "type": self.kind or kind}


NO_TROUBLE = Trouble()
