"""One client's WebSocket: frames, handshake, stanzas in and out, in order.

Source: docs/protocol/transport.md, "Order of events, server" and "Bad input".
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import CryptoError, DecodeError, HandshakeError, InvalidInput
from ..noise import ClientFinish, FrameReader, IntroReader, ServerHandshake, encode_frame
from ..wire import Node, decode_stanza, encode_stanza

_log = logging.getLogger(__name__)

_HANDSHAKE_TIMEOUT_S = 20.0
_MAX_WAITING = 100_000
"""Stanzas that may wait for a slow client; beyond that it is cut off, and gets them next time."""
_QUICK = 64 * 1024
"""Bytes that are decoded on the spot; more of them, or deflated ones, would hold up everybody."""
_MAX_NODES = 65_536
"""Nodes in one stanza: far more than real clients send, and bearable to pass on."""
_LINGER_S = 0.1
"""From the last stanza to the end. whatsmeow forgets what it has read but not yet looked at when
the connection closes, and would never hear why. Most clients use the time to close it themselves.
"""
_DEFLATED = 0x02  # in the first byte (docs/protocol/nodes.md, "Model")


class Peer(Protocol):
    """Who a connection turned out to be."""

    async def receive(self, node: Node, raw: bytes) -> None:
        """Take the next stanza; `raw` is its decrypted bytes."""
        ...

    def gone(self) -> None:
        """The connection is closed; called once."""
        ...


class Gate(Protocol):
    """Decides who may come in."""

    async def admit(self, outlet: ClientConnection, finish: ClientFinish) -> Peer | None:
        """Identify a client after its handshake.

        Returns:
            None when it was refused; the outlet has been closed then.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Close:
    """Stands in the outgoing queue for the end of the connection."""


class ClientConnection:
    """One WebSocket, from accept to close; the outlet of whoever is behind it.

    Args:
        websocket: not yet accepted.
        handshake: the server's side of a fresh handshake.
        gate: asked once the handshake is through.
    """

    def __init__(self, websocket: WebSocket, handshake: ServerHandshake, gate: Gate) -> None:
        self._websocket = websocket
        self._handshake = handshake
        self._gate = gate
        self._intro = IntroReader()
        self._frames = FrameReader()
        self._outgoing: asyncio.Queue[Node | _Close] = asyncio.Queue()
        self._closing = False
        self._reader: asyncio.Task[None] | None = None

    # --- the outlet ---------------------------------------------------------------------------

    def send(self, node: Node) -> None:
        """Queue a stanza; after `close` it is dropped."""
        if self._closing:
            return
        if self._outgoing.qsize() >= _MAX_WAITING:
            _log.warning("a client takes no stanzas any more; closing its connection")
            self.abort()
            return
        self._outgoing.put_nowait(node)

    def close(self, last: Node | None = None) -> None:
        """Send what is queued, then `last`, then close."""
        if self._closing:
            return
        if last is not None:
            self._outgoing.put_nowait(last)
        self._outgoing.put_nowait(_Close())
        self._closing = True

    def abort(self) -> None:
        """Close now, without sending what is queued."""
        self._closing = True
        if self._reader is not None:
            self._reader.cancel()

    # --- the socket ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the connection until it is closed."""
        await self._websocket.accept()
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write())
            self._reader = tasks.create_task(self._read())
            self._reader.add_done_callback(lambda _: writer.cancel())

    async def _read(self) -> None:
        peer: Peer | None = None
        try:
            async with asyncio.timeout(_HANDSHAKE_TIMEOUT_S):
                finish, rest = await self._shake_hands()
            peer = await self._gate.admit(self, finish)
            while True:
                for body in rest:
                    if peer is not None:
                        await self._take(peer, body)
                rest = self._frames.feed(await self._next_bytes())
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            _log.info("a client did not finish its handshake in time")
        except (HandshakeError, DecodeError, CryptoError) as exc:
            _log.info("closing a connection: %s", exc)
        finally:
            self._closing = True
            if peer is not None:
                peer.gone()

    async def _shake_hands(self) -> tuple[ClientFinish, list[bytes]]:
        """The handshake; also gives the frames that came right behind it."""
        opened: bytes | None = None
        while opened is None:
            opened = self._intro.feed(await self._next_bytes())
        frames = self._frames.feed(opened)
        while not frames:
            frames = self._frames.feed(await self._next_bytes())
        hello = self._handshake.receive_client_hello(frames.pop(0))
        await self._websocket.send_bytes(encode_frame(hello))
        while not frames:
            frames = self._frames.feed(await self._next_bytes())
        finish = self._handshake.receive_client_finish(frames.pop(0))
        return finish, frames

    async def _take(self, peer: Peer, body: bytes) -> None:
        plaintext = self._handshake.transport.decrypt(body)
        try:
            if _is_quick(plaintext):
                node = decode_stanza(plaintext)
            else:
                node = await asyncio.to_thread(_decode_large, plaintext)
        except DecodeError as exc:
            # One broken stanza in a good frame: the stream itself is still sound.
            _log.warning("dropped a stanza that does not decode: %s", exc)
            return
        await peer.receive(node, plaintext)

    async def _next_bytes(self) -> bytes:
        """The next binary message; WebSocketDisconnect when there will be none."""
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            data = message.get("bytes")
            if isinstance(data, bytes):
                return data
            _log.warning("ignored a WebSocket text message")

    async def _write(self) -> None:
        try:
            while True:
                item = await self._outgoing.get()
                if isinstance(item, _Close):
                    await asyncio.sleep(_LINGER_S)
                    await self._websocket.close()
                    return
                try:
                    frame = encode_frame(self._handshake.transport.encrypt(encode_stanza(item)))
                except InvalidInput as exc:
                    # Somebody else may have written it; that must not lock this client out.
                    _log.warning("dropped a <%s> that cannot be written: %s", item.tag, exc)
                    continue
                # First read what has come in: a write that finds the connection broken throws it
                # away, and with it the receipts that a client sent just before it died.
                await asyncio.sleep(0)
                await self._websocket.send_bytes(frame)
        except (WebSocketDisconnect, OSError):
            return  # the reader has noticed, or will
        except CryptoError:
            _log.exception("the cipher is used up")
            self.abort()


def _is_quick(plaintext: bytes) -> bool:
    """Whether decoding takes no time worth mentioning, whoever wrote it."""
    return len(plaintext) <= _QUICK and not (plaintext and plaintext[0] & _DEFLATED)


def _decode_large(plaintext: bytes) -> Node:
    """Decode in a thread of its own; DecodeError also for a stanza of too many nodes."""
    node = decode_stanza(plaintext)
    count, rest = 0, [node]
    while rest:
        count += 1
        rest.extend(rest.pop().children())
    if count > _MAX_NODES:
        raise DecodeError(f"a stanza of {count} nodes")
    return node
