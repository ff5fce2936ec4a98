"""Media files: keys, streamed encryption, sidecars, and the request to upload one again."""

from .cipher import (
    CHUNK,
    MAC_SIZE,
    MediaDecryptor,
    MediaDigest,
    MediaEncryptor,
    MediaVerifier,
    check_plaintext,
    decrypt_media,
    encrypt_media,
)
from .keys import MEDIA_KEY_SIZE, MediaKeys, MediaKind, expand_media_key, upload_token
from .retry import (
    RetryAnswer,
    RetryResult,
    SealedRetry,
    open_retry_answer,
    retry_key,
    seal_retry_request,
)
from .sidecar import Sidecar, sidecar

__all__ = [
    "CHUNK",
    "MAC_SIZE",
    "MEDIA_KEY_SIZE",
    "MediaDecryptor",
    "MediaDigest",
    "MediaEncryptor",
    "MediaKeys",
    "MediaKind",
    "MediaVerifier",
    "RetryAnswer",
    "RetryResult",
    "SealedRetry",
    "Sidecar",
    "check_plaintext",
    "decrypt_media",
    "encrypt_media",
    "expand_media_key",
    "open_retry_answer",
    "retry_key",
    "seal_retry_request",
    "sidecar",
    "upload_token",
]
