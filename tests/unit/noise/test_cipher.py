from __future__ import annotations

import pytest

from waport.crypto import aes_gcm_decrypt, aes_gcm_encrypt
from waport.errors import CryptoError, DecodeError, InvalidInput
from waport.noise import MAX_FRAME, TransportCipher

A = bytes(range(32))
B = bytes(range(32, 64))


def pair() -> tuple[TransportCipher, TransportCipher]:
    return TransportCipher(A, B), TransportCipher(B, A)


def test_frames_travel_both_ways_with_counters_of_their_own() -> None:
    client, server = pair()
    for number in range(3):
        assert server.decrypt(client.encrypt(b"up %d" % number)) == b"up %d" % number
    assert client.decrypt(server.encrypt(b"down")) == b"down"
    assert (client.write_counter, client.read_counter) == (3, 1)
    assert (server.write_counter, server.read_counter) == (1, 3)


def test_the_nonce_is_eight_zero_bytes_and_a_big_endian_counter_without_additional_data() -> None:
    client, _ = pair()
    client.write_counter = 0x01020304
    body = client.encrypt(b"x")
    assert aes_gcm_decrypt(A, bytes(8) + b"\x01\x02\x03\x04", body, b"") == b"x"


def test_the_published_frames_are_reproduced() -> None:
    write = bytes.fromhex("a458472ad6801f07ceecc6ecc1aab82f5b3e52670fcf543b50d605a9a29a0011")
    read = bytes.fromhex("dec8981dd246850b16dcef2fcdf374b296a2ef1a204d73a96de3eadb780d9a2b")
    stanza = bytes.fromhex("00f80102")
    client = TransportCipher(write, read)
    assert client.encrypt(stanza).hex() == "082ff26a5f2b5bbf8660a7d82965e76153749323"
    assert client.encrypt(stanza).hex() == "2cf5c88713fcdd9949a36f64a842d1bd1538a897"
    answer = bytes.fromhex("5f6d1fac19a7371bfcbb7fe0d226cf041a5762b8")
    assert client.decrypt(answer) == stanza


@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_body_shorter_than_a_tag_is_refused(size: int) -> None:
    client, _ = pair()
    with pytest.raises(DecodeError):
        client.decrypt(bytes(size))


def test_a_changed_repeated_or_reordered_frame_is_refused() -> None:
    client, server = pair()
    first, second = client.encrypt(b"first"), client.encrypt(b"second")
    with pytest.raises(CryptoError):
        server.decrypt(second)
    with pytest.raises(CryptoError):
        server.decrypt(first[:-1] + bytes((first[-1] ^ 1,)))
    assert server.decrypt(first) == b"first"
    with pytest.raises(CryptoError):
        server.decrypt(first)


def test_the_longest_plaintext_fits_and_one_byte_more_uses_no_nonce() -> None:
    client, _ = pair()
    with pytest.raises(InvalidInput):
        client.encrypt(bytes(MAX_FRAME - 15))
    assert client.write_counter == 0
    assert len(client.encrypt(bytes(MAX_FRAME - 16))) == MAX_FRAME
    assert client.write_counter == 1


def test_the_counters_never_wrap() -> None:
    client, server = pair()
    last = 2**32 - 1
    client.write_counter = server.read_counter = last
    assert server.decrypt(client.encrypt(b"last")) == b"last"
    with pytest.raises(CryptoError, match="used up"):
        client.encrypt(b"one more")
    assert client.write_counter == 2**32
    wrapped = aes_gcm_encrypt(A, bytes(12), b"wrapped")
    with pytest.raises(CryptoError, match="used up"):
        server.decrypt(wrapped)
