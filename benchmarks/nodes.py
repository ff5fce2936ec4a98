"""Binary nodes: a `<message>` to 10 and to 500 devices, as bytes and back."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from waport.wire import AttrValue, Jid, Node, decode_stanza, encode_stanza

from .baileys import BenchError
from .timing import Prepare, Subject, repeating

SIZES = (10, 500)
BODY = 160
"""Bytes of one ciphertext: a short text, padded, as a `msg`."""

_TARGETS = {("encode", 10): 3.0, ("encode", 500): 5.0, ("decode", 10): 0.4}


def stanza(participants: int) -> Node:
    """A message with one ciphertext for each device; always the same one."""
    draw = random.Random(participants)  # the same in every run, so that runs can be compared
    users = [Jid(str(draw.randrange(10**14, 10**15)), "lid") for _ in range(participants // 2)]
    copies = [
        Node(
            "to",
            {"jid": user.with_device(device)},
            [Node("enc", {"v": "2", "type": "msg"}, draw.randbytes(BODY))],
        )
        for user in users
        for device in (0, draw.randrange(1, 60))
    ]
    attrs: dict[str, AttrValue] = {"id": "3EB0F1D2C3B4A5968778", "to": users[0], "type": "text"}
    return Node("message", attrs, [Node("participants", {}, copies)])


def inputs() -> Mapping[str, str]:
    """The stanzas for the Node side, encoded, as hex by the number of participants."""
    return {str(size): encode_stanza(stanza(size)).hex() for size in SIZES}


def check(sizes: Mapping[str, int]) -> None:
    """Both sides must be doing the same work: Baileys' encoder gives stanzas of our size.

    Raises:
        BenchError: it does not.
    """
    for size in SIZES:
        ours = len(encode_stanza(stanza(size)))
        if sizes[str(size)] != ours:
            raise BenchError(f"{size} participants: {ours} bytes here, {sizes[str(size)]} there")


def subjects() -> Sequence[Subject]:
    """Encode and decode, for each size."""
    return [
        Subject(
            key=f"node-{work}-{size}",
            work=f"node {work}, {size} participants",
            prepare=prepare(size),
            target=_TARGETS.get((work, size)),
        )
        for size in SIZES
        for work, prepare in (("encode", _encode), ("decode", _decode))
    ]


def _encode(size: int) -> Prepare:
    node = stanza(size)
    return repeating(lambda: encode_stanza(node))


def _decode(size: int) -> Prepare:
    data = encode_stanza(stanza(size))
    return repeating(lambda: decode_stanza(data))
