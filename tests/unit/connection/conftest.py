from __future__ import annotations

import pytest

from waport.connection import Connection, ConnectionEvent, HandshakeCompleted
from waport.crypto import KeyPair
from waport.noise import (
    FrameReader,
    IntroReader,
    ServerHandshake,
    TransportCipher,
    build_chain,
    encode_frame,
)
from waport.wire import Node, decode_stanza, encode_stanza

UNIX_NOW = 1_800_000_000
ROOT = KeyPair.from_private(b"\x11" * 32)
INTERMEDIATE = KeyPair.from_private(b"\x12" * 32)
SERVER = KeyPair.from_private(b"\x13" * 32)
CLIENT = KeyPair.from_private(b"\x14" * 32)
PAYLOAD = b"client payload"


class Link:
    """A connection under test and the server at its other end; the clock is a field."""

    def __init__(
        self, *, leaf_key: bytes = SERVER.public, max_frame: int = 0xFFFFFF, ping_share: int = 0
    ) -> None:
        self.now = 1000.0
        self.connection = Connection(
            static=CLIENT,
            payload=PAYLOAD,
            root_key=ROOT.public,
            random_bytes=lambda size: bytes((ping_share if size == 2 else 0x15,)) * size,
            max_frame=max_frame,
        )
        chain = build_chain(ROOT, INTERMEDIATE, leaf_key, 1_700_000_000, 2_000_000_000)
        self.handshake = ServerHandshake(SERVER, chain)

    # What the server does.

    def start(self) -> bytes:
        """Start, and return the server's answer as it travels."""
        self.connection.start(self.now)
        (opening,) = self.connection.data_to_send()
        rest = IntroReader().feed(opening)
        assert rest is not None
        (hello,) = FrameReader().feed(rest)
        return encode_frame(self.handshake.receive_client_hello(hello))

    def finish(self) -> None:
        """Let the server read the client's last handshake message."""
        (finish,) = self.sent_frames()
        assert self.handshake.receive_client_finish(finish).payload == PAYLOAD

    def open(self) -> Link:
        assert self.receive(self.start()) == [HandshakeCompleted()]
        self.finish()
        return self

    @property
    def server(self) -> TransportCipher:
        return self.handshake.transport

    def frame(self, stanza: bytes | Node) -> bytes:
        """The server's next frame."""
        plain = stanza if isinstance(stanza, bytes) else encode_stanza(stanza)
        return encode_frame(self.server.encrypt(plain))

    # What passes between.

    def receive(self, data: bytes) -> list[ConnectionEvent]:
        return self.connection.receive_data(data, now=self.now, unix_now=UNIX_NOW)

    def send(self, node: Node) -> None:
        self.connection.send_node(node, self.now)

    def sent_frames(self) -> list[bytes]:
        return FrameReader().feed(b"".join(self.connection.data_to_send()))

    def sent_nodes(self) -> list[Node]:
        return [decode_stanza(self.server.decrypt(frame)) for frame in self.sent_frames()]

    def wait(self, seconds: float) -> list[ConnectionEvent]:
        """Let time pass, waking up at each deadline as a shell does."""
        until = self.now + seconds
        events: list[ConnectionEvent] = []
        while (deadline := self.connection.next_deadline()) is not None and deadline <= until:
            assert deadline >= self.now
            self.now = deadline
            events += self.connection.check_timers(self.now)
        self.now = until
        return events


@pytest.fixture
def fresh() -> Link:
    """Not started yet."""
    return Link()


@pytest.fixture
def link() -> Link:
    """Past the handshake."""
    return Link().open()


@pytest.fixture
def make_link() -> type[Link]:
    return Link
