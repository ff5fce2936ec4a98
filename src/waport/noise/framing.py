"""Length-prefixed frames and the bytes that open a connection.

Source: docs/protocol/transport.md, "Frames".
"""

from __future__ import annotations

from ..errors import DecodeError, HandshakeError, InvalidInput

PROLOGUE = b"WA\x06\x03"
"""Opens every connection: "WA", protocol 6, dictionary version 3. Also the Noise prologue."""

MAX_FRAME = 0xFFFFFF
"""The longest body that a 3-byte length can announce."""

_EDGE_ROUTING = b"ED\x00\x01"
_LENGTH_SIZE = 3


def encode_frame(body: bytes) -> bytes:
    """The body behind its length (3 bytes, big endian).

    Raises:
        InvalidInput: the body is longer than `MAX_FRAME`.
    """
    if len(body) > MAX_FRAME:
        raise InvalidInput(f"a frame holds at most {MAX_FRAME} bytes, not {len(body)}")
    return len(body).to_bytes(_LENGTH_SIZE, "big") + body


def intro(routing_info: bytes | None = None) -> bytes:
    """The bytes in front of a client's first frame.

    Args:
        routing_info: what the server gave us in `<edge_routing>`, if anything. It is a hint only,
            so what is too long for its length field is left out.

    Source: docs/protocol/transport.md, "Edge routing prefix".
    """
    if not routing_info or len(routing_info) > MAX_FRAME:
        return PROLOGUE
    return _EDGE_ROUTING + encode_frame(routing_info) + PROLOGUE


class FrameReader:
    """Cuts a stream of bytes into frames, wherever the WebSocket messages happen to end.

    Args:
        max_frame: the longest body to accept, in bytes.
    """

    __slots__ = ("_buffer", "_failed", "_max_frame")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._max_frame = max_frame
        self._failed = False

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies of all frames that `data` completes, in order.

        Raises:
            DecodeError: a frame is longer than allowed. What follows cannot be trusted, so every
                later call raises too.
        """
        if self._failed:
            raise DecodeError("the stream is already broken")
        source: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            source = self._buffer
        frames: list[bytes] = []
        start, end = 0, len(source)
        while end - start >= _LENGTH_SIZE:
            body = start + _LENGTH_SIZE
            length = int.from_bytes(source[start:body], "big")
            if length > self._max_frame:
                self._failed = True
                self._buffer.clear()
                raise DecodeError(f"frame of {length} bytes, at most {self._max_frame} are allowed")
            if body + length > end:
                break
            frames.append(bytes(source[body : body + length]))
            start = body + length
        if source is self._buffer:
            del self._buffer[:start]
        else:
            self._buffer += data[start:]
        return frames


class IntroReader:
    """The server's side of `intro`: takes the opening bytes off a new connection.

    Attributes:
        routing_info: what the client sent in the edge routing prefix, empty without one.
    """

    __slots__ = ("_buffer", "_done", "routing_info")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._done = False
        self.routing_info = b""

    def feed(self, data: bytes) -> bytes | None:
        """The bytes after the opening once it is complete, `None` until then.

        After that every call hands its bytes through.

        Raises:
            HandshakeError: the connection opens with something else.
        """
        if self._done:
            return data
        self._buffer += data
        start = 0
        if self._matches(_EDGE_ROUTING, 0):
            length_end = len(_EDGE_ROUTING) + _LENGTH_SIZE
            if len(self._buffer) < length_end:
                return None
            length = int.from_bytes(self._buffer[len(_EDGE_ROUTING) : length_end], "big")
            start = length_end + length
            if not self._matches(PROLOGUE, start):
                raise HandshakeError("no protocol header after the edge routing prefix")
            self.routing_info = bytes(self._buffer[length_end:start])
        elif not self._matches(PROLOGUE, 0):
            raise HandshakeError("the connection does not open with the protocol header")
        end = start + len(PROLOGUE)
        if len(self._buffer) < end:
            return None
        rest = bytes(self._buffer[end:])
        self._buffer.clear()
        self._done = True
        return rest

    def _matches(self, expected: bytes, start: int) -> bool:
        """Whether what has arrived from `start` on can still become `expected`."""
        present = self._buffer[start : start + len(expected)]
        return expected.startswith(present)
