from __future__ import annotations

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from waport.errors import MediaError
from waport.media import (
    CHUNK,
    MediaDigest,
    MediaEncryptor,
    MediaKind,
    MediaVerifier,
    check_plaintext,
    decrypt_media,
    encrypt_media,
    expand_media_key,
)
from waport.media.cipher import MediaDecryptor

KEY = bytes(range(32))
PLAIN = b"hello media"
FILE = bytes.fromhex("7f9bef39ef1650caa4aba10652270c9960575dfb7ec0f89ab88f")
FILE_SHA256 = bytes.fromhex("d28d2954ff97ac68052c4beff8c84ad0960d1408540fc486256cdd7cd68dd1fe")
FILE_ENC_SHA256 = bytes.fromhex("de874ad67c12271286a9e2afae8be0d1a85b91c2438c5679aa4609b86d292cd3")


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def encrypt_in(given: list[bytes]) -> tuple[bytes, MediaDigest]:
    encryptor = MediaEncryptor(KEY, MediaKind.IMAGE)
    body = b"".join(encryptor.update(piece) for piece in given)
    tail, digest = encryptor.finish()
    return body + tail, digest


def decrypt_in(given: list[bytes], **expected: bytes) -> bytes:
    verifier = MediaVerifier(KEY, MediaKind.IMAGE)
    for piece in given:
        verifier.update(piece)
    decryptor = verifier.finish()
    body = b"".join(decryptor.update(piece) for piece in given)
    tail, _ = decryptor.finish(**expected)
    return body + tail


def test_the_worked_example_encrypts() -> None:
    assert encrypt_media(PLAIN, KEY, MediaKind.IMAGE) == (
        FILE,
        MediaDigest(FILE_SHA256, FILE_ENC_SHA256, 11),
    )


@pytest.mark.parametrize("size", [1, 7, 10, 15, 16, 17, 100, 1000])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32, 1000])
def test_the_size_of_pieces_makes_no_difference(size: int, length: int) -> None:
    plaintext = os.urandom(length)
    whole, digest = encrypt_media(plaintext, KEY, MediaKind.IMAGE)
    assert encrypt_in(pieces(plaintext, size)) == (whole, digest)
    assert decrypt_in(pieces(whole, size), file_sha256=digest.file_sha256) == plaintext


def test_plaintext_comes_while_the_file_is_read() -> None:
    whole, _ = encrypt_media(bytes(CHUNK * 3), KEY, MediaKind.IMAGE)
    verifier = MediaVerifier(KEY, MediaKind.IMAGE)
    verifier.update(whole)
    decryptor = verifier.finish()
    given = [len(decryptor.update(piece)) for piece in pieces(whole, CHUNK)]
    # One block is held back, because it may be padding.
    assert given == [CHUNK - 16, CHUNK, CHUNK, 16]


@pytest.mark.parametrize("at", [0, 5, 15, 16, 25])
def test_a_changed_byte_anywhere_is_found_before_any_plaintext(at: int) -> None:
    changed = bytearray(FILE)
    changed[at] ^= 1
    verifier = MediaVerifier(KEY, MediaKind.IMAGE)
    verifier.update(bytes(changed))
    with pytest.raises(MediaError, match="MAC"):
        verifier.finish()


def test_the_hash_is_checked_before_the_mac() -> None:
    verifier = MediaVerifier(KEY, MediaKind.IMAGE, bytes(32))
    verifier.update(b"")
    with pytest.raises(MediaError, match="fileEncSha256"):
        verifier.finish()


@pytest.mark.parametrize("length", [0, 1, 9, 10])
def test_a_file_without_room_for_ciphertext_is_refused(length: int) -> None:
    with pytest.raises(MediaError, match="shorter"):
        decrypt_media(bytes(length), KEY, MediaKind.IMAGE)


def forge(ciphertext: bytes) -> bytes:
    """A file with a right MAC around any ciphertext."""
    keys = expand_media_key(KEY, MediaKind.IMAGE)
    return ciphertext + hmac.digest(keys.mac_key, keys.iv + ciphertext, "sha256")[:10]


@pytest.mark.parametrize("length", [1, 15, 17, 31])
def test_a_file_that_is_not_whole_blocks_is_refused(length: int) -> None:
    with pytest.raises(MediaError, match="blocks"):
        decrypt_media(forge(bytes(length)), KEY, MediaKind.IMAGE)


@pytest.mark.parametrize(
    "last", [bytes(16), bytes((17,)) * 16, bytes(15) + b"\x02", bytes((255,)) * 16]
)
def test_wrong_padding_is_refused(last: bytes) -> None:
    keys = expand_media_key(KEY, MediaKind.IMAGE)
    cipher = Cipher(algorithms.AES(keys.cipher_key), modes.CBC(keys.iv)).encryptor()
    with pytest.raises(MediaError, match="padding"):
        decrypt_media(forge(cipher.update(bytes(16) + last)), KEY, MediaKind.IMAGE)


def test_a_file_that_shrinks_between_the_passes_is_refused() -> None:
    verifier = MediaVerifier(KEY, MediaKind.IMAGE)
    verifier.update(FILE)
    decryptor = verifier.finish()
    decryptor.update(FILE[:10])
    with pytest.raises(MediaError, match="cut off"):
        decryptor.finish()


def test_what_follows_the_ciphertext_is_ignored() -> None:
    verifier = MediaVerifier(KEY, MediaKind.IMAGE)
    verifier.update(FILE)
    decryptor = verifier.finish()
    assert decryptor.update(FILE + bytes(100)) + decryptor.finish()[0] == PLAIN


def test_a_decryptor_without_input_gives_nothing() -> None:
    with pytest.raises(MediaError):
        MediaDecryptor(bytes(32), bytes(16), 16).finish()


def test_another_kind_of_key_does_not_open_a_file() -> None:
    with pytest.raises(MediaError, match="MAC"):
        decrypt_media(FILE, KEY, MediaKind.VIDEO)


def test_the_plaintext_is_checked() -> None:
    with pytest.raises(MediaError, match="fileSha256"):
        decrypt_media(FILE, KEY, MediaKind.IMAGE, file_sha256=bytes(32))
    with pytest.raises(MediaError, match="fileLength"):
        decrypt_media(FILE, KEY, MediaKind.IMAGE, file_length=12)
    assert decrypt_media(FILE, KEY, MediaKind.IMAGE, file_length=11) == PLAIN


def test_a_right_hash_outweighs_a_wrong_length() -> None:
    opened = decrypt_media(FILE, KEY, MediaKind.IMAGE, file_sha256=FILE_SHA256, file_length=12)
    assert opened == PLAIN


def test_plain_media_is_checked_by_the_same_rule() -> None:
    digest = hashlib.sha256(PLAIN).digest()
    check_plaintext(digest, 11, digest, 99)
    check_plaintext(digest, 11, None, None)
    with pytest.raises(MediaError):
        check_plaintext(digest, 11, bytes(32), 11)
    with pytest.raises(MediaError):
        check_plaintext(digest, 11, None, 99)


def test_a_hash_of_another_size_never_matches() -> None:
    with pytest.raises(MediaError):
        decrypt_media(FILE, KEY, MediaKind.IMAGE, file_enc_sha256=FILE_ENC_SHA256[:16])
