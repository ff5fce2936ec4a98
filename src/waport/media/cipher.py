"""Encryption of media files, piece by piece in constant memory.

A file on a media host is AES-256-CBC ciphertext with a 10-byte MAC at its end. Reading one takes
two passes, by design: `MediaVerifier` sees the whole file, and only what passed it can be turned
into plaintext by the `MediaDecryptor` that its `finish` gives out.

Source: docs/protocol/messages.md, "Media encryption" and "Media download".
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ..crypto import equal
from ..errors import MediaError
from .keys import MediaKind, expand_media_key

MAC_SIZE = 10
BLOCK = 16

CHUNK = 128 * 1024
"""A good size of pieces: small enough for the processor's cache, and for threads to take turns."""


@dataclass(frozen=True, slots=True)
class MediaDigest:
    """What a message says of its file.

    Attributes:
        file_sha256: of the plaintext.
        file_enc_sha256: of the encrypted file, its MAC included.
        file_length: bytes of the plaintext.
    """

    file_sha256: bytes
    file_enc_sha256: bytes
    file_length: int


class MediaEncryptor:
    """Encrypts one file.

    Args:
        media_key: 32 random bytes, never used for another file.
        kind: what the file is.

    Raises:
        MediaError: the key is unusable.
    """

    def __init__(self, media_key: bytes, kind: MediaKind) -> None:
        keys = expand_media_key(media_key, kind)
        self._cipher = _cipher(keys.cipher_key, keys.iv).encryptor()
        self._mac = hmac.new(keys.mac_key, keys.iv, "sha256")
        self._plain_hash = hashlib.sha256()
        self._file_hash = hashlib.sha256()
        self._length = 0

    def update(self, plaintext: bytes) -> bytes:
        """Encrypt the next piece, of any size; gives what whole blocks make."""
        self._length += len(plaintext)
        self._plain_hash.update(plaintext)
        return self._encrypt(plaintext)

    def finish(self) -> tuple[bytes, MediaDigest]:
        """The end of the encrypted file, and what to write into the message."""
        fill = BLOCK - self._length % BLOCK
        tail = self._encrypt(bytes((fill,)) * fill)
        mac = self._mac.digest()[:MAC_SIZE]
        self._file_hash.update(mac)
        digest = MediaDigest(self._plain_hash.digest(), self._file_hash.digest(), self._length)
        return tail + mac, digest

    def _encrypt(self, data: bytes) -> bytes:
        ciphertext = self._cipher.update(data)
        self._file_hash.update(ciphertext)
        self._mac.update(ciphertext)
        return ciphertext


class MediaVerifier:
    """First pass over an encrypted file: is it the one that was meant, and unchanged?

    Args:
        media_key: from the message.
        kind: what the file is.
        file_enc_sha256: from the message; None when it says nothing, then the MAC alone counts.

    Raises:
        MediaError: the key is unusable.
    """

    def __init__(
        self, media_key: bytes, kind: MediaKind, file_enc_sha256: bytes | None = None
    ) -> None:
        self._keys = expand_media_key(media_key, kind)
        self._expected = file_enc_sha256
        self._mac = hmac.new(self._keys.mac_key, self._keys.iv, "sha256")
        self._file_hash = hashlib.sha256()
        self._held = b""
        self._length = 0

    def update(self, encrypted: bytes) -> None:
        """Take the next piece of the file, of any size."""
        self._length += len(encrypted)
        self._file_hash.update(encrypted)
        # The last ten bytes so far may be the MAC, which does not cover itself.
        if len(encrypted) >= MAC_SIZE:
            self._mac.update(self._held)
            self._mac.update(memoryview(encrypted)[:-MAC_SIZE])
            self._held = encrypted[-MAC_SIZE:]
        else:
            held = self._held + encrypted
            self._mac.update(held[:-MAC_SIZE])
            self._held = held[-MAC_SIZE:]

    def finish(self) -> MediaDecryptor:
        """Judge the file, which has been seen whole.

        Returns:
            What decrypts this file in a second pass.

        Raises:
            MediaError: the message names the check that failed.
        """
        if self._expected is not None and not equal(self._file_hash.digest(), self._expected):
            raise MediaError("fileEncSha256 does not match")
        if self._length <= MAC_SIZE:
            raise MediaError("the file is shorter than a MAC")
        if not equal(self._mac.digest()[:MAC_SIZE], self._held):
            raise MediaError("the MAC does not match")
        if (self._length - MAC_SIZE) % BLOCK:
            raise MediaError("the file is not a whole number of blocks")
        return MediaDecryptor(self._keys.cipher_key, self._keys.iv, self._length - MAC_SIZE)


class MediaDecryptor:
    """Second pass: plaintext of a file that a `MediaVerifier` has passed.

    Args:
        cipher_key: of the file's keys.
        iv: the same.
        length: bytes of ciphertext, whole blocks and at least one; what follows them is ignored.
    """

    def __init__(self, cipher_key: bytes, iv: bytes, length: int) -> None:
        self._cipher = _cipher(cipher_key, iv).decryptor()
        self._left = length
        self._buffer = bytearray()
        self._held = b""
        self._plain_hash = hashlib.sha256()
        self._length = 0

    def update(self, encrypted: bytes) -> bytes:
        """Decrypt the next piece; the last block is held back for `finish`."""
        size = min(len(encrypted), self._left)
        self._left -= size
        # One buffer for all pieces: memory that is fresh each time costs more than decrypting.
        if len(self._buffer) < size + BLOCK:
            self._buffer = bytearray(size + BLOCK)
        data = encrypted if size == len(encrypted) else encrypted[:size]
        written = self._cipher.update_into(data, self._buffer)
        if not written:
            return b""
        plaintext = self._held + bytes(memoryview(self._buffer)[: written - BLOCK])
        self._held = bytes(memoryview(self._buffer)[written - BLOCK : written])
        self._plain_hash.update(plaintext)
        self._length += len(plaintext)
        return plaintext

    def finish(
        self, file_sha256: bytes | None = None, file_length: int | None = None
    ) -> tuple[bytes, MediaDigest]:
        """The end of the plaintext, after the last checks.

        Args:
            file_sha256: from the message; None when it says nothing.
            file_length: from the message. It counts only where there is no hash to check: a right
                hash proves the file, whatever length was claimed.

        Returns:
            The last bytes, and the digest with an empty `file_enc_sha256`: its length is the true
            one.

        Raises:
            MediaError: the message names the check that failed. What `update` gave out is then of
                no use.
        """
        if self._left or not self._held:
            raise MediaError("the file is cut off")
        fill = self._held[-1]
        if not 1 <= fill <= BLOCK or not equal(self._held[-fill:], bytes((fill,)) * fill):
            raise MediaError("the padding is wrong")
        tail = self._held[:-fill]
        self._plain_hash.update(tail)
        self._length += len(tail)
        check_plaintext(self._plain_hash.digest(), self._length, file_sha256, file_length)
        return tail, MediaDigest(self._plain_hash.digest(), b"", self._length)


def check_plaintext(
    actual_sha256: bytes, actual_length: int, file_sha256: bytes | None, file_length: int | None
) -> None:
    """Compare a plaintext with what its message claims; also for media that is never encrypted.

    Raises:
        MediaError: the hash differs, or there is none and the length differs.
    """
    if file_sha256 is not None:
        if not equal(actual_sha256, file_sha256):
            raise MediaError("fileSha256 does not match")
    elif file_length is not None and actual_length != file_length:
        raise MediaError("fileLength does not match")


def encrypt_media(plaintext: bytes, media_key: bytes, kind: MediaKind) -> tuple[bytes, MediaDigest]:
    """Encrypt a file that is in memory.

    Raises:
        MediaError: the key is unusable.
    """
    encryptor = MediaEncryptor(media_key, kind)
    body = encryptor.update(plaintext)
    tail, digest = encryptor.finish()
    return body + tail, digest


def decrypt_media(
    encrypted: bytes,
    media_key: bytes,
    kind: MediaKind,
    *,
    file_enc_sha256: bytes | None = None,
    file_sha256: bytes | None = None,
    file_length: int | None = None,
) -> bytes:
    """Check and decrypt a file that is in memory.

    Raises:
        MediaError: the message names the check that failed.
    """
    verifier = MediaVerifier(media_key, kind, file_enc_sha256)
    verifier.update(encrypted)
    decryptor = verifier.finish()
    body = decryptor.update(encrypted)
    tail, _ = decryptor.finish(file_sha256, file_length)
    return body + tail


def _cipher(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(iv))
