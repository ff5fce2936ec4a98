"""Media files, retries and history blobs, made by another implementation."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from waport.errors import MediaError
from waport.media import (
    CHUNK,
    MAC_SIZE,
    MediaEncryptor,
    MediaKind,
    SealedRetry,
    decrypt_media,
    encrypt_media,
    expand_media_key,
    open_retry_answer,
    retry_key,
    seal_retry_request,
    upload_token,
)
from waport.proto import pb
from waport.stanza.media import RetrySubject, media_retry_receipt, parse_media_retry
from waport.wire import Jid, Node

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "media.json").read_text(encoding="utf-8")
)
ANSWERED = [case for case in VECTORS["retry"] if "request" in case]
REFUSED = [case for case in VECTORS["retry"] if "request" not in case]


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def plaintext_of(case: dict[str, Any]) -> bytes:
    given = case["plaintext"]
    if isinstance(given, str):
        return raw(given)
    pattern = raw(given["pattern"])
    return (pattern * (given["length"] // len(pattern) + 1))[: given["length"]]


def node_of(value: dict[str, Any]) -> Node:
    content = value["content"]
    if content is None:
        inner: bytes | list[Node] | None = None
    elif content["kind"] == "bytes":
        inner = raw(content["hex"])
    else:
        inner = [node_of(item) for item in content["items"]]
    return Node(value["tag"], dict(value["attrs"]), inner)


def plain(node: Node) -> tuple[Any, ...]:
    """A node in a form that does not tell a JID from its text, nor the order of children."""
    content = node.content
    inner: object = content
    if isinstance(content, list):
        inner = sorted((plain(child) for child in content), key=repr)
    return node.tag, {name: str(value) for name, value in node.attrs.items()}, inner


@pytest.mark.parametrize("case", VECTORS["key_expansion"], ids=lambda case: case["type"])
def test_a_media_key_expands(case: dict[str, Any]) -> None:
    kind = MediaKind(case["type"])
    assert kind.key_info == case["info"]
    keys = expand_media_key(raw(case["media_key"]), kind)
    assert keys.iv.hex() == case["iv"]
    assert keys.cipher_key.hex() == case["cipher_key"]
    assert keys.mac_key.hex() == case["mac_key"]
    assert keys.ref_key.hex() == case["ref_key"]


@pytest.mark.parametrize(
    "case", VECTORS["files"], ids=lambda case: f"{case['type']}-{case['file_length']}"
)
def test_a_file_encrypts_and_decrypts(case: dict[str, Any]) -> None:
    kind, key = MediaKind(case["type"]), raw(case["media_key"])
    plaintext = plaintext_of(case)
    encrypted, digest = encrypt_media(plaintext, key, kind)
    if case["encrypted"] is None:
        assert len(encrypted) == case["encrypted_length"]
    else:
        assert encrypted.hex() == case["encrypted"]
    assert encrypted[-MAC_SIZE:].hex() == case["mac"]
    assert digest.file_sha256.hex() == case["file_sha256"]
    assert digest.file_enc_sha256.hex() == case["file_enc_sha256"]
    assert digest.file_length == case["file_length"]
    assert plaintext == decrypt_media(
        encrypted,
        key,
        kind,
        file_enc_sha256=digest.file_enc_sha256,
        file_sha256=digest.file_sha256,
        file_length=digest.file_length,
    )


def test_pieces_give_the_same_file() -> None:
    case = VECTORS["files"][-1]
    encryptor = MediaEncryptor(raw(case["media_key"]), MediaKind(case["type"]))
    plaintext = plaintext_of(case)
    size = 0
    for start in range(0, len(plaintext), CHUNK // 7):
        size += len(encryptor.update(plaintext[start : start + CHUNK // 7]))
    tail, digest = encryptor.finish()
    assert size + len(tail) == case["encrypted_length"]
    assert digest.file_enc_sha256.hex() == case["file_enc_sha256"]


@pytest.mark.parametrize("case", VECTORS["rejected"], ids=lambda case: case["name"])
def test_a_bad_file_is_refused(case: dict[str, Any]) -> None:
    assert case["expect"] == "reject"
    with pytest.raises(MediaError) as refusal:
        decrypt_media(
            raw(case["encrypted"]),
            raw(case["media_key"]),
            MediaKind(case["type"]),
            file_enc_sha256=raw(case["file_enc_sha256"]),
            file_sha256=raw(case["file_sha256"]),
        )
    named = {
        "MAC": "MAC",
        "file_enc_sha256": "fileEncSha256",
        "file_sha256": "fileSha256",
        "too short": "shorter",
    }
    assert named[case["reason"]] in str(refusal.value)


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["key"]["id"])
def test_a_retry_request_matches(case: dict[str, Any]) -> None:
    key, message_id = raw(case["media_key"]), case["key"]["id"]
    assert retry_key(key).hex() == case["retry_key"]
    iv = raw(case["request"]["iv"])
    sealed = seal_retry_request(key, message_id, lambda size: iv[:size])
    assert sealed.ciphertext.hex() == case["request"]["ciphertext"]
    participant = case["key"].get("participant")
    subject = RetrySubject(
        Jid.parse(case["key"]["remoteJid"]),
        case["key"]["fromMe"],
        None if participant is None else Jid.parse(participant),
    )
    receipt = media_retry_receipt(message_id, Jid.parse(case["own_jid"]), sealed, subject)
    assert plain(receipt) == plain(node_of(case["request"]["node"]))


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["key"]["id"])
def test_a_retry_answer_is_read(case: dict[str, Any]) -> None:
    key, message_id = raw(case["media_key"]), case["key"]["id"]
    notification = parse_media_retry(node_of(case["notification"]["node"]))
    assert notification.message_id == message_id
    assert notification.subject is not None
    assert str(notification.subject.chat) == case["key"]["remoteJid"]
    assert notification.subject.from_me == case["key"]["fromMe"]
    expected = case["notification"]["json"]
    assert notification.sealed is not None
    answer = open_retry_answer(key, message_id, notification.sealed)
    assert answer.result.name == expected["result"]
    assert answer.direct_path == expected.get("directPath")


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["key"]["id"])
def test_a_tampered_retry_answer_is_refused(case: dict[str, Any]) -> None:
    assert case["tampered_expect"] == "reject"
    sealed = SealedRetry(raw(case["tampered_ciphertext"]), raw(case["notification"]["iv"]))
    with pytest.raises(MediaError):
        open_retry_answer(raw(case["media_key"]), case["key"]["id"], sealed)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_an_error_answer_tells_its_code(case: dict[str, Any]) -> None:
    assert case["expect"] == "error"
    notification = parse_media_retry(node_of(case["node"]))
    assert notification.sealed is None
    assert notification.error == case["error_code"]


@pytest.mark.parametrize("case", VECTORS["history"], ids=lambda case: case["file_sha256"][:8])
def test_a_history_blob_decrypts_and_inflates(case: dict[str, Any]) -> None:
    blob = decrypt_media(
        raw(case["encrypted"]),
        raw(case["media_key"]),
        MediaKind.HISTORY,
        file_enc_sha256=raw(case["file_enc_sha256"]),
        file_sha256=raw(case["file_sha256"]),
    )
    assert len(blob) == case["file_length"]
    inflated = zlib.decompress(blob)
    assert inflated.hex() == case["inflated"]
    history = pb.HistorySync.FromString(inflated)
    assert pb.HistorySync.HistorySyncType.Name(history.syncType) == case["json"]["syncType"]


@pytest.mark.parametrize("case", VECTORS["upload_token"], ids=lambda case: case["token"][:8])
def test_an_upload_token_matches(case: dict[str, Any]) -> None:
    assert upload_token(raw(case["file_enc_sha256"])) == case["token"]
