"""One connection to WhatsApp without its socket: bytes and the time in, events and bytes out.

Times named `now` are seconds of any clock that never goes back; `unix_now` is the calendar's.

Source: docs/protocol/transport.md, "Noise handshake", "Keep-alive" and "Bad input".
"""

from __future__ import annotations

import os
from enum import Enum, auto

from ..crypto import KeyPair, RandomBytes
from ..errors import (
    ConnectionClosed,
    CryptoError,
    DecodeError,
    InvalidInput,
    WhatsAppError,
)
from ..noise import (
    MAX_FRAME,
    WHATSAPP_ROOT_KEY,
    ClientHandshake,
    FrameReader,
    TransportCipher,
    encode_frame,
    intro,
)
from ..wire import Node, decode_stanza, encode_stanza
from .events import (
    ConnectionEvent,
    Dead,
    DeadReason,
    FrameDropped,
    HandshakeCompleted,
    KeepAliveDue,
    NodeReceived,
    StreamEnded,
)

HANDSHAKE_TIMEOUT_S = 20.0

PING_INTERVAL_MIN_S = 15.0
PING_INTERVAL_MAX_S = 30.0
RECENT_S = 15.0
"""No ping is needed while something arrived within this time."""

DEAD_AFTER_S = 20.0
"""From the first unanswered send to the end. From the first: counted from the last one, a client
that keeps sending would never notice that nobody listens."""

ANSWER_TIME_S = DEAD_AFTER_S - RECENT_S
"""What the server gets at least for answering a ping, before its silence counts as death."""

_END_MARK = b"\x02"
"""A stanza of only this flag byte ends the stream, as `<xmlstreamend/>` does."""

_PREFIX_SIZE = 32


class _Phase(Enum):
    NEW = auto()
    HANDSHAKE = auto()
    OPEN = auto()
    CLOSED = auto()


class Connection:
    """The protocol of one WebSocket to WhatsApp; a new one is made for each connect.

    Args:
        static: the Noise key pair of this device.
        payload: the ClientPayload protobuf that registers or logs in.
        root_key: what the server's certificates must lead back to, 32 bytes.
        routing_info: from an earlier `<edge_routing>`, or empty.
        random_bytes: first gives the ephemeral key (32 bytes), then the ping intervals.
        max_frame: the longest frame body to accept, in bytes.

    Raises:
        InvalidInput: the root key is not 32 bytes.
    """

    def __init__(
        self,
        *,
        static: KeyPair,
        payload: bytes,
        root_key: bytes = WHATSAPP_ROOT_KEY,
        routing_info: bytes = b"",
        random_bytes: RandomBytes = os.urandom,
        max_frame: int = MAX_FRAME,
    ) -> None:
        self._handshake = ClientHandshake(static, payload, root_key, random_bytes)
        self._routing_info = routing_info
        self._random_bytes = random_bytes
        self._reader = FrameReader(max_frame)
        self._cipher: TransportCipher | None = None
        self._phase = _Phase.NEW
        self._close_reason = ""
        self._outgoing: list[bytes] = []
        self._dropped_in_a_row = 0
        self._handshake_deadline = 0.0
        self._last_receive = 0.0
        self._first_unanswered: float | None = None
        self._ping_asked: float | None = None
        self._next_ping = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and nodes can be sent."""
        return self._phase is _Phase.OPEN

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return self._reader.pending

    def start(self, now: float) -> None:
        """Queue the first message; the server has 20 s to answer.

        Raises:
            InvalidInput: called twice.
            ConnectionClosed: `close` came first.
        """
        if self._phase is _Phase.CLOSED:
            raise ConnectionClosed(self._close_reason)
        if self._phase is not _Phase.NEW:
            raise InvalidInput("a connection is started once")
        self._phase = _Phase.HANDSHAKE
        self._handshake_deadline = now + HANDSHAKE_TIMEOUT_S
        self._outgoing.append(
            intro(self._routing_info) + encode_frame(self._handshake.client_hello())
        )

    def receive_data(self, data: bytes, *, now: float, unix_now: int) -> list[ConnectionEvent]:
        """Take what arrived, in pieces of any size.

        Returns:
            What came of it, in order. After `StreamEnded` the connection is closed.
        Raises:
            DecodeError, CryptoError: a frame is too long, too short or not genuine.
            HandshakeError, CertificateError: the handshake failed.
            ConnectionClosed: the connection is not started, or closed already.
            After any of these the connection is closed and takes no more; close the socket. Nodes
            that came before the fault in the same piece are lost with it: nobody has acked them,
            so the server sends them again.
        """
        if self._phase in (_Phase.NEW, _Phase.CLOSED):
            raise ConnectionClosed(self._close_reason or "not started")
        if not data:
            return []
        self._last_receive = now
        self._first_unanswered = None
        self._ping_asked = None
        events: list[ConnectionEvent] = []
        try:
            for frame in self._reader.feed(data):
                event = self._receive_frame(frame, now, unix_now)
                events.append(event)
                if isinstance(event, StreamEnded):
                    break
        except WhatsAppError as exc:
            self.close(str(exc))
            raise
        return events

    def send_node(self, node: Node, now: float) -> None:
        """Encode, encrypt and queue a node.

        Raises:
            InvalidInput: the node cannot be encoded or is too long; the connection goes on.
            ConnectionClosed: the handshake is not done, or the connection is closed.
        """
        self._require_open()
        self.send_stanza(encode_stanza(node), now)

    def send_stanza(self, stanza: bytes, now: float) -> None:
        """Encrypt and queue an encoded stanza, its flag byte included.

        Raises: as `send_node`.
        """
        cipher = self._require_open()
        try:
            body = cipher.encrypt(stanza)
        except CryptoError as exc:
            # Only after 2^32 frames. A fresh connection starts with fresh counters.
            self.close(str(exc))
            raise ConnectionClosed(self._close_reason) from exc
        self._outgoing.append(encode_frame(body))
        if self._first_unanswered is None:
            self._first_unanswered = now

    def data_to_send(self) -> list[bytes]:
        """The WebSocket messages to send now, in this order; each is handed out once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def close(self, reason: str = "closed") -> None:
        """Forget what is unfinished: the socket is gone, or about to be. The first reason stays."""
        if self._phase is _Phase.CLOSED:
            return
        self._phase = _Phase.CLOSED
        self._close_reason = reason
        self._cipher = None
        self._outgoing.clear()

    # --- timers -----------------------------------------------------------------------------------

    def check_timers(self, now: float) -> list[ConnectionEvent]:
        """What the passing of time brings; call it when `next_deadline` is reached."""
        if self._phase is _Phase.HANDSHAKE and now >= self._handshake_deadline:
            return [self._die(DeadReason.HANDSHAKE_TIMEOUT)]
        if self._phase is not _Phase.OPEN:
            return []
        death = self._death()
        if death is not None and now >= death:
            return [self._die(DeadReason.SILENCE)]
        if now < self._ping_due():
            return []
        self._next_ping = now + self._ping_interval()
        if now < self._last_receive + RECENT_S:
            return []
        if self._ping_asked is None:
            self._ping_asked = now
        return [KeepAliveDue()]

    def doubt(self, now: float) -> list[ConnectionEvent]:
        """Have the server prove at once that it is there: the machine may have slept."""
        if self._phase is not _Phase.OPEN or self._ping_asked is not None:
            return []
        self._ping_asked = now
        self._next_ping = now + self._ping_interval()
        return [KeepAliveDue()]

    def next_deadline(self) -> float | None:
        """When `check_timers` has something to do, on the clock of `now`; `None`: never."""
        if self._phase is _Phase.HANDSHAKE:
            return self._handshake_deadline
        if self._phase is not _Phase.OPEN:
            return None
        death = self._death()
        return self._ping_due() if death is None else min(self._ping_due(), death)

    def _ping_due(self) -> float:
        """The random interval, cut short where a send is unanswered and no ping is out yet.

        The server answers neither acks nor presence. A line on which such a send was the last thing
        to happen is quiet, not dead, and the ping is what tells the two apart in time.
        """
        if self._first_unanswered is None or self._ping_asked is not None:
            return self._next_ping
        return min(self._next_ping, self._first_unanswered + RECENT_S)

    def _death(self) -> float | None:
        """When silence becomes death. A late wake-up (a suspended machine) still leaves the server
        time for answering a ping."""
        if self._first_unanswered is None or self._ping_asked is None:
            return None
        return max(self._first_unanswered + DEAD_AFTER_S, self._ping_asked + ANSWER_TIME_S)

    def _ping_interval(self) -> float:
        share = int.from_bytes(self._random_bytes(2), "big") / 0xFFFF
        return PING_INTERVAL_MIN_S + share * (PING_INTERVAL_MAX_S - PING_INTERVAL_MIN_S)

    def _die(self, reason: DeadReason) -> Dead:
        self.close(reason)
        return Dead(reason)

    # --- frames -----------------------------------------------------------------------------------

    def _receive_frame(self, frame: bytes, now: float, unix_now: int) -> ConnectionEvent:
        if self._cipher is None:
            # Frames behind the server hello wait in the caller's list, so none is read keyless.
            finish = self._handshake.receive_server_hello(frame, unix_now)
            self._outgoing.append(encode_frame(finish))
            self._cipher = self._handshake.transport
            self._phase = _Phase.OPEN
            self._next_ping = now + self._ping_interval()
            return HandshakeCompleted()
        return self._receive_stanza(self._cipher.decrypt(frame))

    def _receive_stanza(self, stanza: bytes) -> ConnectionEvent:
        if stanza == _END_MARK:
            return self._end_stream()
        try:
            node = decode_stanza(stanza)
        except DecodeError as exc:
            self._dropped_in_a_row += 1
            return FrameDropped(
                reason=str(exc),
                prefix=stanza[:_PREFIX_SIZE].hex(),
                size=len(stanza),
                consecutive=self._dropped_in_a_row,
            )
        self._dropped_in_a_row = 0
        if node.tag == "xmlstreamend":
            return self._end_stream()
        return NodeReceived(node)

    def _end_stream(self) -> StreamEnded:
        self.close("stream ended")
        return StreamEnded()

    def _require_open(self) -> TransportCipher:
        if self._cipher is None:
            raise ConnectionClosed(self._close_reason or "the handshake is not complete")
        return self._cipher
