from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waport.errors import MediaError
from waport.media import (
    MediaEncryptor,
    MediaKind,
    MediaVerifier,
    Sidecar,
    decrypt_media,
    encrypt_media,
    sidecar,
)

KEYS = st.binary(min_size=32, max_size=32)
KINDS = st.sampled_from([kind for kind in MediaKind if kind.is_encrypted])
PIECES = st.lists(st.binary(max_size=100), max_size=12)


@given(KEYS, KINDS, PIECES)
def test_any_cut_of_a_file_encrypts_to_the_same(
    key: bytes, kind: MediaKind, pieces: list[bytes]
) -> None:
    encryptor = MediaEncryptor(key, kind)
    body = b"".join([encryptor.update(piece) for piece in pieces])
    tail, digest = encryptor.finish()
    assert (body + tail, digest) == encrypt_media(b"".join(pieces), key, kind)


@given(KEYS, KINDS, st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=8))
def test_any_cut_of_an_encrypted_file_decrypts_to_the_same(
    key: bytes, kind: MediaKind, plaintext: bytes, cuts: list[int]
) -> None:
    encrypted, digest = encrypt_media(plaintext, key, kind)
    edges = [0, *sorted(min(cut, len(encrypted)) for cut in cuts), len(encrypted)]
    pieces = [encrypted[a:b] for a, b in pairwise(edges)]
    verifier = MediaVerifier(key, kind, digest.file_enc_sha256)
    for piece in pieces:
        verifier.update(piece)
    decryptor = verifier.finish()
    body = b"".join([decryptor.update(piece) for piece in pieces])
    tail, opened = decryptor.finish(digest.file_sha256, digest.file_length)
    assert body + tail == plaintext
    assert opened.file_sha256 == digest.file_sha256


@given(KEYS, st.binary(max_size=200), st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_is_noticed(key: bytes, plaintext: bytes, at: int, flip: int) -> None:
    encrypted, _ = encrypt_media(plaintext, key, MediaKind.IMAGE)
    changed = bytearray(encrypted)
    changed[at % len(changed)] ^= flip
    with pytest.raises(MediaError):
        decrypt_media(bytes(changed), key, MediaKind.IMAGE)


@given(KEYS, st.binary(max_size=120))
def test_no_bytes_are_a_file_by_chance(key: bytes, data: bytes) -> None:
    with pytest.raises(MediaError):
        decrypt_media(data, key, MediaKind.IMAGE)


@given(KEYS, st.lists(st.integers(0, 50_000), max_size=10))
def test_any_cut_of_a_file_has_the_same_sidecar(key: bytes, sizes: list[int]) -> None:
    data = bytes(range(256)) * (sum(sizes) // 256 + 1)
    builder = Sidecar(key)
    at = 0
    for size in sizes:
        builder.update(data[at : at + size])
        at += size
    assert builder.finish() == sidecar([data[:at]], key)
