"""Pairing codes and phone numbers as people write them.

Source: docs/protocol/pairing.md, "Constants".
"""

from __future__ import annotations

import os

from ..crypto import RandomBytes
from ..errors import InvalidInput

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"

_MIN_PHONE_DIGITS = 7
_MAX_PHONE_DIGITS = 15  # E.164


def encode_code(data: bytes) -> str:
    """Five bytes as the eight characters of a code.

    Raises:
        InvalidInput: not five bytes.
    """
    if len(data) != 5:
        raise InvalidInput("a code is made of five bytes")
    number = int.from_bytes(data, "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))


def generate_code(random_bytes: RandomBytes = os.urandom) -> str:
    """A fresh code of 40 random bits, eight characters."""
    return encode_code(random_bytes(5))


def normalise_code(text: str) -> str:
    """A code that the caller chose, without dashes and in upper case.

    Raises:
        InvalidInput: not eight characters of the alphabet, which lacks 0, I, O and U.
    """
    code = text.strip().replace("-", "")
    # Checked before the case is changed: outside ASCII that could turn one letter into two.
    if len(code) != 8 or not code.isascii() or any(c not in ALPHABET for c in code.upper()):
        raise InvalidInput(f"a pairing code has eight characters of {ALPHABET}")
    return code.upper()


def normalise_phone(text: str) -> str:
    """The digits of a phone number in international form.

    Raises:
        InvalidInput: fewer than 7 or more than 15, or a leading 0.
    """
    digits = "".join(c for c in text if c in "0123456789")
    if not _MIN_PHONE_DIGITS <= len(digits) <= _MAX_PHONE_DIGITS or digits[0] == "0":
        raise InvalidInput("a phone number has its country code first and 7 to 15 digits")
    return digits
