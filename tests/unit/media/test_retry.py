from __future__ import annotations

import pytest

from waport.crypto import aes_gcm_encrypt
from waport.errors import MediaError
from waport.media import (
    RetryResult,
    SealedRetry,
    open_retry_answer,
    retry_key,
    seal_retry_request,
)
from waport.proto import pb

KEY = bytes(range(32))
ID = "3EB0C7D9A1F2B3C4D5E6F7"


def answer(message: bytes, *, aad: str = ID, iv: bytes = bytes(12)) -> SealedRetry:
    return SealedRetry(aes_gcm_encrypt(retry_key(KEY), iv, message, aad.encode()), iv)


def success(**changes: object) -> bytes:
    fields = {"stanzaId": ID, "directPath": "/v/x", "result": 1, **changes}
    return pb.MediaRetryNotification(**fields).SerializeToString()


def test_a_request_is_bound_to_its_message() -> None:
    sealed = seal_retry_request(KEY, ID, lambda size: bytes(size))
    assert sealed.iv == bytes(12)
    assert sealed != seal_retry_request(KEY, ID[:-1] + "8", lambda size: bytes(size))


def test_each_request_has_an_iv_of_its_own() -> None:
    assert seal_retry_request(KEY, ID).iv != seal_retry_request(KEY, ID).iv


def test_a_success_names_the_new_path() -> None:
    opened = open_retry_answer(KEY, ID, answer(success()))
    assert (opened.result, opened.direct_path) == (RetryResult.SUCCESS, "/v/x")


@pytest.mark.parametrize(
    "result", [RetryResult.GENERAL_ERROR, RetryResult.NOT_FOUND, RetryResult.DECRYPTION_ERROR]
)
def test_a_failure_names_no_path(result: RetryResult) -> None:
    opened = open_retry_answer(KEY, ID, answer(success(result=int(result))))
    assert (opened.result, opened.direct_path) == (result, None)


@pytest.mark.parametrize(
    "sealed",
    [
        answer(success(), aad="3EB0"),
        answer(success(stanzaId="3EB0")),
        answer(success(directPath="")),
        answer(b"\x0a\xff"),
        answer(b""),
        answer(b"\x0a\x16" + ID.encode() + b"\x12\x02\xff\xfe\x18\x01"),
        SealedRetry(b"", bytes(12)),
        SealedRetry(bytes(40), bytes(12)),
        SealedRetry(answer(success()).ciphertext, bytes(11)),
        SealedRetry(answer(success()).ciphertext, b""),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(sealed: SealedRetry) -> None:
    with pytest.raises(MediaError):
        open_retry_answer(KEY, ID, sealed)


def test_a_result_of_tomorrow_is_a_general_error() -> None:
    unknown = pb.MediaRetryNotification(stanzaId=ID).SerializeToString() + b"\x18\x63"
    opened = open_retry_answer(KEY, ID, answer(unknown))
    assert opened.result is RetryResult.GENERAL_ERROR


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_media_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(MediaError):
        seal_retry_request(bytes(size), ID)
