"""Asking the phone to upload a file again: what both sides say, encrypted with the media key.

Source: docs/protocol/messages.md, "Media retry".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.message import DecodeError as ProtobufError

from ..crypto import RandomBytes, aes_gcm_decrypt, aes_gcm_encrypt, hkdf
from ..errors import CryptoError, MediaError
from ..proto import pb
from .keys import MEDIA_KEY_SIZE

IV_SIZE = 12
_INFO = b"WhatsApp Media Retry Notification"


class RetryResult(IntEnum):
    """What came of a request."""

    GENERAL_ERROR = 0
    SUCCESS = 1
    NOT_FOUND = 2
    DECRYPTION_ERROR = 3


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    """The phone's answer.

    Attributes:
        result: what came of it.
        direct_path: where the file lies now; set if and only if it was a success.
    """

    result: RetryResult
    direct_path: str | None


@dataclass(frozen=True, slots=True)
class SealedRetry:
    """A request or an answer as it travels: GCM ciphertext with its tag, and a 12-byte IV."""

    ciphertext: bytes
    iv: bytes


def retry_key(media_key: bytes) -> bytes:
    """The 32-byte key of requests and answers about one file.

    Raises:
        MediaError: the media key is not 32 bytes.
    """
    if len(media_key) != MEDIA_KEY_SIZE:
        raise MediaError("a media key has 32 bytes")
    return hkdf(media_key, b"", _INFO, 32)


def seal_retry_request(
    media_key: bytes, message_id: str, random_bytes: RandomBytes = os.urandom
) -> SealedRetry:
    """Ask for the file of a message.

    Raises:
        MediaError: the media key is not 32 bytes.
    """
    key = retry_key(media_key)
    request = pb.ServerErrorReceipt(stanzaId=message_id).SerializeToString()
    iv = random_bytes(IV_SIZE)
    return SealedRetry(aes_gcm_encrypt(key, iv, request, message_id.encode()), iv)


def open_retry_answer(media_key: bytes, message_id: str, sealed: SealedRetry) -> RetryAnswer:
    """Read the phone's answer.

    Raises:
        MediaError: the answer is forged, damaged, or about another message.
    """
    key = retry_key(media_key)
    if len(sealed.iv) != IV_SIZE:
        raise MediaError("the IV of a retry answer has 12 bytes")
    try:
        plaintext = aes_gcm_decrypt(key, sealed.iv, sealed.ciphertext, message_id.encode())
        answer = pb.MediaRetryNotification.FromString(plaintext)
    except (CryptoError, ProtobufError) as exc:
        raise MediaError("a retry answer cannot be read") from exc
    if answer.stanzaId != message_id:
        raise MediaError("a retry answer speaks of another message")
    result = RetryResult(answer.result)
    if result is not RetryResult.SUCCESS:
        return RetryAnswer(result, None)
    path: object = answer.directPath
    # The library hands out bytes where a text is not UTF-8.
    if not isinstance(path, str) or not path:
        raise MediaError("a retry answer names no path")
    return RetryAnswer(result, path)
