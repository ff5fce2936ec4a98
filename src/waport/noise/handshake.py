"""The Noise handshake `Noise_XX_25519_AESGCM_SHA256`, initiator and responder.

One departure from textbook Noise: the empty payload of the first message is not mixed into the
hash, so an unmodified Noise library cannot talk to WhatsApp.

Source: docs/protocol/transport.md, "Noise handshake".
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import (
    KeyPair,
    RandomBytes,
    aes_gcm_decrypt,
    aes_gcm_encrypt,
    agree,
    hkdf,
    sha256,
)
from ..errors import CryptoError, HandshakeError, InvalidInput
from ..proto import pb
from .certificate import verify_chain
from .cipher import TransportCipher, nonce
from .framing import PROLOGUE

XX = b"Noise_XX_25519_AESGCM_SHA256"
XX_FALLBACK = b"Noise_XXfallback_25519_AESGCM_SHA256"
"""The name that both sides go on with when the server refuses to resume (IK)."""

_KEY_SIZE = 32


class SymmetricState:
    """What both sides of a handshake compute alike.

    Args:
        name: the protocol name; padded with zeros to 32 bytes, hashed if it is longer.

    Attributes:
        hash: of everything exchanged so far; the additional data of each encryption.
        salt: the chaining key, 32 bytes.
        key: the current AES-256-GCM key.
        counter: the nonce of the next operation with `key`.
    """

    __slots__ = ("counter", "hash", "key", "salt")

    def __init__(self, name: bytes) -> None:
        start = name.ljust(32, b"\0") if len(name) <= 32 else sha256(name)
        self.hash = self.salt = self.key = start
        self.counter = 0

    def mix_hash(self, data: bytes) -> None:
        """Bind `data` to the handshake."""
        self.hash = sha256(self.hash + data)

    def mix_key(self, secret: bytes) -> None:
        """Derive the next key from a shared secret."""
        self.salt, self.key = self._derive(secret)
        self.counter = 0

    def encrypt(self, plaintext: bytes) -> bytes:
        """The ciphertext of `plaintext`, which is bound to the handshake too."""
        ciphertext = aes_gcm_encrypt(self.key, nonce(self.counter), plaintext, self.hash)
        self.counter += 1
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Open what the other side encrypted at the same place.

        Raises:
            CryptoError: the tag does not match.
        """
        plaintext = aes_gcm_decrypt(self.key, nonce(self.counter), ciphertext, self.hash)
        self.counter += 1
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        """The transport keys: what the client writes with, what it reads with."""
        return self._derive(b"")

    def _derive(self, secret: bytes) -> tuple[bytes, bytes]:
        derived = hkdf(secret, self.salt, b"", 64)
        return derived[:32], derived[32:]


class _Handshake:
    """What client and server keep alike."""

    def __init__(self, static: KeyPair, random_bytes: RandomBytes) -> None:
        self._static = static
        self._ephemeral = KeyPair.generate(random_bytes)
        self._transport: TransportCipher | None = None

    @property
    def transport(self) -> TransportCipher:
        """The cipher for everything after the handshake.

        Raises:
            HandshakeError: the handshake is not complete.
        """
        if self._transport is None:
            raise HandshakeError("the handshake is not complete")
        return self._transport


class ClientHandshake(_Handshake):
    """The client's side, for one connection.

    Args:
        static: the Noise key pair of this device.
        payload: the ClientPayload protobuf, which travels encrypted in the last message.
        root_key: what the server's certificates must lead back to, 32 bytes.
        random_bytes: gives the 32 bytes of the ephemeral key.

    Raises:
        InvalidInput: the root key is not 32 bytes.
    """

    def __init__(
        self,
        static: KeyPair,
        payload: bytes,
        root_key: bytes,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        if len(root_key) != _KEY_SIZE:
            raise InvalidInput("the Noise root key has 32 bytes")
        super().__init__(static, random_bytes)
        self._payload = payload
        self._root_key = root_key
        self._state: SymmetricState | None = _start(XX, self._ephemeral.public)

    def client_hello(self) -> bytes:
        """The first message, a HandshakeMessage protobuf."""
        return pb.HandshakeMessage(
            clientHello=pb.HandshakeMessage.ClientHello(ephemeral=self._ephemeral.public)
        ).SerializeToString()

    def receive_server_hello(self, body: bytes, unix_now: int) -> bytes:
        """Check the server's answer and make the last message.

        Args:
            body: the server's HandshakeMessage protobuf.
            unix_now: the time in seconds, for the validity of the certificates.
        Returns:
            The clientFinish message; `transport` is ready from then on.
        Raises:
            HandshakeError: the message or its keys are unusable; nothing may be sent any more.
            CertificateError: the server cannot prove who it is; likewise.
        """
        # Taken out first: after a failure no second answer may be tried with the same keys.
        state, self._state = self._state, None
        if state is None:
            raise HandshakeError("a server hello out of turn")
        message = _parse(body)
        if not message.HasField("serverHello"):
            raise HandshakeError("the server's answer holds no server hello")
        hello = message.serverHello
        # A server hello without static key would accept a resumption, which we never ask for.
        for field in ("ephemeral", "static", "payload"):
            if not hello.HasField(field):
                raise HandshakeError(f"the server hello lacks its {field}")
        server_ephemeral = _check_key(hello.ephemeral, "server ephemeral key")
        state.mix_hash(server_ephemeral)
        state.mix_key(_agree(self._ephemeral, server_ephemeral, "server ephemeral key"))
        server_static = _open_key(state, hello.static, "server static key")
        state.mix_key(_agree(self._ephemeral, server_static, "server static key"))
        chain = _open(state, hello.payload, "certificate chain")
        verify_chain(chain, server_static, self._root_key, unix_now)

        static = state.encrypt(self._static.public)
        state.mix_key(_agree(self._static, server_ephemeral, "server ephemeral key"))
        payload = state.encrypt(self._payload)
        write_key, read_key = state.split()
        self._transport = TransportCipher(write_key, read_key)
        return pb.HandshakeMessage(
            clientFinish=pb.HandshakeMessage.ClientFinish(static=static, payload=payload)
        ).SerializeToString()


@dataclass(frozen=True, slots=True)
class ClientFinish:
    """Who connects: the client's static public key (32 bytes) and its ClientPayload protobuf."""

    static: bytes
    payload: bytes


class ServerHandshake(_Handshake):
    """The server's side, for one connection.

    A client that tries to resume (IK) is answered as if it had not, which makes it fall back.

    Args:
        static: the key pair that the leaf certificate names.
        chain: the CertChain protobuf.
        random_bytes: gives the 32 bytes of the ephemeral key.
    """

    def __init__(
        self, static: KeyPair, chain: bytes, random_bytes: RandomBytes = os.urandom
    ) -> None:
        super().__init__(static, random_bytes)
        self._chain = chain
        self._hello_expected = True
        self._state: SymmetricState | None = None

    def receive_client_hello(self, body: bytes) -> bytes:
        """Answer the client's first message.

        Returns:
            The serverHello message.
        Raises:
            HandshakeError: the message or its key is unusable; close without an answer.
        """
        if not self._hello_expected:
            raise HandshakeError("a client hello out of turn")
        self._hello_expected = False
        message = _parse(body)
        if not message.HasField("clientHello"):
            raise HandshakeError("the client's message holds no client hello")
        hello = message.clientHello
        client_ephemeral = _check_key(hello.ephemeral, "client ephemeral key")
        resumes = bool(hello.static)
        if resumes != bool(hello.payload):
            raise HandshakeError("a client hello with half of what resuming takes")
        state = _start(XX_FALLBACK if resumes else XX, client_ephemeral)
        state.mix_hash(self._ephemeral.public)
        state.mix_key(_agree(self._ephemeral, client_ephemeral, "client ephemeral key"))
        static = state.encrypt(self._static.public)
        state.mix_key(_agree(self._static, client_ephemeral, "client ephemeral key"))
        payload = state.encrypt(self._chain)
        self._state = state
        return pb.HandshakeMessage(
            serverHello=pb.HandshakeMessage.ServerHello(
                ephemeral=self._ephemeral.public, static=static, payload=payload
            )
        ).SerializeToString()

    def receive_client_finish(self, body: bytes) -> ClientFinish:
        """Take the client's last message; `transport` is ready from then on.

        Raises:
            HandshakeError: the message or its key is unusable; close without an answer.
        """
        state, self._state = self._state, None
        if state is None:
            raise HandshakeError("a client finish out of turn")
        message = _parse(body)
        if not message.HasField("clientFinish"):
            raise HandshakeError("the client's message holds no client finish")
        finish = message.clientFinish
        static = _open_key(state, finish.static, "client static key")
        state.mix_key(_agree(self._ephemeral, static, "client static key"))
        payload = _open(state, finish.payload, "client payload")
        read_key, write_key = state.split()
        self._transport = TransportCipher(write_key, read_key)
        return ClientFinish(static, payload)


def _start(name: bytes, client_ephemeral: bytes) -> SymmetricState:
    state = SymmetricState(name)
    state.mix_hash(PROLOGUE)
    state.mix_hash(client_ephemeral)
    return state


def _parse(body: bytes) -> pb.HandshakeMessage:
    try:
        return pb.HandshakeMessage.FromString(body)
    except ProtobufError as exc:
        raise HandshakeError("the handshake message is no protobuf") from exc


def _check_key(key: bytes, what: str) -> bytes:
    if len(key) != _KEY_SIZE:
        raise HandshakeError(f"{what} of {len(key)} bytes")
    return key


def _agree(pair: KeyPair, public: bytes, what: str) -> bytes:
    try:
        return agree(pair.private, public)
    except CryptoError as exc:
        raise HandshakeError(f"{what} is a low-order point") from exc


def _open(state: SymmetricState, ciphertext: bytes, what: str) -> bytes:
    try:
        return state.decrypt(ciphertext)
    except CryptoError as exc:
        raise HandshakeError(f"{what} fails authentication") from exc


def _open_key(state: SymmetricState, ciphertext: bytes, what: str) -> bytes:
    return _check_key(_open(state, ciphertext, what), what)
