"""The two wire forms of pairwise messages: SignalMessage and PreKeySignalMessage.

Their protobufs are a handful of fields, read and written by hand on bytes: it takes a fraction of
the time of the protobuf runtime, and a message can be refused for exactly what is wrong with it.

Source: docs/protocol/signal.md, "Encrypt", "Decrypt a SignalMessage", "PreKeySignalMessage".
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import DecryptError, DecryptFailure

VERSION_BYTE = b"\x33"
"""Message version 3, with 3 as the lowest version that we speak."""

MAC_LENGTH = 8

MAX_COUNTER = 0xFFFFFFFE
"""The highest message counter; the one after it must still fit 32 bits."""

_MAX_UINT32 = 0xFFFFFFFF
_SMALL_VARINTS = tuple(bytes((value,)) for value in range(128))


class SignalMessage(NamedTuple):
    """A parsed SignalMessage, not yet authenticated.

    Attributes:
        ratchet_key: the sender's ratchet public key, 32 bytes.
        counter: position in the sender's chain.
        ciphertext: AES-256-CBC.
        signed: what the MAC covers besides the identity keys: version byte and protobuf.
        mac: 8 bytes.
    """

    ratchet_key: bytes
    counter: int
    ciphertext: bytes
    signed: bytes
    mac: bytes


class PreKeySignalMessage(NamedTuple):
    """A parsed PreKeySignalMessage; it has no MAC of its own.

    Attributes:
        pre_key_id: the one-time pre-key that the sender took; None without one.
        signed_pre_key_id: the signed pre-key that the sender took.
        base_key: the sender's base public key, 32 bytes.
        identity: the sender's identity public key, 32 bytes.
        registration_id: of the sender; 0 when unknown.
        message: the SignalMessage inside.
    """

    pre_key_id: int | None
    signed_pre_key_id: int
    base_key: bytes
    identity: bytes
    registration_id: int
    message: SignalMessage


def signal_message_head(
    ratchet_key: bytes, counter: int, previous_counter: int, ciphertext: bytes
) -> bytes:
    """A SignalMessage up to its MAC: version byte and protobuf."""
    # Both counters are written even when 0: receivers refuse a message without a counter.
    return b"".join(
        (
            b"\x33\x0a\x21\x05",
            ratchet_key,
            b"\x10",
            _varint(counter),
            b"\x18",
            _varint(previous_counter),
            b"\x22",
            _varint(len(ciphertext)),
            ciphertext,
        )
    )


def encode_pre_key_message(
    pre_key_id: int | None,
    signed_pre_key_id: int,
    base_key: bytes,
    identity: bytes,
    registration_id: int,
    message: bytes,
) -> bytes:
    """A whole PreKeySignalMessage around an encoded SignalMessage."""
    return b"".join(
        (
            VERSION_BYTE,
            b"" if pre_key_id is None else b"\x08" + _varint(pre_key_id),
            b"\x12\x21\x05",
            base_key,
            b"\x1a\x21\x05",
            identity,
            b"\x22",
            _varint(len(message)),
            message,
            b"\x28",
            _varint(registration_id),
            b"\x30",
            _varint(signed_pre_key_id),
        )
    )


def parse_signal_message(data: bytes) -> SignalMessage:
    """Take a SignalMessage apart.

    Raises:
        DecryptError: `UNSUPPORTED_VERSION`, `INVALID_KEY` or `INVALID_MESSAGE`.
    """
    end = len(data) - MAC_LENGTH
    if end < 1:
        raise _invalid("a SignalMessage has at least 9 bytes")
    if data[0] >> 4 != 3:
        raise _unsupported(data[0])
    numbers, chunks = _read_fields(data, 1, end)
    counter = numbers.get(0x10, -1)
    ciphertext = chunks.get(0x22)
    if ciphertext is None or not 0 <= counter <= MAX_COUNTER:
        raise _invalid("a SignalMessage needs a counter of 32 bits and a ciphertext")
    return SignalMessage(_key(chunks, 0x0A), counter, ciphertext, data[:end], data[end:])


def parse_pre_key_message(data: bytes) -> PreKeySignalMessage:
    """Take a PreKeySignalMessage apart, and the SignalMessage in it.

    Raises:
        DecryptError: `UNSUPPORTED_VERSION`, `INVALID_KEY` or `INVALID_MESSAGE`.
    """
    if not data:
        raise _invalid("a PreKeySignalMessage is never empty")
    if data[0] >> 4 != 3:
        raise _unsupported(data[0])
    numbers, chunks = _read_fields(data, 1, len(data))
    pre_key_id = numbers.get(0x08)
    signed_pre_key_id = numbers.get(0x30)
    registration_id = numbers.get(0x28, 0)
    message = chunks.get(0x22)
    if signed_pre_key_id is None or message is None:
        raise _invalid("a PreKeySignalMessage needs a signed pre-key id and a message")
    if max(pre_key_id or 0, signed_pre_key_id, registration_id) > _MAX_UINT32:
        raise _invalid("an id has more than 32 bits")
    return PreKeySignalMessage(
        pre_key_id,
        signed_pre_key_id,
        _key(chunks, 0x12),
        _key(chunks, 0x1A),
        registration_id,
        parse_signal_message(message),
    )


def _read_fields(data: bytes, position: int, end: int) -> tuple[dict[int, int], dict[int, bytes]]:
    """The varint and the bytes fields of `data[position:end]` by tag; of a repeated one, the last.

    The key is the whole tag (number and wire type), so a known number of another type is just
    another, unknown field, as in every protobuf reader.
    """
    numbers: dict[int, int] = {}
    chunks: dict[int, bytes] = {}
    while position < end:
        tag = data[position]
        position += 1
        if tag > 127:
            tag, position = _read_varint(data, position - 1, end)
        if tag < 8 or tag > _MAX_UINT32:
            raise _invalid("a field number is out of range")
        kind = tag & 7
        if kind == 0 or kind == 2:
            if position < end and data[position] < 128:
                value = data[position]
                position += 1
            else:
                value, position = _read_varint(data, position, end)
            if kind == 0:
                numbers[tag] = value
            else:
                chunks[tag] = data[position : position + value]
                position += value
        elif kind == 1 or kind == 5:
            position += 8 if kind == 1 else 4
        else:
            raise _invalid("a field has an unusable wire type")
    if position != end:
        raise _invalid("a field reaches over the end")
    return numbers, chunks


def _read_varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value, position
    raise _invalid("a number does not end")


def _varint(value: int) -> bytes:
    if value < 128:
        return _SMALL_VARINTS[value]
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _key(chunks: dict[int, bytes], tag: int) -> bytes:
    key = chunks.get(tag, b"")
    if len(key) != 33:
        raise _invalid("a public key has 33 bytes")
    if key[0] != 5:
        raise DecryptError(DecryptFailure.INVALID_KEY, "a public key is of another type than 5")
    return key[1:]


def _invalid(message: str) -> DecryptError:
    return DecryptError(DecryptFailure.INVALID_MESSAGE, message)


def _unsupported(version: int) -> DecryptError:
    return DecryptError(
        DecryptFailure.UNSUPPORTED_VERSION, f"message version {version >> 4}, not 3"
    )
