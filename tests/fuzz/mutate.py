"""Small damages to good inputs."""

from __future__ import annotations

import random


def mutate(data: bytes, chosen: random.Random) -> bytes:
    """One to four of: flip, overwrite, cut, repeat, insert, swap a number for an extreme one."""
    damaged = bytearray(data)
    for _ in range(chosen.randint(1, 4)):
        at = chosen.randrange(len(damaged) + 1)
        length = chosen.randint(1, 8)
        match chosen.randrange(6):
            case 0 if damaged:
                damaged[at % len(damaged)] ^= 1 << chosen.randrange(8)
            case 1:
                damaged[at : at + length] = chosen.randbytes(length)
            case 2:
                del damaged[at:]
            case 3:
                damaged[at:at] = damaged[at : at + length * 8]
            case 4:
                damaged[at:at] = chosen.randbytes(length)
            case _:
                damaged[at : at + 1] = chosen.choice((b"\x00", b"\xff", b"\x7f", b"\xf8", b"\xfe"))
    return bytes(damaged)
